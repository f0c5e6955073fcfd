"""PDF and PNG: every word as it was written, tagged, and no box in the place of a letter."""

import io
from typing import Any

import pytest
from PIL import Image
from pypdf import PdfReader

from analysis.document import Paragraph, Tabled
from analysis.pdf import MissingGlyph, to_pdf, to_png
from analysis.tables import Row, Table
from tests.analysis.documents import (
    CUNEIFORM,
    PRIMARY,
    STRANGE,
    drawing,
    small_report,
    strange_report,
    written,
)
from tests.documents import pdf_words


def read(content: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(content))


def tags(node: Any) -> list[tuple[str, str]]:
    """Return the marks for readers of screens, each with its alternative text."""
    node = node.get_object()
    if isinstance(node, list):
        return [tag for child in node for tag in tags(child)]
    if not isinstance(node, dict):
        return []
    here = [(str(node["/S"]), str(node.get("/Alt", "")))] if "/S" in node else []
    return here + (tags(node["/K"]) if "/K" in node else [])


def test_the_primary_endpoint_is_printed_in_table_and_headline():
    told = pdf_words(to_pdf(small_report()))

    assert f"intention to treat: {PRIMARY[0]} in the screening arm, {PRIMARY[1]} in the control arm" in told
    assert f"New-onset osteoporosis (primary endpoint) {' '.join(PRIMARY)}" in told
    assert "TEST: nothing here is real." in told


def test_what_looks_like_markup_is_printed_as_it_is():
    told = pdf_words(to_pdf(strange_report()))

    for word in STRANGE:
        assert told.count(word) >= 3, word  # label, cell and footnote
    assert "*T*" in told and "#title" in told and "骨质疏松症" in told


def test_it_has_title_language_tags_and_alternative_texts():
    pdf = read(to_pdf(small_report()))
    root = pdf.trailer["/Root"]
    found = tags(root["/StructTreeRoot"])

    assert pdf.metadata.title == "A trial"
    assert (root["/Lang"], root["/MarkInfo"]["/Marked"]) == ("en", True)
    assert {"/H1", "/Table", "/TH", "/TD", "/Figure"} <= {name for name, _ in found}
    spoken = [alt for name, alt in found if name == "/Figure" and alt]
    assert (
        len([alt for alt in spoken if "New-onset osteoporosis (primary endpoint): 4.24 (1.35, 13.25)" in alt])
        == 1
    )
    assert b"pdfuaid:part" in to_pdf(small_report())


def test_the_columns_are_named_again_on_each_page():
    rows = tuple(Row(f"Level {n}", (str(n),)) for n in range(200))
    pdf = read(to_pdf(written(Tabled("long", Table("long", "Long", ("Group", "People"), rows)))))

    assert len(pdf.pages) > 2
    assert all("Group People" in page.extract_text().replace("\n", " ") for page in pdf.pages)


@pytest.mark.parametrize("where", ["words", "figure", "picture"])
def test_a_character_that_no_font_has_is_an_error_that_names_it(where):
    lost = {
        "words": lambda: to_pdf(written(Paragraph(f"A {CUNEIFORM} in words"))),
        "figure": lambda: to_pdf(written(drawing(CUNEIFORM))),
        "picture": lambda: to_png(drawing(CUNEIFORM).svg),
    }

    with pytest.raises(MissingGlyph, match=r"can draw “\U00012000” \(U\+12000\)\. Write it otherwise"):
        lost[where]()


def test_a_picture_is_black_on_white_at_300_dots_an_inch():
    picture = Image.open(io.BytesIO(to_png(drawing("words").svg))).convert("L")

    assert picture.width == pytest.approx(166 / 25.4 * 300, abs=2)
    assert picture.getpixel((0, 0)) == 255 and picture.getextrema()[0] < 50


def test_a_picture_shows_chinese():
    assert to_png(drawing("骨质").svg) != to_png(drawing("疏松").svg) != to_png(drawing("").svg)
