"""Excel: a sheet a table, numbers as numbers, and nothing that runs."""

import io
import re
import zipfile
from xml.etree import ElementTree

from analysis.document import Tabled
from analysis.excel import to_xlsx
from analysis.tables import Row, Table
from tests.analysis.documents import PRIMARY, STRANGE, small_report, strange_report, written

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def sheets(content: bytes) -> dict[str, dict[str, str | float]]:
    """Read a workbook back: the cells of each sheet, texts as texts and numbers as numbers."""
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        texts = ["".join(t.text or "" for t in item.iter(f"{MAIN}t")) for item in xml(parts, "sharedStrings")]
        names = [sheet.get("name") for sheet in xml(parts, "workbook").iter(f"{MAIN}sheet")]
        return {
            name: {
                cell.get("r"): value(cell, texts)
                for cell in xml(parts, f"worksheets/sheet{n}").iter(f"{MAIN}c")
            }
            for n, name in enumerate(names, start=1)
        }


def xml(parts: zipfile.ZipFile, name: str) -> ElementTree.Element:
    return ElementTree.fromstring(parts.read(f"xl/{name}.xml"))


def value(cell: ElementTree.Element, texts: list[str]) -> str | float:
    number = cell.find(f"{MAIN}v").text
    return texts[int(number)] if cell.get("t") == "s" else float(number)


def test_each_table_has_a_sheet_and_the_first_one_says_what_it_is():
    book = sheets(to_xlsx(small_report()))

    assert list(book)[:3] == ["Report", "1 effects", "2 sensitivity"]
    assert len(book) == 1 + len(small_report().tables)
    told = list(book["Report"].values())
    assert told[:3] == ["A trial", "T01 freeze 1", "TEST: nothing here is real."]
    assert PRIMARY[2] in told


def test_the_primary_endpoint_stands_in_its_row():
    sheet = sheets(to_xlsx(small_report()))["1 effects"]

    [place] = [place for place, text in sheet.items() if text == "New-onset osteoporosis (primary endpoint)"]
    row = place[1:]
    assert tuple(sheet[f"{column}{row}"] for column in "BCD") == PRIMARY
    assert (
        "Population: Intention to treat. Events/people (%). No correction for multiple endpoints."
        in sheet.values()
    )


def test_numbers_are_numbers_and_all_else_is_text():
    rows = (Row("a", ("12", "-0.50", "< 0.001")), Row("b", ("1e5", "007 ", "–")))
    sheet = sheets(to_xlsx(written(Tabled("t", Table("t", "T", ("A", "B", "C", "D"), rows)))))["1 t"]

    assert [sheet[f"{column}4"] for column in "BCD"] == [12.0, -0.5, "< 0.001"]
    assert [sheet[f"{column}5"] for column in "BCD"] == ["1e5", "007 ", "–"]


def test_nothing_starts_a_formula_or_a_link():
    content = to_xlsx(strange_report())
    sheet = sheets(content)["1 strange"]

    assert [sheet[f"A{row}"] for row in range(4, 4 + len(STRANGE))] == list(STRANGE)
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        xmls = [parts.read(name) for name in parts.namelist() if "worksheets" in name]
    assert not [xml for xml in xmls if re.search(rb"<f>|<hyperlink", xml)]


def test_the_columns_stay_in_sight_and_long_or_like_names_do_no_harm():
    table = Table("t", "T", ("A",), (Row("a"),))
    content = to_xlsx(written(*(Tabled(f"{'x' * 40}{n}", table) for n in range(2))))

    assert len(sheets(content)) == 3
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        assert b'state="frozen"' in parts.read("xl/worksheets/sheet2.xml")
