"""Import clinical facts from a CSV extract: first a preview, then, with --commit, the same written."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from screening.importing.kinds import KINDS
from screening.importing.plan import Judgment, Plan, Verdict, commit, make_plan
from screening.importing.table import Table, TableRefused, read_table
from screening.management.arguments import WHOLE_CALL_REFUSED, add_by, add_trial, site_of, user_of
from trial import audit
from trial.management.base import TrialCommand
from trial.services.trials import Refused, require_open

LONG = 1000  # rows; shorter files are read before a bar could be seen
SHOWN = 50  # lines of a kind in the text answer; the JSON answer has all


class Command(TrialCommand):
    """Preview or import an extract. Exit code 0: all rows fit; 1: some were refused; 2: nothing was read."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the file, what it holds and for which trial."""
        parser.add_argument("file", type=Path, metavar="FILE.csv")
        add_trial(parser)
        add_by(parser)
        parser.add_argument("--kind", required=True, choices=list(KINDS), help="what the rows say")
        parser.add_argument("--commit", action="store_true", help="write it; without, nothing changes")
        parser.add_argument("--json", action="store_true", help="print the answer as JSON")

    def handle(self, **options: Any) -> None:
        """Plan, write if asked to, and say what became of the rows."""
        try:
            with audit.entry("command"):
                plan = self._run(**options)
        except (Refused, TableRefused) as no:
            raise CommandError(f"{options['file'].name}: {no}", returncode=WHOLE_CALL_REFUSED) from None
        if options["json"]:
            self.stdout.write(json.dumps(_plain(plan, options), indent=1))
        else:
            self._say(plan, options)
        if refused := plan.counts()["refused"]:
            left = "left out; the others are written" if options["commit"] else "to be left out"
            raise CommandError(
                f"{refused} of {len(plan.judgments)} rows were refused ({left}).", returncode=1
            )

    def _run(self, **options: Any) -> Plan:
        table = _read(options["file"])
        chosen = KINDS[options["kind"]]
        # Only who is registered gets a site; everybody else has one.
        site = site_of(self, options["trial"], options["site"], tell=chosen.registers)
        # A file may name people of every site.
        sites = site.trial.sites.select_related("trial")
        by = user_of(options["by"], chosen.permission, sites)
        require_open(site.trial)
        kind = chosen(site.trial, site)
        track = _track(table)
        plan = make_plan(kind, table, track=track)
        if options["commit"]:
            commit(kind, plan, by=by, track=track)
        return plan

    def _say(self, plan: Plan, options: dict[str, Any]) -> None:
        for verdict in (Verdict.CHANGED, Verdict.UNCHANGED, Verdict.REFUSED) if options["verbosity"] else ():
            told = [j for j in plan.of(verdict) if j.message]
            for judged in told[:SHOWN]:
                self.stdout.write(f"  line {judged.line}: {verdict}: {judged.message}")
            if len(told) > SHOWN:
                self.stdout.write(f"  and {len(told) - SHOWN} more lines {verdict}; --json lists all")
        done = "written" if options["commit"] else "a preview, nothing was written: add --commit"
        counts = ", ".join(f"{count} {verdict}" for verdict, count in plan.counts().items())
        self.stdout.write(f"{options['file'].name} ({options['kind']}): {counts} ({done}).")


def _read(path: Path) -> Table:
    try:
        return read_table(path.read_bytes())
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}.", returncode=WHOLE_CALL_REFUSED) from None


def _track(table: Table) -> Any:
    def track(items: Iterable[Any], label: str) -> Iterable[Any]:
        return tqdm(items, desc=f"  {label}", unit="", ncols=90, disable=len(table.rows) < LONG)

    return track


def _plain(plan: Plan, options: dict[str, Any]) -> dict[str, Any]:
    told = [j for j in plan.judgments if j.verdict in (Verdict.CHANGED, Verdict.REFUSED) or j.message]
    return {
        "file": str(options["file"]),
        "trial": options["trial"],
        "kind": options["kind"],
        "committed": options["commit"],
        "counts": plan.counts(),
        "lines": [_line(judged) for judged in told],
    }


def _line(judged: Judgment) -> dict[str, Any]:
    return {
        "line": judged.line,
        "verdict": judged.verdict,
        "reason": judged.reason,
        "message": judged.message,
    }
