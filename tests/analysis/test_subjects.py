"""The codebook describes every field of a row, and its codes are the values the field may hold."""

from typing import Literal, get_args, get_origin, get_type_hints

import pytest

from analysis.subjects import CODEBOOK, SubjectRow
from tests.analysis.people import person


def test_every_field_has_its_line_in_order():
    assert [variable.name for variable in CODEBOOK] == list(SubjectRow._fields)
    assert all(variable.label and variable.source for variable in CODEBOOK)
    assert len({variable.label for variable in CODEBOOK}) == len(CODEBOOK)


def test_numbers_say_their_unit():
    numbers = [variable for variable in CODEBOOK if variable.type in ("integer", "number")]
    assert {variable.name: variable.unit for variable in numbers} == {
        "age": "years", "films_counted": "films", "films_positive": "films", "bmi": "kg/m²",
        "frax_major": "%", "frax_hip": "%", "frax_major_bmd": "%", "frax_hip_bmd": "%",
    }  # fmt: skip


def test_codes_are_the_values_a_category_may_hold():
    hints = get_type_hints(SubjectRow)
    for variable in CODEBOOK:
        literals = [t for t in get_args(hints[variable.name]) if get_origin(t) is Literal]
        for literal in literals:
            assert set(get_args(literal)) == set(variable.codes)


def test_a_frozen_row_stays_frozen():
    with pytest.raises(AttributeError, match="set attribute"):
        person().arm = "control"
