"""Fit the demonstration's risk score, of facts alone, to made-up people."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from screening.fitting import fit


class Command(BaseCommand):
    """Write coefficients, reference studies and manifest; needs no database."""

    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Name what is written."""
        parser.add_argument("out", type=Path, metavar="NAME-VERSION.json", help="manifest to write")
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, **options: Any) -> None:
        """Fit and say what came out."""
        manifest = fit(options["out"], seed=options["seed"])
        worth = manifest.performance
        low, high = worth["interval_95"]
        self.stdout.write(f"AUC {worth['auc']:.3f} ({low:.3f} to {high:.3f}) on other made-up people.")
        self.stdout.write(f"{manifest.intended_use} SHA-256 {manifest.sha256}.")
