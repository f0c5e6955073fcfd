"""What a training run is made by: a recipe that is declared, checked and kept beside what came out of it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from screening.networks import ARCHITECTURE, NETWORKS


class Target(StrEnum):
    """What the network is taught: whether a T-score is at most -2.5, or the T-score itself."""

    OSTEOPOROSIS = "osteoporosis"
    T_SCORE = "t_score"


@dataclass(frozen=True)
class Recipe:
    """The constants of a training run; the defaults are the published ones but for width and folds."""

    architecture: str = ARCHITECTURE
    target: str = Target.OSTEOPOROSIS
    width: int = 16
    rates: tuple[float, ...] = (1e-3, 1e-4, 1e-5)
    epochs: int = 50
    patience: int = 0
    batches: int = 10
    half_batch: int = 16
    weight_decay: float = 1e-3
    flip: float = 0.5
    brightness: float = 0.05
    contrast: float = 0.1
    gamma: float = 0.1
    folds: int = 5
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse a recipe that trains nothing, or that names what there is not."""
        for name, known in (("architecture", NETWORKS), ("target", list(Target))):
            if getattr(self, name) not in [*known]:
                raise ValueError(f"{name} must be {' or '.join(known)}, not {getattr(self, name)!r}.")
        for name, least in LEAST.items():
            self._check_number(name, least)
        rates = self.rates
        if not isinstance(rates, tuple) or not rates or not all(_number(r) and 0 < r < 1 for r in rates):
            raise ValueError(f"rates must be learning rates between 0 and 1, not {rates!r}.")

    def _check_number(self, name: str, least: float) -> None:
        """Refuse a number of the wrong kind, or beyond its bounds."""
        value, most = getattr(self, name), MOST.get(name, float("inf"))
        if not _number(value) or (isinstance(least, int) and not isinstance(value, int)):
            raise ValueError(
                f"{name} must be a {'whole ' if isinstance(least, int) else ''}number, not {value!r}."
            )
        if not least <= value <= most:
            limit = f"at least {least}" if value < least else f"at most {most}"
            raise ValueError(f"{name} must be {limit}, not {value}.")

    @classmethod
    def of(cls, content: Any) -> "Recipe":
        """Make a recipe of what a JSON file says; what it leaves out is as published."""
        if not isinstance(content, Mapping):
            raise ValueError('A recipe is a JSON object, such as {"width": 64}.')
        if unknown := sorted(set(content) - {field.name for field in fields(cls)}):
            raise ValueError(f"A recipe has no {', '.join(unknown)}.")
        rates = {"rates": tuple(content["rates"])} if isinstance(content.get("rates"), list) else {}
        return cls(**{**content, **rates})

    def facts(self) -> dict[str, Any]:
        """Return the recipe as JSON says it."""
        return asdict(self) | {"rates": list(self.rates)}


# A whole number as the least asks for a whole number.
LEAST: Mapping[str, float] = {
    **dict.fromkeys(("width", "epochs", "batches", "half_batch"), 1),
    **dict.fromkeys(("patience", "seed"), 0),
    **dict.fromkeys(("weight_decay", "flip", "brightness", "contrast", "gamma"), 0.0),
    "folds": 3,
}
MOST: Mapping[str, float] = {"width": 256, "flip": 1.0}


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def read_recipe(path: Path) -> dict[str, Any]:
    """Read what a recipe file sets; options of the command may set it otherwise."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"The recipe {path.name} cannot be read: {error}.") from error
    Recipe.of(content)
    return dict(content)
