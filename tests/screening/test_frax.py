"""FRAX is taken as the report prints it: what can't be is refused, what is odd is asked about."""

from decimal import Decimal

import pytest

from screening.densitometry import Level
from screening.frax import NO_FRAX, Frax, check_frax


def frax(*values: str | None, model: str = "") -> Frax:
    return Frax(*(None if value is None else Decimal(value) for value in values), model=model)


@pytest.mark.parametrize(
    "printed",
    [NO_FRAX, frax("0", "0"), frax("100.0", "100"), frax("8.1", None, None, "3", model="Taiwan 4.2")],
)
def test_what_frax_can_print_is_fine(printed):
    assert {check.level for check in check_frax(printed)} <= {Level.OK}


@pytest.mark.parametrize(
    ("printed", "level", "said"),
    [
        (frax("-0.1"), Level.REFUSED, "-0.1: a FRAX probability lies between 0 and 100 %."),
        (frax(None, "100.1"), Level.REFUSED, "100.1: a FRAX"),
        (frax(None, None, "8.15"), Level.REFUSED, "one decimal"),
        (frax(model="Taiwan 4.2"), Level.REFUSED, "A FRAX model without a probability"),
        (frax("8", model="台灣 4.2"), Level.REFUSED, "in English letters"),
        (frax("3", "3.1"), Level.ASK, "FRAX without BMD: hip 3.1 % is above major osteoporotic 3 %"),
        (frax("9", "3", "4", "5"), Level.ASK, "FRAX with BMD: hip 5 % is above major osteoporotic 4 %"),
    ],
)
def test_what_it_can_not_is_refused_and_what_is_odd_is_asked(printed, level, said):
    (found,) = [check for check in check_frax(printed) if check.level is not Level.OK]

    assert found.level is level and said in found.message
