"""Films to train on: phantoms made here, or real radiographs with a list of labels."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from screening.inference import score
from screening.networks import OpscanResNet18
from screening.phantoms import OSTEOPOROSIS, SIZE, Anatomy, Picture, render_pa
from screening.preprocessing import SHORTER_SIDE, resize
from screening.reasons import FilmProblem
from screening.sandbox import read_image
from screening.training import Films, Labels

MEAN_DENSITY, SPREAD = -1.7, 1.3  # T-scores of the phantoms' population: 27 % have osteoporosis


class BadLabels(ValueError):
    """A list of labels that cannot be used; the message names the line."""


def phantoms(count: int, seed: int, size: int = SIZE) -> Iterator[tuple[Picture, bool]]:
    """Make films of a mixed population, one a person: the picture and whether its owner has osteoporosis."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        density = rng.normal(MEAN_DENSITY, SPREAD)
        yield render_pa(Anatomy.draw(rng), density, rng, size), density <= OSTEOPOROSIS


def phantom_films(count: int, seed: int) -> Films:
    """Make phantoms to train on, drawn at the size that resizing would bring them to."""
    images, positive = zip(*phantoms(count, seed, SHORTER_SIDE), strict=True)
    return Films(images, np.array(positive))


def phantom_scores(network: OpscanResNet18, count: int, seed: int) -> tuple[np.ndarray, np.ndarray, Labels]:
    """Score phantoms of full size as intake would; return scores, mean intensities and truth."""
    rows = [(score(network, picture).mean, picture.mean(), truth) for picture, truth in phantoms(count, seed)]
    scores, brightness, truth = (np.array(column) for column in zip(*rows, strict=True))
    return scores, brightness, truth


def labeled_films(folder: Path, labels: Path) -> Films:
    """Read DICOM films named in a CSV with the columns `file` and `osteoporosis` (0 or 1).

    Raises BadLabels for a list or a film that cannot be used.
    """
    with labels.open(newline="") as lines:
        reader = csv.DictReader(lines)
        missing = {"file", "osteoporosis"} - set(reader.fieldnames or ())
        if missing:
            raise BadLabels(f"{labels.name} lacks the column {', '.join(sorted(missing))}.")
        rows = [(_read(folder, row["file"], line), _truth(row["osteoporosis"], line))
                for line, row in enumerate(reader, start=2)]  # fmt: skip
    if not rows:
        raise BadLabels(f"{labels.name} names no film.")
    images, positive = zip(*rows, strict=True)
    return Films(images, np.array(positive))


def origin_of(labels: Path) -> str:
    """Say how a list's labels were made, as far as its columns tell; a column of predictions tells it."""
    with labels.open(newline="") as lines:
        columns = csv.DictReader(lines).fieldnames or ()
    if predicted := [name for name in columns if "predicted" in name.lower()]:
        said = f"column {', '.join(predicted)} of {labels.name}"
        return (
            f"another model's predictions, not measurements ({said}); the AUC tells how well it is imitated"
        )
    return f"of unknown origin: {labels.name} does not say how they were made"


def _read(folder: Path, name: str, line: int) -> Picture:
    """Read and resize one film of the list."""
    try:
        return resize(read_image((folder / name).read_bytes()))
    except (FilmProblem, OSError) as error:
        raise BadLabels(f"Line {line}: {name} cannot be used: {error}") from error


def _truth(text: str, line: int) -> bool:
    """Read a label."""
    if text not in ("0", "1"):
        raise BadLabels(f"Line {line}: osteoporosis must be 0 or 1, not {text!r}.")
    return text == "1"
