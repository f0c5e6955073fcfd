"""A report to be written in every format, made of invented rows."""

from datetime import UTC, datetime
from functools import cache

from analysis.consort import Intake
from analysis.document import Block, Document, Drawing, Paragraph, Tabled
from analysis.plan import read
from analysis.services.documents import lay_out
from analysis.services.reports import make_report
from analysis.tables import Row, Table
from tests.analysis.plans import PLAN
from tests.analysis.test_tables import ROWS

MADE = datetime(2024, 1, 2, 3, 4, tzinfo=UTC)
STRANGE = ("#sys", "*x*", "@a", "$y$", "\\n", "<b>", "=1+1", "-- [1] //", '"骨质疏松症"')
PRIMARY = ("15/100 (15.0%)", "4/100 (4.0%)", "4.24 (1.35, 13.25)")
CUNEIFORM = "\U00012000"  # no font at hand has it


@cache
def small_report() -> Document:
    """Return the report of the rows that other tests know by heart."""
    films = sum(row.films_counted for row in ROWS)
    found = make_report(ROWS, Intake(films, films), read(PLAN))
    told = [Paragraph("T01 freeze 1", "quiet"), Paragraph("TEST: nothing here is real.", "danger")]
    return lay_out(found, title="A trial", made=MADE, told=told)


def strange_report() -> Document:
    """Return a report in whose words every format could see marks of its own."""
    rows = tuple(Row(word, (word,), indent=1) for word in STRANGE)
    return written(Tabled("strange", Table("strange", "#title", ("@a", "*b*"), rows, STRANGE)), title="*T*")


def written(*blocks: Block, title: str = "A trial") -> Document:
    """Return a document of these blocks alone."""
    return Document(title, MADE, (), blocks)


def drawing(words: str) -> Drawing:
    """Return a figure that says something."""
    return Drawing(
        "small",
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 100"><title>A &lt; B</title>'
        f'<desc>Some words</desc><text x="9" y="20" font-family="system-ui">{words}</text></svg>',
    )
