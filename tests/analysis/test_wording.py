"""A report in another language: every word of it, in every kind of file, and no number lost."""

import io
import re
import zipfile
from html import unescape
from html.parser import HTMLParser

import pytest
from django.core.management import CommandError, call_command
from pypdf import PdfReader

from analysis.consort import Box, Flow
from analysis.consort_svg import to_svg
from analysis.document import Document, Drawing
from analysis.excel import to_xlsx
from analysis.pdf import to_pdf, to_png
from analysis.services import freezes
from analysis.services.languages import wording
from analysis.word import to_docx
from analysis.wording import Unreadable, Wording, read_catalog, translated, write_catalog
from tests.analysis.documents import drawing, small_report, written
from tests.browsing import browser, words
from tests.factories import randomized

LATIN = re.compile(r"[A-Za-z]+")
DATA = ("A trial", "T01")


def twin(text: str) -> str:
    """Write a text in other letters: whatever is still Latin afterwards was never asked for."""
    return re.sub("[A-Za-z]", lambda letter: chr(ord(letter[0].lower()) - ord("a") + 0x430), text)


def in_twins(document: Document) -> Document:
    """Translate a document into the language of other letters, every text of it."""
    asked = Wording("xx")
    translated(document, asked)
    return translated(document, Wording("xx", {text: twin(text) for text in asked.met}))


def latin(text: str, *data: str) -> set[str]:
    """Return the words in Latin letters, without data, hashes, infinity and the numbers of CONSORT's items."""
    text = " ".join(text.split())
    for value in (*DATA, *data):
        text = text.replace(value, "")
    return set(LATIN.findall(re.sub(r"\b[0-9a-f]{12,64}\b|\bInf\b|\d\([ivx]+\)", "", text)))


def pdf_text(content: bytes) -> str:
    return " ".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)


