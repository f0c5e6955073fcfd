"""A report as a document: what the page shows is what every file holds, in the same order and the same bytes."""

import os
import pickle
import subprocess
import sys
from hashlib import sha256

import pytest
from django.conf import settings

from analysis.document import Document, Drawing, Heading, Tabled, body
from analysis.excel import to_xlsx
from analysis.pdf import to_pdf
from analysis.services import documents, freezes
from analysis.tables import Row, Table
from analysis.word import to_docx
from tests.analysis.documents import CUNEIFORM, drawing, small_report
from tests.browsing import browser, words
from tests.documents import pdf_words
from tests.factories import randomized


def outline(document: Document) -> list[str]:
    """Return headings as they are, and figures and tables by their keys."""
    told = {
        Heading: lambda b: b.text,
        Drawing: lambda b: f"figure {b.key}",
        Tabled: lambda b: f"table {b.key}",
    }
    return [told[type(block)](block) for block in document.blocks if type(block) in told]


def plain(text: str) -> str:
    return " ".join(text.replace("\u00a0", " ").split())


def test_a_report_begins_with_its_primary_endpoint_and_puts_each_figure_above_its_table():
    found = outline(small_report())

    assert found[:3] == [
        "New-onset osteoporosis (primary endpoint)",
        "Participant flow (CONSORT 2025)",
        "figure flow",
    ]
    assert found[3:6] == ["Effects", "figure effects", "table effects"]
    assert found[-4:-1] == ["table cascade_control", "figure cascade_low_risk", "table cascade_low_risk"]
    assert [block.key for block in small_report().tables if not block.folded] == [
        "effects",
        "sensitivity",
        "further",
        "subgroups",
    ]


def test_a_table_that_nobody_placed_is_a_section_of_its_own():
    tables = {key: Table(key, f"Table {key}", ("A",), (Row("a"),)) for key in ("effects", "new", "baseline")}

    found = [block.text for block in body({"flow": drawing("x")}, tables) if isinstance(block, Heading)]

    assert found == ["Participant flow (CONSORT 2025)", "Effects", "Table new", "Participants"]


def test_a_figure_is_as_wide_as_its_page_and_no_taller():
    wide, tall = drawing("x"), Drawing("tall", '<svg viewBox="-1 -1 100 500"></svg>')

    assert (wide.title, wide.words) == ("A < B", "Some words")
    assert (wide.width, tall.width) == (140, 40)


REWRITE = """
import pickle, sys
from hashlib import sha256
from analysis.excel import to_xlsx
from analysis.pdf import to_pdf
from analysis.word import to_docx

report = pickle.load(sys.stdin.buffer)
print(*(sha256(write(report)).hexdigest() for write in (to_pdf, to_docx, to_xlsx)))
"""


def test_no_format_depends_on_the_hour_the_place_or_the_process():
    report = small_report()
    elsewhere = {"TZ": "Asia/Taipei", "PYTHONHASHSEED": "7"}

    again = subprocess.run(
        [sys.executable, "-c", REWRITE],
        cwd=settings.BASE_DIR,
        env=os.environ | elsewhere,
        input=pickle.dumps(report),
        capture_output=True,
        check=True,
    )

    made = [to_pdf(report), to_docx(report), to_xlsx(report)]
    assert again.stdout.decode().split() == [sha256(content).hexdigest() for content in made]


@pytest.mark.django_db
def test_the_page_and_the_pdf_say_the_same_in_the_same_order(world):
    randomized(world, 4)
    frozen = freezes.freeze(
        world.trial, purpose="Interim <b> #report", by=world.trial_statistician, despite_findings=True
    )
    reader = browser(world.monitoring_committee)
    page = words(reader.get(f"/reports/{frozen.pk}/"))
    pdf = pdf_words(reader.get(f"/reports/{frozen.pk}/files/report.pdf").content)
    document = documents.document(frozen)

    for told in (page, plain(pdf)):
        assert "Interim <b> #report" in told and frozen.sha256 in told
        assert "every comparison is post hoc" in told
        rest = told
        for block in document.blocks:
            if isinstance(block, Heading):
                assert block.text in rest, f"{block.text} is not where it belongs"
                rest = rest.split(block.text, 1)[1]
        for block in document.tables:
            for row in block.table.rows:
                assert all(cell in plain(told) for cell in row.cells), f"{block.key}: {row}"


@pytest.mark.django_db
def test_a_character_that_no_font_has_is_refused_by_name_and_the_workbook_goes_on(world):
    randomized(world, 2)
    frozen = freezes.freeze(
        world.trial, purpose=f"A {CUNEIFORM}", by=world.trial_statistician, despite_findings=True
    )
    reader = browser(world.monitoring_committee)

    page = reader.get(f"/reports/{frozen.pk}/files/report.pdf", follow=True)

    assert "No font here can draw “\U00012000” (U+12000)" in words(page)
    assert reader.get(f"/reports/{frozen.pk}/files/report.xlsx").content.startswith(b"PK")


@pytest.mark.django_db
def test_who_sees_no_arms_gets_none_of_the_files(world):
    randomized(world, 2)
    frozen = freezes.freeze(
        world.trial, purpose="Interim", by=world.trial_statistician, despite_findings=True
    )
    blind = browser(world.trial_statistician)

    assert "(report.pdf)" not in words(blind.get(f"/reports/{frozen.pk}/"))
    for name in ("report.pdf", "report.docx", "report.xlsx", "effects.png"):
        assert blind.get(f"/reports/{frozen.pk}/files/{name}").status_code == 404
