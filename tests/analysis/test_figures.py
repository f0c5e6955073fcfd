"""Figures: the same bytes each time, words that are words, and an arrow where a limit has no end."""

import re
from xml.etree import ElementTree

import pytest

from analysis.cascades import Bar, Segment
from analysis.effects import effects, subgroup_effects
from analysis.estimators import odds_ratio, two_by_two
from analysis.figures import Line, boundaries, cascade, forest, forest_of_effects, forest_of_subgroups
from tests.analysis.test_tables import ROWS

SVG = "{http://www.w3.org/2000/svg}"
BARS = [
    Bar("All", 200, (Segment("DXA by the trial", 30), Segment("DXA by physicians", 4), Segment("None", 166))),
    Bar("Nobody", 0, (Segment("Osteoporosis", 0),)),
]  # fmt: skip
LOOKS = [(0.01, None), (0.6, 2.67), (1.0, 1.981)]
FIGURES = {
    "effects": lambda: forest_of_effects(effects(ROWS)),
    "subgroups": lambda: forest_of_subgroups(subgroup_effects(ROWS)),
    "cascade": lambda: cascade(BARS, title="From offer to scan"),
    "boundaries": lambda: boundaries(LOOKS, title="Boundaries", seen=(0.6, 1.5)),
}


def words(svg: bytes) -> list[str]:
    return [element.text for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_a_figure_has_the_same_bytes_every_time(draw):
    assert draw() == draw()


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_a_figure_names_itself_and_takes_the_ink_of_its_page(draw):
    root = ElementTree.fromstring(draw())
    assert root.get("role") == "img"
    assert root.find(f"{SVG}title").text
    assert root.find(f"{SVG}desc").text
    assert b"currentColor" in draw()
    assert not re.search(rb"style|#010203|<metadata|<image|http://(?!www\.w3\.org)", draw())


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_a_figure_has_no_background(draw):
    root = ElementTree.fromstring(draw())
    width = float(root.get("viewBox").split()[2])
    for path in root.iter(f"{SVG}path"):
        numbers = [float(x) for x in re.findall(r"-?\d+\.?\d*", path.get("d"))]
        spans = bool(numbers) and max(numbers) >= width and min(numbers) <= 0
        assert not (spans and path.get("fill") not in (None, "none"))


def test_a_forest_plot_says_its_numbers_in_text():
    found = words(FIGURES["effects"]())
    assert "4.24 (1.35, 13.25)" in found
    assert "15/100 v 4/100" in found
    assert "New-onset osteoporosis (primary endpoint)" in found


def test_subgroups_carry_the_interaction():
    assert sum(text.startswith("p for interaction") for text in words(FIGURES["subgroups"]())) == 3


def test_an_infinite_limit_is_an_arrow_with_a_shaft():
    def drawn(table):
        root = ElementTree.fromstring(forest([Line("x", odds_ratio(table))], title="t"))
        (mark,) = [u for u in root.iter(f"{SVG}use") if u.get("fill") == "#2f7fc1"]
        (line,) = [
            p for p in root.iter(f"{SVG}path") if p.get("stroke") == "#2f7fc1" and "clip-path" in p.attrib
        ]
        ends = [float(x) for x in re.findall(r"[ML] ([\d.]+)", line.get("d"))]
        return float(mark.get("x")), ends

    square, (left, right) = drawn(two_by_two(10, 50, 5, 50))
    assert left < square < right
    arrow, (left, right) = drawn(two_by_two(315, 2456, 0, 2456))
    assert arrow == pytest.approx(right)
    assert right - left > 30


def test_what_is_undefined_is_said_not_drawn():
    svg = forest([Line("x", odds_ratio(two_by_two(0, 5, 0, 5)))], title="t")
    assert "not defined" in words(svg)
    assert b"#2f7fc1" not in svg


def test_narrow_segments_have_no_label_but_a_name():
    found = words(FIGURES["cascade"]())
    assert "15.0%" in found
    assert "2.0%" not in found
    assert "DXA by physicians 4" in found


def test_markup_in_a_label_is_only_text():
    svg = forest([Line("<script>", odds_ratio(two_by_two(1, 5, 2, 5)))], title="</svg>\\1")
    assert ElementTree.fromstring(svg).find(f"{SVG}title").text == "</svg>\\1"
    assert "<script>" in words(svg)


def test_boundaries_say_their_z_and_leave_out_a_look_that_has_none():
    svg = FIGURES["boundaries"]()

    assert {"2.670", "1.981"} <= set(words(svg))
    description = ElementTree.fromstring(svg).find(f"{SVG}desc").text
    assert (
        description
        == "information 0.01: none; information 0.6: 2.6700; information 1: 1.9810; seen at 0.6: 1.5"
    )
