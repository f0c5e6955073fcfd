"""What every index test looks like from outside: a study goes in, a probability and measurements with reasons come out.

A trial knows its test by this interface alone. The network that reads films (`inference`) stands behind it, and the
risk score that asks for facts alone (`risk_scores`); a further test is one more class and one line in `loading`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from screening.manifests import Manifest

Covariate = Decimal | str | None


@dataclass(frozen=True)
class Image:
    """One picture (rows, columns) in [0, 1], dense tissue bright, and what measurements of it are called by."""

    pixels: NDArray[np.floating]
    name: str = ""


@dataclass(frozen=True)
class Study:
    """What is examined: images, facts about the person (None is not known), or both."""

    images: tuple[Image, ...] = ()
    covariates: Mapping[str, Covariate] = field(default_factory=dict)


@dataclass(frozen=True)
class Measurement:
    """A number that the test found on its way."""

    name: str
    value: Decimal


@dataclass(frozen=True)
class Answer:
    """A probability to six decimals, or none and the reasons why: never a low risk instead."""

    probability: Decimal | None
    measurements: tuple[Measurement, ...] = ()
    reasons: tuple[str, ...] = ()


class IndexTest(Protocol):
    """A test ready to be run, with the manifest that vouches for it."""

    @property
    def manifest(self) -> Manifest:
        """Return what the test is: identity, input, threshold, origin and purpose."""

    def run(self, study: Study) -> Answer:
        """Examine a study; the same study has the same answer, whatever was examined before or beside it."""
