"""The drawn flow: well-formed, readable aloud, in the ink of its page, and safe."""

import re
from itertools import combinations
from xml.etree import ElementTree

from analysis.consort import Intake, flow
from analysis.consort_svg import HALF, WIDTH, to_svg
from tests.analysis.people import people, person
from tests.analysis.test_consort import INTAKE, story

SVG = "{http://www.w3.org/2000/svg}"


def drawn(rows=None, intake=INTAKE, **options):
    return ElementTree.fromstring(to_svg(flow(rows or story(), intake), **options))


def test_every_box_is_drawn_with_its_number():
    text = " ".join(element.text for element in drawn().iter(f"{SVG}text")).replace("\u00a0", " ")
    for words in (
        "Film files received (n = 400)",
        "lateral view (n = 30)",
        "Randomized (n = 104)",
        "Control arm (n = 52)",
    ):
        assert words in text


def test_it_has_a_title_and_a_description_of_its_own():
    root = drawn(title="Flow of DEMO", key="demo")
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "demo-title demo-desc"
    assert root.find(f"{SVG}title").text == "Flow of DEMO"
    assert "Randomized: 104" in root.find(f"{SVG}desc").text


def test_it_takes_the_color_of_its_page_and_needs_no_style():
    svg = to_svg(flow(story(), INTAKE))
    assert "style" not in svg
    assert not re.search(r"#[0-9a-f]{3,6}|black|white", svg)
    assert "currentColor" in svg


def test_nothing_leaves_the_drawing():
    root = drawn()
    _, _, width, height = map(float, root.get("viewBox").split())
    for box in root.iter(f"{SVG}rect"):
        assert float(box.get("x")) + float(box.get("width")) <= width
        assert float(box.get("y")) + float(box.get("height")) <= height
        assert float(box.get("width")) in (HALF, WIDTH)


def test_long_reasons_wrap_and_markup_is_only_text():
    rows = [
        *story(),
        person(eligible=False, ineligibility_reasons=("<script>alert(1)</script> " + "x " * 40,)),
    ]
    root = drawn(rows)
    assert max(len(element.text) for element in root.iter(f"{SVG}text")) <= 30
    assert not list(root.iter(f"{SVG}script"))


def test_boxes_do_not_overlap():
    boxes = [
        [float(box.get(name)) for name in ("x", "y", "width", "height")]
        for box in drawn([*people(3, arm="control")], Intake(3, 3)).iter(f"{SVG}rect")
    ]
    for (x, y, w, h), (left, top, wide, high) in combinations(boxes, 2):
        assert x + w <= left or left + wide <= x or y + h <= top or top + high <= y
