"""Load the published trial, reconstructed from its counts, and print every published number beside ours."""

import json
import sys
from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, call_command

from analysis.services import freezes, reports
from config.demo import setup, tour
from config.demo.console import progress, show_report
from config.opscan_replay import loading
from config.opscan_replay.comparison import Comparison, Paper, compare, headlines
from config.opscan_replay.printing import show_comparisons, show_headlines
from config.opscan_replay.reconstruction import build, read
from trial import audit
from trial.roles import Role

PUBLISHED = settings.BASE_DIR / "tests" / "published" / "opscan.json"


class Command(BaseCommand):
    """Replay OPSCAN; exit 1 when a given or reproduced number differs from the paper's."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the comparisons as a list of objects")
        parser.add_argument(
            "--summary", action="store_true", help="print the main numbers and what differs only"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with audit.entry("command"):
            found = self.report()
        paper = read(PUBLISHED)
        compared = compare(found.rows, paper)
        if options["json"]:
            self.stdout.write(json.dumps([c.as_json() for c in compared], ensure_ascii=False, indent=1))
        else:
            self.show(found, compared, paper, options["summary"])
        if any(c.differs for c in compared):
            sys.exit(1)

    def report(self) -> reports.Report:
        """Load the trial if it isn't, freeze it, and compute its report as any trial's."""
        call_command("migrate", verbosity=0)
        cast = setup.accounts()
        if any(account.password for account in cast):
            tour.show_accounts(self.stderr.write, cast)
        trial = loading.load(build(read(PUBLISHED)), cast, progress)
        who = setup.by_role(cast)
        setup.ensure_plan(trial, who)
        frozen = freezes.freeze_if_changed(
            trial, purpose="replay of the published trial", by=who[Role.TRIAL_STATISTICIAN]
        )
        return reports.report(frozen)

    def show(self, found: reports.Report, compared: list[Comparison], paper: Paper, summary: bool) -> None:
        """Print the report, then each number beside the paper's (or the main ones and those that differ)."""
        say = self.stdout.write
        say("  A reconstruction from published counts, not patient data; films were not published.\n\n")
        show_report(say, found)
        if summary:
            show_headlines(say, headlines(compared, paper))
            show_comparisons(say, "What is not as printed", [c for c in compared if not c.match])
        else:
            show_comparisons(say, "Every published number", compared)
        kinds = Counter((c.kind, c.match or c.kind == "artefact") for c in compared)
        say(
            f"\n  {len(compared)} published numbers: {kinds['given', True]} given and {kinds['reproduced', True]} "
            f"reproduced match, {sum(c.differs for c in compared)} differ, {kinds['artefact', True]} are artefacts "
            "of the paper's script (see above)."
        )
        say(
            "  Given: a count from which the people were rebuilt. Reproduced: computed anew from those people."
        )
        say(
            "  Not compared: means of age and body mass index (Table 1) and of FRAX ratios (Figure 4B), for no person's"
            " values were published."
        )
