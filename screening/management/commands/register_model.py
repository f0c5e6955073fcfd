"""Check a model version and put it on record; two people sign it before a live trial may use it."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from screening.models import ModelVersion
from screening.services import registry
from screening.services.registry import NotRegistered
from trial import audit
from trial.management.base import TrialCommand
from trial.services.trials import Refused


class Command(TrialCommand):
    """Check the model of a manifest, keep a copy of its files, and put it on record."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the manifest."""
        parser.add_argument("manifest", type=Path, metavar="MANIFEST", help="JSON, its files beside it")

    def handle(self, **options: Any) -> None:
        """Register, and list what was checked."""
        try:
            with audit.entry("command"):
                version = registry.register(options["manifest"], by=None)
        except NotRegistered as no:
            self._list([(c.name, c.passed, c.said) for c in no.checks])
            raise CommandError("Nothing was registered.") from None
        except Refused as no:
            raise CommandError(str(no)) from None
        self._list([(c["name"], c["passed"], c["said"]) for c in version.report])
        self._say(version)

    def _list(self, checks: list[tuple[str, bool, str]]) -> None:
        for name, passed, said in checks:
            self.stdout.write(f"{'✓' if passed else '✕'} {name}: {said}")

    def _say(self, version: ModelVersion) -> None:
        self.stdout.write(
            f"Model {version} is {registry.state_of(version)}. A live trial may use it once an investigator and a "
            "statistician have signed it, under Model versions."
        )
