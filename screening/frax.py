"""FRAX as a report prints it: 10-year probabilities of fracture, recorded as entered.

The algorithm is not public (University of Sheffield, one model a country), so nothing is computed or corrected
here. Without BMD is the risk known before the scan, with BMD (of the femoral neck) the risk after it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from screening.densitometry import FINE, Check, Level

RISK_LIMITS = (Decimal(0), Decimal(100))


@dataclass(frozen=True)
class Frax:
    """Probabilities in percent of a major osteoporotic and of a hip fracture, and the model that gave them."""

    major: Decimal | None = None
    hip: Decimal | None = None
    major_bmd: Decimal | None = None
    hip_bmd: Decimal | None = None
    model: str = ""

    @property
    def probabilities(self) -> tuple[Decimal | None, ...]:
        """Return the four probabilities: major and hip without BMD, then with it."""
        return self.major, self.hip, self.major_bmd, self.hip_bmd

    @property
    def recorded(self) -> bool:
        """Say whether any probability was entered."""
        return any(value is not None for value in self.probabilities)

    @property
    def columns(self) -> dict[str, Any]:
        """Return the values by the names of the columns that keep them."""
        return {f"frax_{name}": value for name, value in vars(self).items()}


NO_FRAX = Frax()


def check_probability(value: Decimal) -> Check:
    """Refuse a probability outside 0 to 100 %, or with more than the one decimal that FRAX prints."""
    low, high = RISK_LIMITS
    if not low <= value <= high:
        return Check(Level.REFUSED, f"{value}: a FRAX probability lies between {low} and {high} %.")
    if value != round(value, 1):
        return Check(
            Level.REFUSED, f"{value}: FRAX probabilities have one decimal. Copy it as the report prints it."
        )
    return FINE


def check_frax(frax: Frax) -> Iterator[Check]:
    """Refuse what can't be; ask about a hip fracture that is likelier than any major one, which includes it."""
    yield from (check_probability(value) for value in frax.probabilities if value is not None)
    if frax.model and not frax.recorded:
        yield Check(Level.REFUSED, "A FRAX model without a probability. Enter one, or leave the model empty.")
    if not (frax.model.isascii() and frax.model.isprintable()):
        yield Check(
            Level.REFUSED, f"{frax.model!r}: write the FRAX model in English letters, such as Taiwan 4.2."
        )
    pairs = (("without", frax.major, frax.hip), ("with", frax.major_bmd, frax.hip_bmd))
    for how, major, hip in pairs:
        if major is not None and hip is not None and hip > major:
            said = (
                f"FRAX {how} BMD: hip {hip} % is above major osteoporotic {major} %, which includes the hip."
            )
            yield Check(Level.ASK, f"{said} Read both again, or confirm them.")
