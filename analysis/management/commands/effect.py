"""Compare two arms of one table by every estimate and test that the analysis knows, each by its name.

Example: effect 272/2456 27/2456. No data of any trial are read. In --json what does not exist is null and "why"
says the reason; what is infinite is the text "Infinity" or "-Infinity".
"""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analysis.calculator import effect, read_arm
from analysis.calculator_text import effect_lines
from analysis.estimators import BadCounts, two_by_two


class Command(BaseCommand):
    """Read two arms, print the answer."""

    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the arms, the scans and the form of the answer."""
        parser.add_argument("screening", metavar="EVENTS/PEOPLE", help="the screening arm")
        parser.add_argument("control", metavar="EVENTS/PEOPLE", help="the control arm")
        parser.add_argument(
            "--scans", type=int, nargs=2, metavar=("SCREENING", "CONTROL"), help="people scanned in each arm"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object, in full precision")

    def handle(self, **options: Any) -> None:
        """Calculate and print."""
        try:
            table = two_by_two(*read_arm(options["screening"]), *read_arm(options["control"]))
            answer = effect(table, scans=options["scans"])
        except BadCounts as no:
            raise CommandError(str(no)) from None
        told = json.dumps(answer, indent=1, allow_nan=False) if options["json"] else None
        self.stdout.write(told or "\n".join(effect_lines(answer)))
