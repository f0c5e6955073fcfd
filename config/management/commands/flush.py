"""Django's `flush`, run as the owner: the app role may not truncate."""

from typing import Any

from django.core.management.commands import flush
from django.db import connections

from config.postgres.roles import as_owner


class Command(flush.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        with as_owner(connections[options["database"]]):
            super().handle(*args, **options)
