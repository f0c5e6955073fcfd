"""Compute the boundaries of interim looks, what they cost, and what a z seen at a look leaves to hope for."""

import json
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analysis.interim import CLASSICAL, SPENDING, BadDesign
from analysis.planning import boundaries, boundaries_table
from analysis.tables import to_text


def fractions(text: str) -> list[float]:
    """Read information fractions: 0.3,0.6,1."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ArgumentTypeError(f"“{text}” are not fractions: write them as 0.3,0.6,1") from None


class Command(BaseCommand):
    """Compute group-sequential boundaries; no database is asked."""

    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the looks, the kind of boundary, alpha and power, what was seen, and the form of the answer."""
        parser.add_argument(
            "--looks", type=int, help="how many, equally spaced unless --information says else"
        )
        parser.add_argument("--information", type=fractions, help="fractions at the looks, such as 0.3,0.6,1")
        kind = parser.add_mutually_exclusive_group(required=True)
        kind.add_argument("--spending", choices=SPENDING, help="Lan and DeMets's spending of this type")
        kind.add_argument("--classical", choices=CLASSICAL, help="boundaries of this shape")
        parser.add_argument("--alpha", type=float, default=0.05, help="two-sided (0.05)")
        parser.add_argument(
            "--power", type=float, default=0.9, help="power of the trial with its looks (0.9)"
        )
        parser.add_argument("--at", type=int, metavar="LOOK", help="conditional power at this look; with --z")
        parser.add_argument("--z", type=float, help="the z seen there; positive is in favor of screening")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> None:
        """Compute, and print a table or JSON."""
        names = ("looks", "information", "spending", "classical", "alpha", "power", "at", "z")
        try:
            answer = boundaries(**{name: options[name] for name in names})
        except BadDesign as no:
            raise CommandError(str(no)) from None
        as_json = json.dumps(answer, ensure_ascii=False, indent=1, allow_nan=False)
        self.stdout.write(as_json if options["json"] else to_text(boundaries_table(answer)))
