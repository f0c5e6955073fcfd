"""What the commands have in common that work on trials on record."""

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from trial.models import Trial


class TrialCommand(BaseCommand):
    """A command that reads and writes trials; where there are no tables yet it says so, before anything else."""

    requires_migrations_checks = True

    def check_migrations(self) -> None:
        """Refuse a database that was never migrated."""
        if Trial._meta.db_table not in connection.introspection.table_names():
            raise CommandError("The database has no tables yet: run `python manage.py migrate` first.")

    def trial(self, code: str) -> Trial:
        """Return the trial of a code, or say which there are."""
        if trial := Trial.objects.filter(code=code).first():
            return trial
        known = ", ".join(Trial.objects.order_by("code").values_list("code", flat=True)) or "none yet"
        raise CommandError(f"There is no trial {code!r}. Trials: {known}.")
