"""A report as a Word document: headings, real tables with header rows, figures with alternative text."""

import io
import re
import zipfile
from datetime import UTC
from functools import lru_cache

import docx
from docx.document import Document as Word
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml.ns import qn
from docx.oxml.parser import OxmlElement
from docx.shared import Mm, Pt
from docx.table import Table as WordTable
from docx.table import _Cell

from analysis.document import ENGLISH, Block, Document, Drawing, Facts, Heading, Paragraph, Tabled
from analysis.pdf import to_png
from analysis.tables import Row, Table

WIDE, SMALL, NOTES = 6, Pt(7), Pt(8)  # a table of more columns is set smaller
PAGE, MARGIN = (210, 297), 18  # mm: A4
PADDING = 1  # mm at each side of a cell
GLYPH, BOLD = 0.6, 1.2  # a character's width, of the size it is set in; how much wider it is in the header
LABELS = (28, 70)  # mm: the least and the most for the first column
NEGATIVE = re.compile(r"-(?=\d)")  # as a hyphen a line may break behind it
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # in XML
FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # of zip files


@lru_cache(maxsize=4)
def to_docx(document: Document) -> bytes:
    """Write a document for Word; the same document has the same bytes."""
    word = docx.Document()
    page = word.sections[0]
    page.page_width, page.page_height = map(Mm, PAGE)
    page.left_margin = page.right_margin = Mm(MARGIN)
    about, made = word.core_properties, document.made.astimezone(UTC)
    about.title, about.author, about.language, about.comments = (
        _sound(document.title),
        "Screentrial",
        document.language,
        "",
    )
    about.created = about.modified = made.replace(tzinfo=None)
    _speak(word, document.language)
    word.add_heading(_sound(document.title), level=0)
    for block in (*document.status, *document.blocks):
        _write(word, block)
    return _timeless(word)


def _speak(word: Word, language: str) -> None:
    """Let Word spell and break lines by the rules of the language; the template is in English."""
    if language != ENGLISH:
        for spoken in word.styles.element.iter(qn("w:lang")):
            for script in ("w:val", "w:eastAsia"):
                spoken.set(qn(script), language)


def _sound(text: str) -> str:
    """Return a text as XML can hold it: a control character that somebody typed becomes a question mark."""
    return FORBIDDEN.sub("\ufffd", text)


def _write(word: Word, block: Block) -> None:
    match block:
        case Heading():
            word.add_heading(_sound(block.text), level=1)
        case Paragraph():
            _paragraph(word, block)
        case Facts():
            for name, told in block.rows:
                paragraph = word.add_paragraph(style="List Bullet")
                paragraph.add_run(f"{_sound(name)}: ").bold = True
                paragraph.add_run(_sound(told))
        case Drawing():
            _picture(word, block)
        case Tabled():
            _table(word, block.table)


def _paragraph(word: Word, block: Paragraph) -> None:
    run = word.add_paragraph().add_run(_sound(block.text))
    run.bold = block.tone in ("warning", "danger")
    if block.tone == "quiet":
        run.font.size = NOTES


def _picture(word: Word, drawing: Drawing) -> None:
    word.add_picture(io.BytesIO(to_png(drawing.svg)), width=Mm(drawing.width))
    properties = word.inline_shapes[-1]._inline.docPr
    properties.set("title", _sound(drawing.title))
    properties.set("descr", _sound(drawing.words))
    word.add_paragraph(_sound(drawing.title), style="Caption")


def _table(word: Word, table: Table) -> None:
    caption = word.add_paragraph(_sound(table.title), style="Caption")
    caption.paragraph_format.keep_with_next = True
    shown = word.add_table(rows=1, cols=len(table.columns), style="Light List")
    _fill(shown, table)
    for note in table.footnotes:
        word.add_paragraph().add_run(_sound(note)).font.size = NOTES


def _fill(shown: WordTable, table: Table) -> None:
    """Write the header row, which Word repeats on each page, and the rows below it."""
    size = SMALL if len(table.columns) > WIDE else NOTES
    head = shown.rows[0]
    head._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
    for column, (cell, name) in enumerate(zip(head.cells, table.columns, strict=True)):
        _say(cell, name, size, right=column > 0, bold=True)
    for row, named in table.named:
        line = shown.add_row()
        line._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))
        cells = line.cells
        _label(cells[0], row, size)
        for cell, (_, text) in zip(cells[1:], named, strict=False):
            _say(cell, _numbers(text), size, right=True)
    _widen(shown, table, size)


def _widen(shown: WordTable, table: Table, size: Pt) -> None:
    """Give each column the room of what must not be broken in it, and the labels the rest, within limits."""
    shown.autofit = False
    _pad(shown)
    for column, width in zip(shown.columns, _widths(table, size), strict=True):
        column.width = Mm(width)
        for cell in column.cells:
            cell.width = Mm(width)


def _pad(shown: WordTable) -> None:
    """Leave less than Word's 2 mm beside each cell's text."""
    margins = OxmlElement("w:tblCellMar")
    for side in ("left", "right"):
        margin = OxmlElement(f"w:{side}")
        margin.set(qn("w:w"), str(Mm(PADDING).twips))
        margin.set(qn("w:type"), "dxa")
        margins.append(margin)
    shown._tbl.tblPr.insert_element_before(margins, "w:tblLook", "w:tblCaption", "w:tblDescription")


def _widths(table: Table, size: Pt) -> list[float]:
    """Return the width of each column in mm; together they are as wide as the page."""
    whole = PAGE[0] - 2 * MARGIN
    longest = [_longest(name) * BOLD for name in table.columns[1:]]
    for _, named in table.named:
        for column, (_, text) in enumerate(named[: len(longest)]):
            longest[column] = max(longest[column], _longest(_numbers(text)))
    needed = [2 * PADDING + GLYPH * size.mm * letters for letters in longest]
    labels = min(max(whole - sum(needed), LABELS[0]), LABELS[1]) if needed else whole
    return [labels, *(width * (whole - labels) / sum(needed) for width in needed)]


def _longest(text: str) -> int:
    """Return the number of characters of what is not broken."""
    return max(map(len, text.split(" ")))


def _numbers(text: str) -> str:
    """Return numbers so that a line breaks between the ends of a range, where it has to, and never behind a minus."""
    return NEGATIVE.sub("\u2212", text).replace("\u00a0to\u00a0", " to ")


def _label(cell: _Cell, row: Row, size: Pt) -> None:
    _say(cell, row.label, size, right=False, bold=row.heading)
    cell.paragraphs[0].paragraph_format.left_indent = Mm(3 * row.indent)


def _say(cell: _Cell, text: str, size: Pt, *, right: bool, bold: bool = False) -> None:
    paragraph = cell.paragraphs[0]
    if right:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    run = paragraph.add_run(_sound(text))
    run.font.size, run.bold = size, bold


def _timeless(word: Word) -> bytes:
    """Save without the hour of saving, which zip files keep beside each part."""
    made, out = io.BytesIO(), io.BytesIO()
    word.save(made)
    with zipfile.ZipFile(made) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name, FIRST_DAY), old.read(name), zipfile.ZIP_DEFLATED)
    return out.getvalue()
