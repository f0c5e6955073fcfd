"""Compute the people a trial of two risks needs for a power, or the power that people give."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analysis.design import BadPlan, Plan, risk_from_odds_ratio
from analysis.planning import sample_size, sample_size_table
from analysis.tables import to_text


class Command(BaseCommand):
    """Compute sample size or power; no database is asked."""

    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the risks, what is asked, what the trial has to allow for, and the form of the answer."""
        parser.add_argument(
            "--control", type=float, required=True, help="risk in the control arm, such as 0.011"
        )
        effect = parser.add_mutually_exclusive_group(required=True)
        effect.add_argument("--screening", type=float, help="risk in the screening arm, such as 0.022")
        effect.add_argument(
            "--odds-ratio", type=float, help="odds ratio, in place of the screening arm's risk"
        )
        asked = parser.add_mutually_exclusive_group(required=True)
        asked.add_argument("--power", type=float, help="power wanted, such as 0.9: gives the people")
        asked.add_argument("--n", type=int, help="people in the control arm: gives the power")
        parser.add_argument("--ratio", type=float, default=1.0, help="screening to control (1)")
        parser.add_argument("--alpha", type=float, default=0.05, help="two-sided (0.05)")
        parser.add_argument(
            "--margin", type=float, help="non-inferiority: the risk difference not to be reached"
        )
        parser.add_argument("--harm", action="store_true", help="with --margin: fewer events are better")
        parser.add_argument("--cluster-size", type=float, help="people in a cluster, on average")
        parser.add_argument("--icc", type=float, default=0.0, help="intracluster correlation (0)")
        parser.add_argument(
            "--cluster-cv", type=float, default=0.0, help="variation of cluster sizes, SD/mean (0)"
        )
        parser.add_argument("--dropout", type=float, default=0.0, help="share lost before the end (0)")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> None:
        """Compute, and print a table or JSON."""
        try:
            answer = sample_size(_plan(options), power=options["power"], people=options["n"])
        except BadPlan as no:
            raise CommandError(str(no)) from None
        as_json = json.dumps(answer, ensure_ascii=False, indent=1, allow_nan=False)
        self.stdout.write(as_json if options["json"] else to_text(sample_size_table(answer)))


def _plan(options: dict[str, Any]) -> Plan:
    screening = options["screening"]
    if screening is None:
        screening = risk_from_odds_ratio(options["control"], options["odds_ratio"])
    given = {name: options[name] for name in Plan._fields if name != "screening"}
    return Plan(**given, screening=screening)
