"""Reading plain values: every problem is kept, none is invented."""

from datetime import date, time
from decimal import Decimal
from enum import StrEnum

import pytest

from trial.reading import MISSING, Problem, Reader, settled


class Color(StrEnum):
    RED = "red"
    BLUE = "blue"


def read(value, method, *limits):
    """Read one value under "x" and return it with what was said."""
    reader = Reader({"x": value})
    return getattr(reader, method)("x", *limits), [str(problem) for problem in reader.problems]


@pytest.mark.parametrize(
    ("value", "method", "limits", "result"),
    [
        (" a ", "text", (), "a"),
        ("abc", "text", (3,), "abc"),
        ("2023-01-31", "day", (), date(2023, 1, 31)),
        ("09:30", "clock", (), time(9, 30)),
        (1, "whole", (1, 3), 1),
        (3, "whole", (1, 3), 3),
        ("0.25", "decimal", (Decimal(0), Decimal(1)), Decimal("0.25")),
        ("red", "code", (Color,), Color.RED),
        (["blue", "red"], "codes", (Color,), (Color.BLUE, Color.RED)),
        ([], "codes", (Color,), ()),
        ([1, 3], "wholes", (1, 3), (1, 3)),
        ("ab", "matching", ("[a-z]+", "letters"), "ab"),
    ],
)
def test_what_is_right_is_read(value, method, limits, result):
    assert read(value, method, *limits) == (result, [])


@pytest.mark.parametrize(
    ("value", "method", "limits"),
    [
        ("", "text", ()),
        ("abc", "text", (2,)),
        (0, "whole", (1, 3)),
        (4, "whole", (1, 3)),
        (1.0, "whole", (1, 3)),
        (True, "whole", (1, 3)),
        ("1", "decimal", (Decimal(0), Decimal(1))),
        ("0", "decimal", (Decimal(0), Decimal(1))),
        (0.5, "decimal", (Decimal(0), Decimal(1))),
        ("2023-1-1", "day", ()),
        (None, "day", ()),
        ("9:00", "clock", ()),
        ("25:00", "clock", ()),
        ("green", "code", (Color,)),
        ("red", "codes", (Color,)),
        (["red", "red"], "codes", (Color,)),
        ([["red"]], "codes", (Color,)),
        ([3, 1], "wholes", (1, 3)),
        ([1, 4], "wholes", (1, 3)),
        ([True], "wholes", (1, 3)),
        ("AB", "matching", ("[a-z]+", "letters")),
        ("red", "items", ()),
    ],
)
def test_what_is_wrong_is_said_once_and_a_stand_in_is_returned(value, method, limits):
    stand_in, said = read(value, method, *limits)
    assert stand_in is not None
    assert len(said) == 1
    assert said[0].startswith("x is ")
    assert "; it must be " in said[0]


def test_a_list_may_ask_for_some():
    assert len(read([], "codes", Color, 1)[1]) == 1
    assert read(["red"], "codes", Color, 1)[1] == []


def test_what_is_missing_and_what_is_unknown_are_told_apart():
    reader = Reader({"colour": "red"})
    reader.code("color", Color)
    reader.finish()
    assert [str(problem) for problem in reader.problems] == [
        "color is missing; it must be one of red, blue. Choose one of them.",
        "colour is 'red'; it must be absent. Known here: color.",
    ]


def test_a_part_that_is_no_object_is_said_once():
    reader = Reader({"part": "text"})
    part = reader.part("part")
    part.whole("inside", 1, 2)
    part.finish()
    assert [problem.path for problem in reader.problems] == ["part"]


def test_parts_and_lists_have_paths():
    reader = Reader({"part": {"list": [{"n": 0}, {"n": 1}, 2]}})
    for item in reader.part("part").items("list"):
        item.whole("n", 1, 1)
    assert [problem.path for problem in reader.problems] == ["part.list[2]", "part.list[0].n"]


def test_null_is_no_value_and_needs_none():
    reader = Reader({"x": None})
    assert reader.optional("x", lambda: reader.text("x")) is None
    assert reader.optional("y", lambda: reader.text("y")) is None
    reader.finish()
    assert reader.problems == []


def test_long_values_are_cut():
    said = str(Problem("x", "a" * 500, "short", "Cut it."))
    assert len(said) < 120
    assert str(Problem("x", MISSING, "there", "Add it.")) == "x is missing; it must be there. Add it."


@pytest.mark.parametrize(
    ("path", "also", "refused", "kept"),
    [
        ("a.b", (), "a.b", False),
        ("a.b", (), "a", False),
        ("a", (), "a.b", False),
        ("a", (), "a[0].b", False),
        ("a", ("c",), "c", False),
        ("a", ("c",), "b", True),
        ("a", (), "ab", True),
    ],
)
def test_what_rests_on_a_refused_path_proves_nothing(path, also, refused, kept):
    problem = Problem(path, 1, "2", "", also)
    assert bool(settled([problem], [Problem(refused, 1, "2", "")])) is kept
