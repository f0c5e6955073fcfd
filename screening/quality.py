"""Say what is wrong with a film's picture without believing its header.

The limits come from half of the real films (docs/image-quality.md says which, and how well they do on the other
half; the proportions of the drawing were chosen on the same half). They were set
for few false alarms: each costs a person's look.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from screening.lettering import legible, longest_line
from screening.reasons import SETTLED_BY_A_LOOK
from screening.thorax import Fits, Picture, fits, square

QUALITY_VERSION = "drawn-chest/1"
EVEN = 0.04  # of the whole range; a line of the picture that varies less shows nothing


class Code(StrEnum):
    """What may be wrong, and a sentence that says what was found and what to do."""

    sentence: str

    def __new__(cls, code: str, sentence: str) -> "Code":
        """Make the code a string and keep its sentence beside it."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.sentence = sentence
        return member

    BLANK = "blank", "The picture is blank or nearly so; a person must look and ask for the film again."
    LOW_CONTRAST = "low_contrast", "The picture has little contrast; a person must look."
    BORDER = "border", "Much of the picture is empty border; a person must look whether the lungs are whole."
    SHAPE = "shape", "The picture is a strip; a person must look whether the film was cut."
    INVERTED = "inverted", "Black and white seem to be exchanged; a person must look."
    UPSIDE_DOWN = "upside_down", "The chest seems to be upside down; a person must look."
    TURNED = "turned", "The chest seems to lie on its side; a person must look."
    NO_TWO_LUNGS = (
        "no_two_lungs",
        "Two lungs side by side were not found: a lateral view, part of a chest or no chest; a person must look.",
    )
    CROPPED = "cropped", "Part of the lungs seems to be cut off; a person must look."
    MIRRORED = "mirrored", "The heart seems to be on the wrong side; a person must look."
    TEXT = "text", "A line of text seems to be in the picture; a person must look whether it names somebody."


# A value below its limit is a finding; of BORDER, SHAPE and TEXT a value above.
LIMITS = {
    Code.BLANK: 0.05,
    Code.LOW_CONTRAST: 0.25,
    Code.BORDER: 0.3,
    Code.SHAPE: 1.6,
    Code.INVERTED: 0.1,
    Code.UPSIDE_DOWN: 0.1,
    Code.TURNED: 0.1,
    Code.NO_TWO_LUNGS: 0.62,
    Code.CROPPED: -0.02,
    Code.MIRRORED: -0.03,
    Code.TEXT: 5,
}
ABOVE = frozenset({Code.BORDER, Code.SHAPE, Code.TEXT})
# Such a film waits until a person has looked; the others are flagged: a faint film may be read all the same, and a
# heart can lie at the right.
HOLDING = frozenset(Code) - {Code.LOW_CONTRAST, Code.MIRRORED}
# What a person who looks at the picture may take a film in for.
BY_A_LOOK = HOLDING | SETTLED_BY_A_LOOK


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, with what was measured and the limit that it passes."""

    code: Code
    value: float
    limit: float

    @property
    def message(self) -> str:
        """Say what was found, what to do and how clear it is."""
        return f"{self.code.sentence} (measured {self.value:.2f}, limit {self.limit:g})"


def findings(image: Picture) -> tuple[Finding, ...]:
    """Return what is wrong with a film: (rows, columns) in [0, 1], dense tissue bright. None is a good sign."""
    reduced = legible(image)
    picture = square(reduced)
    if found := _judged({Code.BLANK: spread(picture)}):
        return found
    measured = {
        Code.LOW_CONTRAST: spread(picture),
        Code.BORDER: border(picture),
        Code.SHAPE: elongation(image),
        Code.TEXT: float(longest_line(reduced)),
    }
    return _judged(measured) + _judged(position(fits(picture)))


def _judged(measured: dict[Code, float]) -> tuple[Finding, ...]:
    """Return the measures that pass their limit."""
    wrong = {c: v for c, v in measured.items() if (v > LIMITS[c] if c in ABOVE else v < LIMITS[c])}
    return tuple(Finding(code, value, LIMITS[code]) for code, value in wrong.items())


def spread(picture: Picture) -> float:
    """Return the difference between the 95th and the 5th percentile: markers and edges don't count."""
    low, high = np.quantile(picture, (0.05, 0.95))
    return float(high - low)


def elongation(image: Picture) -> float:
    """Return the longer side over the shorter: chest films are 35 x 43 cm or squarer, half a film is not."""
    return max(image.shape) / min(image.shape)


def border(picture: Picture) -> float:
    """Return the share of the picture outside the box that its even outermost lines leave."""
    kept = [_lines_between_even_ones(lines) / len(lines) for lines in (picture, picture.T)]
    return 1 - kept[0] * kept[1]


def _lines_between_even_ones(lines: Picture) -> int:
    """Count the lines from the first to the last that has structure."""
    low, high = np.quantile(lines, (0.1, 0.9), axis=1)
    uneven = np.flatnonzero(high - low > EVEN)
    return int(uneven[-1] - uneven[0] + 1) if uneven.size else 0


def position(found: Fits) -> dict[Code, float]:
    """Return the measures of how the chest stands.

    Of several ways to stand wrong the one that fits best is told; where none fits, there is no frontal chest, and
    what is no upright chest is not asked for its heart.
    """
    rivals = {
        Code.INVERTED: found.inverted,
        Code.UPSIDE_DOWN: found.upside_down,
        Code.TURNED: found.turned,
    }
    likeliest = max(rivals, key=lambda code: rivals[code])
    best, lead = max(found.upright, rivals[likeliest]), found.upright - rivals[likeliest]
    if best < LIMITS[Code.NO_TWO_LUNGS]:
        return {Code.NO_TWO_LUNGS: best}
    if lead < LIMITS[likeliest]:
        return {likeliest: lead}
    return {Code.CROPPED: found.upright - found.part, Code.MIRRORED: found.upright - found.mirrored}
