"""Films to train on: phantoms made here, or real radiographs with a list of labels."""

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.image import imread

from screening.dicom import FRONTAL
from screening.inference import score
from screening.networks import FilmNetwork
from screening.phantoms import OSTEOPOROSIS, SIZE, Anatomy, Picture, render_pa
from screening.preprocessing import SHORTER_SIDE, resize
from screening.reasons import FilmProblem
from screening.sandbox import reading
from screening.training import Films, Labels

MEAN_DENSITY, SPREAD = -1.7, 1.3  # T-scores of the phantoms' population: 27 % have osteoporosis
OLDEST = 120


class BadLabels(ValueError):
    """A list of labels that cannot be used; the message names the line."""


def people(count: int, seed: int, size: int = SIZE) -> Iterator[tuple[Picture, float]]:
    """Make films of a mixed population, one a person: the picture and its owner's T-score."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        density = rng.normal(MEAN_DENSITY, SPREAD)
        yield render_pa(Anatomy.draw(rng), density, rng, size), density


def phantoms(count: int, seed: int, size: int = SIZE) -> Iterator[tuple[Picture, bool]]:
    """Make the same films, with whether their owner has osteoporosis."""
    return ((picture, density <= OSTEOPOROSIS) for picture, density in people(count, seed, size))


def phantom_films(count: int, seed: int, size: int = SHORTER_SIDE) -> Films:
    """Make phantoms, drawn at the size that resizing would bring them to, or larger and resized."""
    pictures, densities = zip(*people(count, seed, size), strict=True)
    t_scores = np.array(densities)
    images = pictures if size == SHORTER_SIDE else [resize(picture) for picture in pictures]
    return Films(images, t_scores <= OSTEOPOROSIS, t_scores)


def phantom_scores(network: FilmNetwork, count: int, seed: int) -> tuple[np.ndarray, np.ndarray, Labels]:
    """Score phantoms of full size as intake would; return scores, mean intensities and truth."""
    rows = [(score(network, picture).mean, picture.mean(), truth) for picture, truth in phantoms(count, seed)]
    scores, brightness, truth = (np.array(column) for column in zip(*rows, strict=True))
    return scores, brightness, truth


# What a list of films may say beside `file` and `osteoporosis`, by the names that lists give it.
PARTICIPANT, AGE, T_SCORE = ("participant", "patient_id"), ("age", "age_years"), "t_score"
FACTS = ("sex", "device", "site")
AGE_BANDS = (50, 65, 75)
NOT_KNOWN = "not known"


def labeled_films(folder: Path, labels: Path) -> Films:
    """Read DICOM or PNG films named in a CSV: `file`, and `osteoporosis` (0 or 1), a T-score (`t_score...`) or both.

    Osteoporosis is a T-score of at most -2.5. `participant` (or `patient_id`) tells whose film it is; `sex`, `age`
    (or `age_years`), `device` and `site` let results be told apart. Where there is no column `device`, the
    manufacturer stands for it that a DICOM file names. Raises BadLabels for a list or a film that cannot be used.
    """
    with labels.open(newline="") as lines:
        reader = csv.DictReader(lines)
        columns = list(reader.fieldnames or ())
        t_score = next((name for name in columns if name.startswith(T_SCORE)), None)
        truth = [] if t_score else ["osteoporosis"]
        missing = {"file", *truth} - set(columns)
        if missing:
            raise BadLabels(f"{labels.name} lacks the column {', '.join(sorted(missing))}.")
        rows = [_entry(folder, row, line, t_score) for line, row in enumerate(reader, start=2)]
    if not rows:
        raise BadLabels(f"{labels.name} names no film.")
    return _films(rows, columns, bool(t_score))


class Entry(NamedTuple):
    """One film of a list."""

    image: Picture
    positive: bool
    t_score: float
    participant: str
    facts: dict[str, str]


def _films(rows: list[Entry], columns: list[str], with_t_scores: bool) -> Films:
    known = any(name in columns for name in PARTICIPANT)
    return Films(
        [row.image for row in rows],
        np.array([row.positive for row in rows]),
        np.array([row.t_score for row in rows]) if with_t_scores else None,
        np.array([row.participant for row in rows]) if known else None,
        {name: np.array([row.facts[name] for row in rows]) for name in rows[0].facts},
    )


def _entry(folder: Path, row: dict[str, str], line: int, t_score: str | None) -> Entry:
    """Read one line of the list, and its film."""
    value = _t_score(row[t_score], line) if t_score else math.nan
    said = row.get("osteoporosis")
    positive = value <= OSTEOPOROSIS if said is None else _truth(said, line)
    if t_score and positive != (value <= OSTEOPOROSIS):
        raise BadLabels(f"Line {line}: osteoporosis is {said} and the T-score {value}; correct one of them.")
    participant = _first(row, PARTICIPANT)
    if not participant and any(name in row for name in PARTICIPANT):
        raise BadLabels(f"Line {line}: it is not said whose film {row['file']} is.")
    image, maker = _read(folder, row["file"], line)
    facts = {name: (row.get(name) or "").strip() or NOT_KNOWN for name in FACTS}
    facts["device"] = facts["device"] if "device" in row else maker
    return Entry(image, positive, value, participant, facts | {"age": _band(_first(row, AGE), line)})


def _first(row: dict[str, str], names: tuple[str, ...]) -> str:
    return next(((row[name] or "").strip() for name in names if name in row), "")


def _t_score(text: str, line: int) -> float:
    """Read a T-score."""
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = math.nan
    if not -10 <= value <= 10:
        raise BadLabels(f"Line {line}: a T-score lies between -10 and 10, not {text!r}.")
    return value


def _band(text: str, line: int) -> str:
    """Return the band of an age in years."""
    if not text:
        return NOT_KNOWN
    if not text.isdecimal() or int(text) > OLDEST:
        raise BadLabels(f"Line {line}: an age is 0 to {OLDEST} years, not {text!r}.")
    over = [bound for bound in AGE_BANDS if int(text) >= bound]
    if not over:
        return f"under {AGE_BANDS[0]}"
    later = [bound for bound in AGE_BANDS if int(text) < bound]
    return f"{over[-1]} to {later[0] - 1}" if later else f"{over[-1]} and older"


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


def _read(folder: Path, name: str, line: int) -> tuple[Picture, str]:
    """Read and resize one film of the list; return it with who made the machine."""
    try:
        if name.lower().endswith(".png"):
            return resize(_png(folder / name)), NOT_KNOWN
        with reading() as child:
            film = child.check((folder / name).read_bytes(), views=FRONTAL, secondary_capture=False)
            return resize(child.image()), film.manufacturer or NOT_KNOWN
    except (FilmProblem, OSError, ValueError) as error:
        raise BadLabels(f"Line {line}: {name} cannot be used: {error}") from error


def _png(path: Path) -> Picture:
    """Read a PNG as the published code does: 0 to 1, of colors the mean of the three."""
    picture = imread(path, format="png").astype(np.float64)
    if picture.ndim == 2:
        return picture
    return picture[:, :, : 1 if picture.shape[2] == 2 else 3].mean(axis=2)  # without what is transparent


def _truth(text: str, line: int) -> bool:
    """Read a label."""
    if text not in ("0", "1"):
        raise BadLabels(f"Line {line}: osteoporosis must be 0 or 1, not {text!r}.")
    return text == "1"
