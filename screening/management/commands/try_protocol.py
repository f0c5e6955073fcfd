"""Try a protocol version on test data: a test trial of its own, with made-up people in every stratum, randomized."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from screening.services import made_up
from trial import audit
from trial.management.base import TrialCommand
from trial.models import ProtocolVersion, Trial, User
from trial.pages import REFUSALS
from trial.services import drafts
from trial.states import ProtocolState
from trial.streams import RuleError

TRIABLE = (ProtocolState.DRAFT, ProtocolState.APPROVED)
EACH = 2


class Command(TrialCommand):
    """Exit code 0: somebody was allocated in every combination and every draw verified; 1: not, or refused."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the trial, the version and who tries it."""
        parser.add_argument("trial", metavar="TRIAL", help="code of the trial whose protocol is tried")
        parser.add_argument(
            "--draft", type=int, metavar="N", help="number of the protocol version (the last by default)"
        )
        parser.add_argument(
            "--people", type=int, default=EACH, metavar="N", help=f"in each combination (default {EACH})"
        )
        parser.add_argument("--by", required=True, metavar="USER", help="account of the coordinator")

    def handle(self, **options: Any) -> None:
        """Make the test trial, fill it, randomize, and say what came of it."""
        version = self._version(self.trial(options["trial"]), options["draft"])
        by = User.objects.filter(username=options["by"]).first()
        if by is None:
            raise CommandError(f"There is no account {options['by']!r} (--by).")
        if not 1 <= options["people"] <= drafts.MOST_EACH:
            raise CommandError(f"--people {options['people']}: 1 to {drafts.MOST_EACH} in each combination.")
        try:
            with audit.entry("command"):
                self._try(version, options["people"], by)
        except (*REFUSALS, RuleError) as no:
            raise CommandError(str(no)) from None

    def _version(self, trial: Trial, number: int | None) -> ProtocolVersion:
        triable = trial.versions.filter(state__in=TRIABLE)
        chosen = triable.filter(number=number) if number else triable.order_by("-number")
        if version := chosen.first():
            return version
        raise CommandError(f"Trial {trial.code} has no such draft or approved version. Draft one first.")

    def _try(self, version: ProtocolVersion, each: int, by: User) -> None:
        test = drafts.try_draft(version, by=by)
        self.stdout.write(f"Trial {test.code} tries {version} (SHA-256 {version.sha256}).")
        added = made_up.add_people(test, each=each, by=by)
        scored = made_up.score_films(test)
        drawn = made_up.randomize_all(test, by=by)
        self.stdout.write(f"{added} made-up people, {scored} films scored, {drawn} randomized.")
        evidence = drafts.evidence_of(test)
        self.stdout.write(str(evidence))
        if not evidence.holds:
            raise CommandError("Not every combination was allocated and verified: see above.")
