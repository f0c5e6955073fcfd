"""Django's `migrate`, run as the owner; afterwards the guards are put in place and the app role gets its rights."""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connections

from config.postgres.guards import install_guards
from config.postgres.roles import as_owner, ensure_app_role, grant_app_role, kept_tables


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        with as_owner(connection):
            if options["plan"] or options["check_unapplied"]:
                super().handle(*args, **options)
                return
            ensure_app_role(connection)
            super().handle(*args, **options)
            present = set(connection.introspection.table_names())
            missing = [table for table in kept_tables() if table not in present]
            if missing and not options["app_label"]:
                raise CommandError(f"KEPT_TABLES of some guards.py names no table: {', '.join(missing)}.")
            if not missing:
                install_guards(connection)
            grant_app_role(connection, tuple(table for table in kept_tables() if table in present))