def packed_text(content: bytes, parts: str, marks: str) -> str:
    """Return what stands between marks, or in attributes, of the parts of an Office file."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        xml = "".join(packed.read(name).decode() for name in packed.namelist() if re.search(parts, name))
    return unescape(" ".join("".join(found) for found in re.findall(marks, xml)))


def docx_text(content: bytes) -> str:
    return packed_text(content, "document.xml", r'<w:t[ >][^<]*?>?([^<>]*)</w:t>|(?:title|descr)="([^"]*)"')


def xlsx_text(content: bytes) -> str:
    return packed_text(content, r"sharedStrings|workbook\.xml$", r'<t[^>]*>([^<]*)</t>|<sheet name="([^"]*)"')


def svg_text(svg: str) -> str:
    return unescape(re.sub("<[^>]*>", " ", svg))


class Spoken(HTMLParser):
    """What a page says inside `<div lang=…>`, and in the names of columns that a phone shows."""

    def __init__(self, language: str):
        super().__init__()
        self.language, self.depth, self.told = language, 0, []

    def handle_starttag(self, tag, attrs):
        self.depth += tag == "div" and (self.depth > 0 or ("lang", self.language) in attrs)
        self.told += [value for name, value in attrs if self.depth and name == "data-label"]

    def handle_endtag(self, tag):
        self.depth -= tag == "div" and self.depth > 0

    def handle_data(self, data):
        self.told += [data] if self.depth else []


def spoken(page: str, language: str) -> str:
    parser = Spoken(language)
    parser.feed(page)
    return " ".join(parser.told)


def drawings(document: Document) -> list[Drawing]:
    return [block for block in document.blocks if isinstance(block, Drawing)]


# --- one text --------------------------------------------------------------------------------------------------


def test_numbers_are_no_part_of_a_text_and_go_where_the_translation_has_them():
    chinese = Wording("zh-hant", {"{1} of {2} ({3}%)": "{2}人中有{1}人（{3}%）"})

    assert chinese.say("272 of 2,456 (11.1%)") == "2,456人中有272人（11.1%）"
    assert chinese.say("27 of 2,456 (1.1%)") == "2,456人中有27人（1.1%）"
    assert list(chinese.met) == ["{1} of {2} ({3}%)"]


def test_a_text_is_said_sentence_by_sentence_and_what_is_lacking_stays():
    german = Wording("de", {"Nobody.": "Niemand.", "no event": "kein Ereignis", "Called": "Angerufen"})

    assert german.say("[1] no event") == "[1] kein Ereignis"
    assert german.say("Nobody. At all; no event") == "Niemand. At all; kein Ereignis"
    assert german.say("Called (n\u00a0=\u00a05)") == "Angerufen (n\u00a0=\u00a05)"
    assert german.missing == ["At all", "(n = {1})"]


def test_what_somebody_typed_is_no_word_of_the_report():
    german = Wording("de", {"{1} freeze {2}": "{1}, Stand {2}"})

    assert german.say("T01 freeze 3 · Look. Again; 12", ["T01", "Look. Again; 12"]) == (
        "T01, Stand 3 · Look. Again; 12"
    )
    assert german.say("SHA-256 " + "0a" * 32) == "SHA-256 " + "0a" * 32
    assert list(german.met) == ["{1} freeze {2}", "SHA-{1} {2}"]


@pytest.mark.parametrize("wrong", ["{1} von", "{1} von {2} und {3}", "{1} von {1} und {2}"])
def test_a_translation_that_loses_a_number_or_says_it_twice_is_not_used(wrong):
    german = Wording("de", {"{1} of {2}": wrong})

    assert german.say("5 of 7") == "5 of 7"
    assert german.missing == ["{1} of {2}"]


# --- catalogs --------------------------------------------------------------------------------------------------


def test_a_catalog_comes_back_as_it_was_written():
    texts = {'Say "{1}"\\n': "Sag „{1}“\t", "Nothing yet": ""}

    assert read_catalog(write_catalog("de", texts)) == texts


def test_a_catalog_of_an_editor_is_read_and_a_doubtful_entry_is_none():
    edited = (
        'msgid ""\nmsgstr ""\n"Language: de\\n"\n\n# a remark\n#, fuzzy\nmsgid "Called"\nmsgstr "Geholt"\n\n'
        'msgid ""\n"Control "\n"arm"\nmsgstr "Kontrollarm"\n\n#~ msgid "Old"\n#~ msgstr "Alt"\n'
    )

    assert read_catalog(edited) == {"Called": "", "Control arm": "Kontrollarm"}


@pytest.mark.parametrize("broken", ['msgid "a"\nmsgstr "b', 'msgid "a"\n', 'msgid "a\\q"\nmsgstr "b"\n'])
def test_a_broken_catalog_is_refused(broken):
    with pytest.raises(Unreadable):
        read_catalog(broken)


# --- a whole report --------------------------------------------------------------------------------------------


def test_no_word_of_a_report_stays_behind_in_any_kind_of_file():
    report = in_twins(small_report())

    for text in (pdf_text(to_pdf(report)), docx_text(to_docx(report)), xlsx_text(to_xlsx(report))):
        assert len(text) > 5_000
        assert latin(text) == set()
    for figure in drawings(report):
        assert latin(svg_text(figure.svg)) == set(), figure.key


def test_numbers_and_their_order_are_those_of_the_english_report():
    english, other = (
        [re.findall(r"\d+(?:\.\d+)?|Inf|–", repr(tabled)) for tabled in report.tables]
        for report in (small_report(), in_twins(small_report()))
    )

    assert sum(map(len, english)) > 1000
    assert [part for part in zip(english, other, strict=True) if part[0] != part[1]] == []


def test_files_name_the_language_and_say_how_much_of_it_is_lacking():
    report = translated(small_report(), Wording("zh-hant", {"Effects": "效果"}))

    pdf = PdfReader(io.BytesIO(to_pdf(report)))
    assert pdf.trailer["/Root"]["/Lang"] == "zh-TW"
    assert 'w:eastAsia="zh-hant"' in packed_text(to_docx(report), "styles.xml", "(<w:lang[^>]*>)")
    assert re.match(r"Partly translated, \d\d+ of the \d{3} texts of this report stay", report.status[0].text)


def test_what_is_shipped_can_be_used_and_says_that_it_is_partial():
    shipped = wording("zh-hant")

    report = translated(small_report(), shipped)

    assert all(map(shipped.usable, shipped.texts))
    assert report.status[0].text.startswith("部分翻譯")
    assert report.tables[0].table.columns[1:3] == ("篩檢組", "對照組")
    assert to_pdf(report)


def test_in_english_nothing_is_touched():
    assert translated(small_report(), Wording()) is small_report()


def test_wide_characters_fit_into_the_boxes_of_the_flow():
    box = Box("a", "At high risk", 3)
    words = {"At high risk": "經人工智慧判讀為骨質疏鬆症高風險且符合資格者 DXA"}

    svg = to_svg(Flow((box,), {}, {}), say=Wording("zh-hant", words).say)

    lines = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert (
        "".join(lines).replace(" ", "") == "經人工智慧判讀為骨質疏鬆症高風險且符合資格者DXA(n\u00a0=\u00a03)"
    )
    assert max(map(len, lines)) <= 15


def test_a_figure_in_chinese_can_be_printed():
    said = Wording("zh-hant", {"Effects": "效果"}).drawing(drawing("Effects"))

    assert "效果" in said.svg and 'lang="zh-hant"' in said.svg
    assert to_png(said.svg) != to_png(drawing("Effects").svg)
    assert to_pdf(written(said))


# --- page, files and command -----------------------------------------------------------------------------------


@pytest.fixture
def frozen(world, settings, tmp_path):
    settings.REPORT_LANGUAGES = str(tmp_path)
    randomized(world, 4)
    return freezes.freeze(
        world.trial, purpose="Interim report", by=world.trial_statistician, despite_findings=True
    )


def report_words(*told: str) -> str:
    out = io.StringIO()
    call_command("report_words", *told, stdout=out, stderr=out)
    return out.getvalue()


@pytest.mark.django_db
def test_a_trials_unit_translates_the_catalog_and_every_reader_has_the_report_in_it(world, frozen, tmp_path):
    told = report_words(world.trial.code, "--language", "xx")
    asked = read_catalog((tmp_path / "xx.po").read_text())
    assert f"{len(asked)} texts of {frozen}, {len(asked)} to translate" in told
    (tmp_path / "xx.po").write_text(write_catalog("xx", {text: twin(text) for text in asked}))

    typed = (world.trial.title, world.trial.code, frozen.purpose, world.model.name)
    for reader in (world.monitoring_committee, world.trial_statistician):
        page = browser(reader).get(f"/reports/{frozen.pk}/?language=xx")
        told = spoken(page.content.decode(), "xx")
        assert frozen.sha256 in told and len(told) > 1000
        assert latin(told, *typed) == set()
    reader = browser(world.monitoring_committee)
    for name, read in (("report.pdf", pdf_text), ("report.docx", docx_text), ("report.xlsx", xlsx_text)):
        file = reader.get(f"/reports/{frozen.pk}/files/{name}?language=xx")
        assert name.replace("report", "report-xx") in file["Content-Disposition"]
        assert latin(read(file.content), *typed) == set(), name
    for name in ("flow.svg", "effects.csv"):
        file = reader.get(f"/reports/{frozen.pk}/files/{name}?language=xx").content.decode()
        assert latin(svg_text(file)) == set(), name
    assert ", 0 to translate" in report_words(world.trial.code, "--language", "xx")


@pytest.mark.django_db
def test_a_half_translated_report_says_so_and_a_broken_catalog_leaves_english(world, frozen, tmp_path):
    (tmp_path / "de.po").write_text(write_catalog("de", {"Effects": "Wirkungen", "Methods": ""}))
    (tmp_path / "fr.po").write_text('msgid "Effects"\nmsgstr ')
    reader = browser(world.monitoring_committee)

    german = words(reader.get(f"/reports/{frozen.pk}/?language=de"))
    french = words(reader.get(f"/reports/{frozen.pk}/?language=fr"))

    assert "Partly translated, " in german and "Wirkungen" in german and "Deutsch" in german
    assert "The catalog fr.po can't be read" in french and "Effects" in french
    assert "Partly translated" not in words(reader.get(f"/reports/{frozen.pk}/"))
    assert reader.get(f"/reports/{frozen.pk}/?language=../de").status_code == 404


@pytest.mark.django_db
def test_a_language_opens_no_file_to_whoever_may_not_have_it(world, frozen, tmp_path):
    (tmp_path / "de.po").write_text(write_catalog("de", {"Effects": "Wirkungen"}))
    blind = browser(world.trial_statistician)

    assert blind.get(f"/reports/{frozen.pk}/files/report.pdf?language=de").status_code == 404
    assert "Wirkungen" not in words(blind.get(f"/reports/{frozen.pk}/?language=de"))


@pytest.mark.django_db
def test_the_command_keeps_what_was_translated_and_names_what_is_of_no_use(world, frozen, tmp_path):
    (tmp_path / "de.po").write_text(
        write_catalog("de", {"Effects": "Wirkungen", "Of another trial": "Von woanders"})
    )

    first = report_words(world.trial.code, "--language", "de", "--freeze", "1")
    found = read_catalog((tmp_path / "de.po").read_text())
    (tmp_path / "de.po").write_text(write_catalog("de", found | {"Odds ratio ({1}% CI)": "Quotenverhältnis"}))
    second = report_words(world.trial.code, "--language", "de")

    assert (found["Effects"], found["Of another trial"], found["Methods"]) == (
        "Wirkungen",
        "Von woanders",
        "",
    )
    for told in (first, second):
        asked, lacking = map(int, re.findall(r"(\d+) (?:texts|to translate)", told))
        assert asked > 200 and lacking == asked - 1
    assert "other numbers in braces than its text: Odds ratio ({1}% CI)" in second
    for wrong, message in (
        (("--language", "English!"), "no language"),
        (("--language", "de", "--freeze", "7"), "1."),
    ):
        with pytest.raises(CommandError, match=message):
            report_words(world.trial.code, *wrong)
