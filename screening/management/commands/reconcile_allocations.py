"""After a restore: show the allocations that the log outside has and the database lost; --commit puts them back."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from screening.management.arguments import WHOLE_CALL_REFUSED, add_by
from screening.services.reconciliation import reconcile
from trial import audit
from trial.allocation_log import OnHold
from trial.keys import KeyUnusable
from trial.management.base import TrialCommand
from trial.models import Trial, User
from trial.roles import Permission
from trial.services.reconciliation import Lost, lost_of
from trial.services.trials import Refused, require


class Command(TrialCommand):
    """Exit code 0: record and log agree, or will; 1: somebody can't be put back yet; 2: nothing was read."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the trial and who answers for its list."""
        parser.add_argument("trial", metavar="TRIAL", help="code of the trial")
        add_by(parser)
        parser.add_argument("--commit", action="store_true", help="put them back; without, nothing changes")
        parser.add_argument("--json", action="store_true", help="print the answer as JSON")

    def handle(self, **options: Any) -> None:
        """Compare, put back if asked to, and say what became of each."""
        trial = self.trial(options["trial"])
        try:
            with audit.entry("command"):
                by = self._by(options["by"], trial, commit=options["commit"])
                lost = lost_of(trial)
        except (Refused, KeyUnusable, OnHold) as no:
            raise CommandError(str(no), returncode=WHOLE_CALL_REFUSED) from None
        hindered = [one for one in lost if one.obstacle]
        done = bool(options["commit"] and by and lost and not hindered)
        if done and by:
            self._commit(trial, by)
        self._say(trial, lost, done=done, as_json=options["json"])
        if hindered:
            raise CommandError(
                f"{len(hindered)} of {len(lost)} can't be put back yet: nothing is, and the trial stays on hold.",
                returncode=1,
            )

    def _by(self, username: str | None, trial: Trial, *, commit: bool) -> User | None:
        if username is None:
            if commit:
                raise Refused("Say who answers for the list: --by the randomization statistician.")
            return None
        by = User.objects.filter(username=username).first()
        if by is None:
            raise Refused(f"There is no account {username!r} (--by).")
        require(by, Permission.UPLOAD_ALLOCATION_LIST if commit else Permission.VERIFY_ALLOCATIONS, trial)
        return by

    def _commit(self, trial: Trial, by: User) -> None:
        try:
            with audit.entry("command"):
                reconcile(trial, by=by)
        except (Refused, KeyUnusable, OnHold) as no:
            raise CommandError(str(no), returncode=1) from None

    def _say(self, trial: Trial, lost: list[Lost], *, done: bool, as_json: bool) -> None:
        if as_json:
            told = [one.place | {"obstacle": one.obstacle} for one in lost]
            answer = {"trial": trial.code, "lost": told, "committed": done}
            self.stdout.write(json.dumps(answer, indent=1))
            return
        for one in lost:
            place = "{participant}: {stratum}, list {list}, place {sequence}, {randomized_on}".format(
                **one.place
            )
            self.stdout.write(f"  {place}. {one.obstacle}".rstrip())
        if not lost:
            self.stdout.write(f"Trial {trial.code}: the record has every allocation of the log.")
        elif done:
            self.stdout.write(f"{len(lost)} allocations were put back. Run verify_allocations {trial.code}.")
        else:
            self.stdout.write(
                f"{len(lost)} allocations of the log are lost (a preview, nothing was written)."
            )
