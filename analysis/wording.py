"""The words of a report in another language: a catalog of texts, and the report said with it.

A text is said sentence by sentence. Numbers, hashes and what somebody typed (`data`) are taken out to numbered
places before it is looked up, and go back to where the translation has those places: "272 of 2456" and "27 of 2456"
are one text, "{1} of {2}". What the catalog lacks stays in English and is counted.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from html import escape, unescape

from analysis.consort_svg import to_svg
from analysis.document import ENGLISH, Block, Document, Drawing, Facts, Heading, Paragraph, Tabled
from analysis.tables import Row, Table

MARK = "\ue000"  # of private use: stands for a value while a text is cut into sentences
HASH, NUMBER = r"(?<!\w)[0-9a-f]{12,64}(?!\w)", r"(?<!\w)-?(?:\d+(?:[.,:/T-]\d+)*(?:\([ivx]+\))?|Inf)(?!\w)"
# Where a text is cut: after the mark of a note and before that of one, between sentences, and around a label's number.
BETWEEN = re.compile(
    rf"(^\[{MARK}\] |\s(?=\[{MARK}\]$)|\s·\s|;\s(?![^()]*\))|(?<=[.!?])\s(?=[A-Z“{MARK}])"
    rf"|:\s(?={MARK})|\s(?=\(n\s=\s{MARK}\)))"
)
PLACE = re.compile(r"\{(\d+)\}")
SPACES = re.compile(r"^(\s*)(.*?)(\s*)$", re.DOTALL)
SHOWN = re.compile(r"(<(?:text|tspan|title|desc)\b[^>]*>)([^<]+)")
LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True)
class Wording:
    """A language with its texts, and every text that was asked of it so far, in order."""

    language: str = ENGLISH
    texts: Mapping[str, str] = field(default_factory=dict)
    met: dict[str, None] = field(default_factory=dict)

    @property
    def missing(self) -> list[str]:
        """Return the texts that were asked for and stayed in English."""
        return [text for text in self.met if not self.usable(text)]

    def usable(self, text: str) -> bool:
        """Say whether a text has a translation with the same places: no number is lost, none comes twice."""
        found = self.texts.get(text, "")
        return bool(found) and sorted(PLACE.findall(found)) == sorted(PLACE.findall(text))

    def say(self, text: str, data: Iterable[str] = ()) -> str:
        """Say a text, sentence by sentence; `data` in it, numbers and hashes stay as they are."""
        if self.language == ENGLISH:
            return text
        typed = [re.escape(value) for value in sorted(data, key=len, reverse=True) if value]
        value = re.compile("|".join([*(rf"(?<!\w){one}(?!\w)" for one in typed), HASH, NUMBER]))
        values = iter(value.findall(text))
        parts = BETWEEN.split(value.sub(MARK, text.replace(MARK, "")))
        return "".join(self._part(part, [next(values) for _ in range(part.count(MARK))]) for part in parts)

    def _part(self, part: str, values: list[str]) -> str:
        places = iter(range(1, len(values) + 1))
        before, words, after = SPACES.findall(part)[0]
        text = " ".join(re.sub(MARK, lambda _: f"{{{next(places)}}}", words).split())
        if LETTER.search(words):
            self.met[text] = None
        said = self.texts[text] if self.usable(text) else None
        if said is None:
            left = iter(values)
            return re.sub(MARK, lambda _: next(left), part)
        return before + PLACE.sub(lambda place: values[int(place[1]) - 1], said) + after

    def table(self, table: Table) -> Table:
        """Say title, columns, rows and footnotes."""
        return replace(
            table,
            title=self.say(table.title),
            columns=tuple(map(self.say, table.columns)),
            rows=tuple(map(self._row, table.rows)),
            footnotes=tuple(map(self.say, table.footnotes)),
        )

    def _row(self, row: Row) -> Row:
        cells = tuple(self.say(cell, row.data) for cell in row.cells)
        return replace(row, label=self.say(row.label, row.data), cells=cells)

    def drawing(self, drawing: Drawing) -> Drawing:
        """Say the words of a figure; the flow is drawn anew, for its boxes are as high as their words."""
        if self.language == ENGLISH:
            return drawing
        if drawing.flow:
            svg = to_svg(drawing.flow, say=self.say)
        else:
            svg = SHOWN.sub(lambda found: found[1] + escape(self.say(unescape(found[2]))), drawing.svg)
        return replace(drawing, svg=svg.replace("<svg ", f'<svg lang="{self.language}" ', 1))

    def block(self, block: Block) -> Block:
        """Say a block of any kind."""
        match block:
            case Heading():
                return Heading(self.say(block.text))
            case Paragraph():
                return replace(block, text=self.say(block.text, block.data))
            case Facts():
                return Facts(tuple((self.say(name), self.say(told)) for name, told in block.rows))
            case Drawing():
                return self.drawing(block)
            case Tabled():
                return replace(block, table=self.table(block.table))


def translated(document: Document, words: Wording) -> Document:
    """Say a whole document, and in its status how much of it there were no words for; its title is data."""
    if words.language == ENGLISH:
        return document
    blocks = tuple(map(words.block, document.blocks))
    status = tuple(words.block(block) for block in document.status)
    whole, figure, table = map(words.say, document.terms)
    told = (*partly(words), *(block for block in status if isinstance(block, Paragraph)))
    return replace(
        document, language=words.language, status=told, blocks=blocks, terms=(whole, figure, table)
    )


def partly(words: Wording) -> list[Paragraph]:
    """Say that a translation is partial, where it is."""
    lacking, met = len(words.missing), len(words.met)
    told = f"Partly translated, {lacking} of the {met} texts of this report stay in English."
    said = words.say(told)
    return [Paragraph(said, "warning")] if lacking else []


# --- catalogs: gettext's .po, without plurals and contexts -----------------------------------------------------

LITERAL = r'"(?:[^"\\\n]|\\.)*"'
ENTRY = re.compile(rf"^msgid((?:\s*{LITERAL})+)\s*^msgstr((?:\s*{LITERAL})+)", re.MULTILINE)
FUZZY = re.compile(r"^#,.*\bfuzzy\b.*\n(?:#.*\n)*", re.MULTILINE)


class Unreadable(ValueError):
    """A catalog that is not one."""


def read_catalog(text: str) -> dict[str, str]:
    """Read texts with their translations, without the header; one marked fuzzy counts as none."""
    text = text.replace("\r\n", "\n")
    fuzzy = {found.end() for found in FUZZY.finditer(text)}
    found = list(ENTRY.finditer(text))
    if len(found) != len(re.findall("^msg", text, re.MULTILINE)) / 2:
        raise Unreadable("It has an entry that is not one msgid and one msgstr in quotes.")
    entries = {_plain(one[1]): "" if one.start() in fuzzy else _plain(one[2]) for one in found}
    return {text: said for text, said in entries.items() if text}


def _plain(literals: str) -> str:
    try:
        return "".join(json.loads(one) for one in re.findall(LITERAL, literals))
    except ValueError:
        raise Unreadable(f"This has a backslash that means nothing: {literals.strip()}") from None


def write_catalog(language: str, texts: Mapping[str, str]) -> str:
    """Write texts as a catalog to translate; an empty translation is one to make."""
    about = f"Language: {language}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n"
    about += "Content-Transfer-Encoding: 8bit\n"
    entries = (
        f"msgid {_quoted(text)}\nmsgstr {_quoted(said)}\n" for text, said in {"": about, **texts}.items()
    )
    return "\n".join(entries)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
