"""Draw every allocation of a trial again, from its key and its history, and compare."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from trial.keys import KeyUnusable
from trial.management.base import TrialCommand
from trial.services.verification import Differs, verify


class Command(TrialCommand):
    """Exit with 1 at the first difference between the record, the key, the lists and the log outside."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the trial."""
        parser.add_argument("trial", metavar="TRIAL", help="code of the trial")

    def handle(self, **options: Any) -> None:
        """Replay, and say what was seen."""
        trial = self.trial(options["trial"])
        try:
            count = verify(trial)
        except (Differs, KeyUnusable) as no:
            raise CommandError(str(no), returncode=1) from None
        self.stdout.write(f"All {count} allocations of trial {trial.code} are what its key and history draw.")
