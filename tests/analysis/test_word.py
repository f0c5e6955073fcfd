"""Word: opens again, with real tables, named figures and nothing of the hour it was written."""

import io

import docx

from analysis.document import Heading, Paragraph
from analysis.word import to_docx
from tests.analysis.documents import MADE, PRIMARY, STRANGE, small_report, strange_report, written


def opened(content: bytes):
    return docx.Document(io.BytesIO(content))


def cells(row) -> list[str]:
    return [cell.text.replace("\u00a0", " ") for cell in row.cells]


def test_the_primary_endpoint_is_a_row_of_a_real_table_below_its_caption():
    word = opened(to_docx(small_report()))
    table = word.tables[0]

    assert cells(table.rows[0])[:2] == ["Endpoint", "Screening arm"]
    [row] = [cells(row) for row in table.rows if row.cells[0].text.endswith("(primary endpoint)")]
    assert tuple(row[1:4]) == PRIMARY
    assert len(word.tables) == len(small_report().tables)
    captions = [p.text for p in word.paragraphs if p.style.name == "Caption"]
    assert {block.table.title for block in small_report().tables} <= set(captions)


def test_each_table_names_its_columns_again_on_each_page():
    for table in opened(to_docx(small_report())).tables:
        assert [bool(row._tr.xpath("./w:trPr/w:tblHeader")) for row in table.rows].count(True) == 1
        assert table.rows[0]._tr.xpath("./w:trPr/w:tblHeader")


def test_each_figure_says_what_it_shows_and_fits_on_the_page():
    word = opened(to_docx(small_report()))
    page = word.sections[0]
    room = page.page_height - page.top_margin - page.bottom_margin

    assert len(word.inline_shapes) == 7
    for shape in word.inline_shapes:
        assert shape._inline.docPr.get("title") and shape._inline.docPr.get("descr")
        assert shape.height < room
    assert "4.24 (1.35, 13.25)" in word.inline_shapes[1]._inline.docPr.get("descr")


def test_headings_notes_and_warnings_are_there():
    word = opened(to_docx(small_report()))
    headings = [p.text for p in word.paragraphs if p.style.name == "Heading 1"]

    assert headings == [b.text for b in small_report().blocks if isinstance(b, Heading)]
    warning = next(p for p in word.paragraphs if p.text == "TEST: nothing here is real.")
    assert warning.runs[0].bold
    assert any(p.text.startswith("Population: Intention to treat") for p in word.paragraphs)


def test_words_are_as_they_were_written():
    word = opened(to_docx(strange_report()))

    assert [cells(row) for row in word.tables[0].rows[1:]] == [[text, text] for text in STRANGE]
    assert word.core_properties.title == "*T*"
    assert word.core_properties.created == word.core_properties.modified == MADE


def test_a_control_character_does_no_harm():
    word = opened(to_docx(written(Paragraph("one\x01two"), title="A\x00B")))

    assert [p.text for p in word.paragraphs] == ["A\ufffdB", "one\ufffdtwo"]
