"""Score radiographs and store nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from screening.inference import NotScored, RiskModel, load_model
from screening.manifests import DEMONSTRATION_MODEL, ModelRefused
from screening.reasons import FilmProblem
from screening.sandbox import read_image


def files_in(paths: list[Path]) -> Iterator[Path]:
    """Return the files named, and all files below the folders named, in order."""
    for path in paths:
        if not path.exists():
            raise CommandError(f"There is no file or folder {path}.")
        yield from sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def score_file(model: RiskModel, path: Path) -> dict[str, Any]:
    """Score one file, or say why not."""
    unscored = {"file": str(path), "probabilities": None, "mean": None}
    try:
        result = model.score(read_image(path.read_bytes()))
    except FilmProblem as problem:
        return unscored | {"reason": problem.code.value, "message": problem.message}
    except (NotScored, OSError) as problem:
        return unscored | {"reason": "failed", "message": str(problem)}
    return {"file": str(path), "probabilities": list(result.probabilities), "mean": result.mean}


class Command(BaseCommand):
    """Read DICOM files or folders, print each film's score; needs no database."""

    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the paths and the form of the answer."""
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="DICOM files or folders")
        parser.add_argument("--model", type=Path, default=DEMONSTRATION_MODEL, help="manifest of the weights")
        parser.add_argument("--json", action="store_true", help="print a JSON list")

    def handle(self, **options: Any) -> None:
        """Score every file."""
        try:
            model = load_model(options["model"])
        except ModelRefused as error:
            raise CommandError(str(error)) from error
        paths = list(files_in(options["paths"]))
        results = [score_file(model, path) for path in tqdm(paths, desc="Scoring", unit="film")]
        if options["json"]:
            self.stdout.write(json.dumps(results, indent=1))
            return
        for result in results:
            mean = result["mean"]
            outcome = result["message"] if mean is None else f"{mean:.6f}"
            self.stdout.write(f"{result['file']}: {outcome}")
        self.stdout.write(
            f"Model {model.manifest.name} {model.manifest.version}: {model.manifest.intended_use}"
        )
