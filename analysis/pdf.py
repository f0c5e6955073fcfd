"""PDF and PNG by typst: tagged for readers of screens (PDF/UA-1), the same bytes on a re-run, no system font.

The layout is in `report.typ`. A character that no font has is an error, for what is not printed can't be missed.
"""

import json
import re
from dataclasses import asdict, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import cvttf_NotoSansCJK_Regular
import typst

from analysis.document import Block, Document, Drawing, Tabled

LAYOUT = Path(__file__).with_name("report.typ").read_bytes()
PICTURE = b"""
#set document(title: "A figure")
#set page(width: auto, height: auto, margin: 3mm)
#set text(font: ("Libertinus Serif", "Noto Sans CJK TC"))
#image(bytes(sys.inputs.svg), format: "svg", width: 160mm, alt: "A figure")
"""
TAGGED: dict[str, Any] = {"format": "pdf", "pdf_standards": ["ua-1"]}
REGIONS = {"hant": "TW", "hans": "CN"}
DOTS = 300  # an inch: what journals ask of a picture
FAMILY = re.compile(r'font-family="[^"]*"')
LOST = re.compile(r'the text `"(.+?)"` could not be displayed')


class MissingGlyph(ValueError):
    """A character that no font at hand can draw."""


@lru_cache(maxsize=4)
def to_pdf(document: Document) -> bytes:
    """Write a document as PDF; raise MissingGlyph where a character would be a box."""
    blocks = [*document.status, *document.blocks]
    told = {"title": document.title, "blocks": [_plain(block) for block in blocks], "terms": document.terms}
    inputs = {"document": json.dumps(told | _spoken(document.language))}
    return _compile(LAYOUT, inputs, **TAGGED, timestamp=int(document.made.timestamp()))


@lru_cache(maxsize=32)
def to_png(svg: str) -> bytes:
    """Draw a figure as PNG on white, 300 dots an inch; raise MissingGlyph as a PDF does."""
    told = {"svg": _set(svg)}
    _compile(PICTURE, told, **TAGGED, timestamp=0)  # a picture alone would show a box and say nothing
    return _compile(PICTURE, told, format="png", ppi=DOTS)


def _spoken(language: str) -> dict[str, str | None]:
    """Return a language as typst takes it: zh-hant is zh in TW, for it knows regions and no scripts here."""
    lang, _, rest = language.partition("-")
    region = REGIONS.get(rest, rest.upper() if len(rest) == 2 else None)
    return {"lang": lang, "region": region}


def _plain(block: Block) -> dict[str, Any]:
    found = {"kind": block.kind, **asdict(replace(block, flow=None) if isinstance(block, Drawing) else block)}
    if isinstance(block, Drawing):
        found |= {"svg": _set(block.svg), "title": block.title, "words": block.words, "width": block.width}
    if isinstance(block, Tabled):
        rows = [{**asdict(row), "cells": [cell for _, cell in cells]} for row, cells in block.table.named]
        found["table"] |= {"rows": rows}
    return found


def _set(svg: str) -> str:
    """Let a figure be written in the letters of the page: the fonts of a screen are not here."""
    return FAMILY.sub('font-family="Libertinus Serif"', svg)


def _compile(source: bytes, inputs: dict[str, str], **how: Any) -> bytes:
    compiler = typst.Compiler(source, font_paths=_fonts(), sys_inputs=inputs)
    try:
        made = compiler.compile(**how)
    except typst.TypstError as failed:
        raise _missing(failed) or failed from None
    if not isinstance(made, bytes):
        raise TypeError(f"typst made {type(made)} where one file was wanted")
    return made


def _missing(failed: typst.TypstError) -> MissingGlyph | None:
    lost = dict.fromkeys(character for text in LOST.findall(failed.diagnostic) for character in text)
    named = ", ".join(f"“{character}” (U+{ord(character):04X})" for character in lost)
    return (
        MissingGlyph(f"No font here can draw {named}. Write it otherwise where it was entered.")
        if lost
        else None
    )


@cache
def _fonts() -> typst.Fonts:
    """Return typst's own fonts and the one for Chinese, Japanese and Korean: the same on every machine."""
    folder = Path(cvttf_NotoSansCJK_Regular.get_TTF_path()).parent
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=True, font_paths=[str(folder)])
