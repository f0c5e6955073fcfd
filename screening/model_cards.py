"""A trained model's card: what it is, what it was made of, what it is worth and for whom; Markdown, JSON, figures.

After Mitchell et al. (Model cards for model reporting, 2019) and TRIPOD+AI (BMJ 2024;385:e078378), items 12, 16, 23.
The same run gives the same bytes: a card carries no date.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from screening.card_figures import figures
from screening.checkpoints import write_whole
from screening.evaluation import FEWEST, calibration, performance
from screening.manifests import Manifest
from screening.recipes import Recipe
from screening.training import Judged

WARNING = "Not validated for clinical use. Nothing here may guide the care of a person."
LISTS = ("fold_aucs",)
GROUPS = ("sex", "age", "device", "site")
# What the published rows, code and README leave open or say in two ways, and what is done here.
CHOICES = (
    "Where the published code and README disagree, the code decides: weight decay 1e-3 (README 1e-4); brightness, "
    "contrast and gamma are varied (README: crop and flip only); the epoch of the best tuning AUC is kept "
    "(README: the least loss).",
    "The first weights are random, drawn from the seed: the published ImageNet weights ship in no package.",
    "The tuning AUC is read from the center crop, the score is the mean of ten crops.",
    "Films are split by participant: no person's films are on both sides of a split.",
    "For T-scores, which have no published recipe: squared error, the epoch with the least of it on the tuning films, "
    "and as score the probability whose log odds are how far the predicted T-score lies below -2.5.",
)

Card = dict[str, Any]


def card_of(manifest: Manifest, recipe: Recipe, judged: Judged) -> Card:
    """Return what the card says."""
    films = judged.films
    people = None if films.participants is None else len(np.unique(films.participants))
    return {
        "model": {
            name: getattr(manifest, name)
            for name in ("name", "version", "sha256", "architecture", "width", "pixels", "preprocessing")
        },
        "warning": WARNING,
        "intended_use": manifest.intended_use,
        "license": manifest.license,
        "training_data": manifest.training_data,
        "recipe": recipe.facts(),
        "choices": list(CHOICES),
        "software": {"torch": torch.__version__, "numpy": np.__version__},
        "judged_on": {
            "films": len(films.positive),
            "participants": people,
            "positive": int(films.positive.sum()),
            "how": judged.method,
        },
        "threshold": manifest.threshold,
        "threshold_rule": manifest.threshold_rule,
        "calibration_line": manifest.calibration,
        "performance": manifest.performance,
        "calibration_before": calibration(judged.scores, films.positive),
        "subgroups": list(subgroups(judged)),
        "not_told_apart": [name for name in GROUPS if name not in _told(judged)],
    }


def _told(judged: Judged) -> list[str]:
    """Return the facts by which the films differ."""
    columns = judged.films.facts
    return [name for name in GROUPS if name in columns and len(np.unique(columns[name])) > 1]


def subgroups(judged: Judged) -> Iterator[Card]:
    """Return what the predictions are worth in each group; figures are None where too few have an outcome."""
    for name in _told(judged):
        column = judged.films.facts[name]
        for value in np.unique(column):
            here = column == value
            worth = performance(judged.scores[here], judged.decided[here], judged.films.positive[here])
            yield {"by": name, "group": str(value)} | worth


def write_card(folder: Path, manifest: Manifest, recipe: Recipe, judged: Judged) -> None:
    """Write `card.json`, `card.md` and the figures into a run's folder."""
    card = card_of(manifest, recipe, judged)
    drawn = figures(judged, card["subgroups"], manifest.threshold)
    card["figures"] = [f"{name}.svg" for name in drawn]
    for name, data in drawn.items():
        write_whole(folder / f"{name}.svg", data)
    write_whole(folder / "card.json", json.dumps(card, indent=1).encode() + b"\n")
    write_whole(folder / "card.md", in_markdown(card).encode())


def in_markdown(card: Card) -> str:
    """Put a card into words."""
    model, judged, worth = card["model"], card["judged_on"], card["performance"]
    lines = [
        f"# Model card: {model['name']} {model['version']}",
        f"**{card['warning']}**",
        f"{card['intended_use']} License: {card['license']}.",
        "## What it is",
        _table([(name.replace("_", " "), value) for name, value in model.items()]),
        "## What it was made of",
        f"{card['training_data']}.",
        _table([(name.replace("_", " "), _listed(value)) for name, value in card["recipe"].items()]),
        "\n".join(f"- {choice}" for choice in card["choices"]),
        "Made with " + ", ".join(f"{name} {version}" for name, version in card["software"].items()) + ".",
        "## What it is worth",
        _how_judged(judged),
        _table(
            [
                (name.replace("_", " "), _listed(value) if name in LISTS else _shown(value))
                for name, value in worth.items()
                if name != "note"
            ]
        ),
        "Three numbers are an estimate and its 95 % interval. Sensitivity and specificity after Wilson, AUC after "
        f"DeLong. Threshold {card['threshold']}: {card['threshold_rule']}.",
        _calibration(card),
        "## For whom",
        _subgroup_table(card),
        *(f"![{name.removesuffix('.svg')}]({name})" for name in card["figures"]),
    ]
    return "\n\n".join(lines) + "\n"


def _how_judged(judged: Card) -> str:
    people = judged["participants"]
    said = f"{judged['films']} films, {judged['positive']} positive. {judged['how']}"
    if people is None:
        return f"{said} Whose film each is was not said: each counts as another person's."
    if people < judged["films"]:
        said += (
            f" They are of {people} people, and the intervals take them for independent: they are too narrow."
        )
    return said


def _calibration(card: Card) -> str:
    before, line = card["calibration_before"], card["calibration_line"]
    raw = f"Before calibration: slope {_shown(before['slope'])}, intercept {_shown(before['intercept'])}, "
    raw += f"Brier score {before['brier']}. "
    if line is None:
        return (
            raw + "No calibration could be fitted: too few films of one outcome, or no order to be kept. "
            "The score is not a probability."
        )
    return f"{raw}Calibration on log odds: slope {line['slope']}, intercept {line['intercept']}."


def _subgroup_table(card: Card) -> str:
    rows = [
        (
            f"{g['by']}: {g['group']}",
            g["films"],
            g["positive"],
            *(_shown(g[name], few=True) for name in ("auc", "sensitivity", "specificity")),
        )
        for g in card["subgroups"]
    ]
    said = [f"An AUC needs at least {FEWEST} films of each outcome; small groups prove nothing."]
    if rows:
        said.insert(0, _table(rows, ("group", "films", "positive", "AUC", "sensitivity", "specificity")))
    if card["not_told_apart"]:
        said.append(f"Not told apart: {', '.join(card['not_told_apart'])} (not known, or the same for all).")
    return "\n\n".join(said)


def _shown(value: Any, few: bool = False) -> str:
    """Write a value; an estimate with its interval."""
    if value is None:
        return "too few" if few else "none"
    if isinstance(value, list) and len(value) == 3 and all(isinstance(v, float) for v in value):
        return f"{value[0]} ({value[1]} to {value[2]})"
    return _listed(value)


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _table(rows: list[tuple[Any, ...]], head: tuple[str, ...] = ("", "")) -> str:
    """Write a table of Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )
