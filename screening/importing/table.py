"""Read a CSV extract: UTF-8, commas, one line of column names; each row keeps the line it stands on."""

import codecs
import csv
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO

OTHER_FORMATS = {
    b"PK\x03\x04": "This is an Excel workbook or another packed file",
    codecs.BOM_UTF16_LE: "This file is written in UTF-16",
    codecs.BOM_UTF16_BE: "This file is written in UTF-16",
}
OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}
REMEDY = "Save it as CSV with commas, in UTF-8."


class TableRefused(ValueError):
    """A file that can't be read as a table at all; the message says what to do."""


@dataclass(frozen=True)
class Row:
    """One row by column name, the line of the file on which it begins, and what is wrong with its form."""

    line: int
    cells: dict[str, str]
    problem: str = ""


@dataclass(frozen=True)
class Table:
    """Column names as the file has them, in lower case with underscores, and the rows."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read_table(data: bytes) -> Table:
    """Read a file's bytes; raise TableRefused when the file as a whole is no such table."""
    lines = _lines(_text(data))
    try:
        columns = _columns(next(lines)[1])
        return Table(columns, tuple(_row(line, cells, columns) for line, cells in lines))
    except csv.Error as error:
        raise TableRefused(f"The file can't be read as CSV ({error}). {REMEDY}") from None


def _text(data: bytes) -> str:
    if not data.strip():
        raise TableRefused("The file is empty: not even column names are in it. Export it again.")
    for beginning, said in OTHER_FORMATS.items():
        if data.startswith(beginning):
            raise TableRefused(f"{said}. {REMEDY}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{data[error.start]:02X} on line {line}"
        raise TableRefused(f"The file is not written in UTF-8 ({found}). {REMEDY}") from None


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each line that isn't blank with its number; a quoted cell may run over several."""
    reader, before = csv.reader(StringIO(text, newline=""), strict=True), 0
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield before + 1, cells
        before = reader.line_num


def _columns(header: list[str]) -> tuple[str, ...]:
    for delimiter, words in OTHER_DELIMITERS.items():
        if len(header) == 1 and delimiter in header[0]:
            raise TableRefused(f"The columns are separated by {words}. {REMEDY}")
    names = _trimmed([_name(cell) for cell in header], len(header) * [""])
    if "" in names:
        raise TableRefused(f"Column {names.index('') + 1} has no name. Name it or take it out.")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise TableRefused(f"Two columns are named {', '.join(twice)}. Keep one of each.")
    return tuple(names)


def _name(cell: str) -> str:
    return re.sub(r"[\s-]+", "_", unicodedata.normalize("NFKC", cell).strip().lower())


def _row(line: int, cells: list[str], columns: tuple[str, ...]) -> Row:
    cells = _trimmed(cells, list(columns))
    if len(cells) == len(columns):
        return Row(line, {name: cell.strip() for name, cell in zip(columns, cells, strict=True)})
    found = f"This row has {len(cells)} cells and the header {len(columns)}"
    return Row(line, {}, f"{found}. Look for a comma too many or too few.")


def _trimmed(cells: list[str], wanted: list[str]) -> list[str]:
    """Drop the empty cells that spreadsheets add beyond the last column."""
    while cells and not cells[-1].strip() and (len(cells) > len(wanted) or not any(wanted)):
        cells = cells[:-1]
    return cells
