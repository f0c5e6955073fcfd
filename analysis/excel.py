"""A report as an Excel workbook: a sheet with the status and the headline, then a sheet for each table."""

import io
import re
from datetime import UTC

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from analysis.document import ENGLISH, Document, Facts, Paragraph, Tabled
from analysis.tables import Row, Table

NUMBER = re.compile(r"-?\d+(?:\.(\d+))?")
SPELLED = re.compile(r"[\[\]:*?/\\']+")  # may not be in the name of a sheet
TITLE, HEAD = "title", "head"
Formats = dict[str, Format]


def to_xlsx(document: Document) -> bytes:
    """Write a document as a workbook; no cell is a formula, and the same document has the same bytes."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    made = document.made.astimezone(UTC).replace(tzinfo=None)
    book.set_properties({"title": document.title, "created": made})
    formats = {
        TITLE: book.add_format({"bold": True, "font_size": 14}),
        HEAD: book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "bottom"}),
    }
    _cover(book.add_worksheet(SPELLED.sub(" ", document.terms[0])[:31]), document, formats)
    for number, tabled in enumerate(document.tables, start=1):
        _fill(book, book.add_worksheet(_name(number, tabled, document.language)), tabled.table, formats)
    book.close()
    return out.getvalue()


def _name(number: int, tabled: Tabled, language: str) -> str:
    """Return the name of a sheet, with the number that its table has in print; Excel takes 31 characters."""
    name = tabled.key.replace("_", " ") if language == ENGLISH else SPELLED.sub(" ", tabled.table.title)
    return f"{number} {name}"[:31]


def _cover(sheet: Worksheet, document: Document, formats: Formats) -> None:
    sheet.set_column(0, 0, 50)
    sheet.set_column(1, 1, 40)
    sheet.write_string(0, 0, document.title, formats[TITLE])
    lines: list[tuple[str, ...]] = []
    for block in (*document.status, *document.blocks):
        if isinstance(block, Paragraph):
            lines.append((block.text,))
        elif isinstance(block, Facts):
            lines += block.rows
    for place, line in enumerate(lines, start=2):
        for column, text in enumerate(line):
            sheet.write_string(place, column, text)


def _fill(book: xlsxwriter.Workbook, sheet: Worksheet, table: Table, formats: Formats) -> None:
    """Write title, columns, rows and footnotes; the columns stay in sight."""
    sheet.set_column(0, 0, 50)
    sheet.set_column(1, len(table.columns), 24)
    sheet.write_string(0, 0, table.title, formats[TITLE])
    for column, name in enumerate(table.columns):
        sheet.write_string(2, column, name, formats[HEAD])
    sheet.freeze_panes(3, 1)
    for place, row in enumerate(table.rows, start=3):
        _line(book, sheet, place, row, formats)
    for place, note in enumerate(table.footnotes, start=4 + len(table.rows)):
        sheet.write_string(place, 0, note)


def _line(book: xlsxwriter.Workbook, sheet: Worksheet, place: int, row: Row, formats: Formats) -> None:
    label = book.add_format({"bold": row.heading, "indent": row.indent})
    sheet.write_string(place, 0, row.label, label)
    for column, cell in enumerate(row.cells, start=1):
        if number := NUMBER.fullmatch(cell):
            shown = book.add_format({"num_format": "0." + "0" * len(number[1]) if number[1] else "0"})
            sheet.write_number(place, column, float(cell), shown)
        else:
            sheet.write_string(place, column, cell)
