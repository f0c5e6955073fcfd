"""Train the risk model on phantoms, or cross-validate its recipe on labeled radiographs."""

import json
from pathlib import Path
from typing import Any

import torch
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from screening import training_reports
from screening.training import Recipe


class Command(BaseCommand):
    """Run OPSCAN's published training recipe; needs no database."""

    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the two modes and the recipe's options."""
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("--phantoms", type=int, metavar="N", help="train on N synthetic films")
        source.add_argument("--images", type=Path, metavar="DIR", help="cross-validate on DICOM films")
        parser.add_argument(
            "--labels", type=Path, help="CSV with file and osteoporosis (0 or 1), for --images"
        )
        parser.add_argument("--folds", type=int, default=5)
        parser.add_argument("--epochs", type=int, default=50, help="at most, for each learning rate")
        parser.add_argument("--patience", type=int, default=0, help="epochs without a record (published: 0)")
        parser.add_argument("--batches", type=int, default=10, help="in an epoch (published: 10)")
        parser.add_argument(
            "--width", type=int, default=16, help="channels of the first stage (published: 64)"
        )
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--threads", type=int, default=1, help="of torch")
        parser.add_argument("--out", type=Path, help="manifest to write, with the weights beside it")
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, **options: Any) -> None:
        """Train, and print what the network is worth."""
        torch.set_num_threads(options["threads"])
        try:
            recipe = Recipe(
                **{name: options[name] for name in ("width", "epochs", "patience", "batches", "seed")}
            )
            with tqdm(desc="Training", unit="epoch") as bar:
                report = self._run(options, recipe, bar)
        except (ValueError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            json.dumps(report, indent=1) if options["json"] else training_reports.in_words(report)
        )

    def _run(self, options: dict[str, Any], recipe: Recipe, bar: Any) -> dict[str, Any]:
        """Run the mode asked for; the bar counts epochs and shows the latest tuning AUC."""

        def tick(auc: float) -> None:
            bar.set_postfix(tuning_auc=f"{auc:.3f}", refresh=False)
            bar.update()

        if options["phantoms"] is not None:
            return training_reports.train_on_phantoms(options["phantoms"], recipe, options["out"], tick)
        if not options["labels"]:
            raise CommandError("--images needs --labels, the CSV that says which films are positive.")
        return training_reports.train_on_images(
            options["images"], options["labels"], options["folds"], recipe, options["out"], tick
        )
