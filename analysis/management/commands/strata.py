"""Compare two arms stratum by stratum, and over all strata: Mantel-Haenszel, Breslow-Day, both interaction tests.

Example: strata 117/751,6/761 155/1705,21/1695 (screening,control in each stratum). No data of any trial are read. In
--json what does not exist is null and "why" says the reason; what is infinite is the text "Infinity" or "-Infinity".
"""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analysis.calculator import read_strata, strata
from analysis.calculator_text import strata_lines
from analysis.estimators import BadCounts


class Command(BaseCommand):
    """Read the strata, print the answer."""

    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the strata and the form of the answer."""
        parser.add_argument(
            "strata", nargs="+", metavar="EVENTS/PEOPLE,EVENTS/PEOPLE", help="a stratum: screening,control"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object, in full precision")

    def handle(self, **options: Any) -> None:
        """Calculate and print."""
        try:
            answer = strata(read_strata(options["strata"]))
        except BadCounts as no:
            raise CommandError(str(no)) from None
        told = json.dumps(answer, indent=1, allow_nan=False) if options["json"] else None
        self.stdout.write(told or "\n".join(strata_lines(answer)))
