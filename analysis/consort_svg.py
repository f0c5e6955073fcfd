"""The CONSORT flow as SVG: drawn by hand at phone width, in the color of the text around it.

Presentation attributes only, no style: a strict content security policy leaves them alone.
"""

import re
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from html import escape

from analysis.consort import Box, Flow, Part

WIDTH, GUTTER, PAD = 400, 16, 8
HALF = (WIDTH - GUTTER) / 2
LINE, GAP = 16, 22
HEAD_CHARACTERS, CHARACTERS = 23, 27  # as many as fit in a wide font, bold and plain
# A word of Latin letters, or one other character, with the marks that may not begin a line.
UNBROKEN = re.compile(
    r"(?:[!-~\u00a0-\u024f]+|.)[\u3001\u3002\uff01\uff09\uff0c\uff1a\uff1b\uff1f\u300d\u300f]*", re.DOTALL
)


def to_svg(
    found: Flow, *, title: str = "CONSORT flow", key: str = "flow", say: Callable[[str], str] = str
) -> str:
    """Draw the flow, saying what `consort.to_lines` says; `key` keeps ids apart when a page shows several.

    `say` puts its words into another language.
    """
    said = [*found.stem, *(box for boxes in found.arms.values() for box in boxes)]
    about = "; ".join(say(f"{box.label}: {box.n}") for box in said)
    found = _counted(found, say)
    stem, fork = _stem(found)
    arms, bottom = _arms(list(found.arms.values()), fork)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 -1 {WIDTH + 2} {bottom + 2:g}" role="img" '
            f'aria-labelledby="{key}-title {key}-desc" font-family="system-ui, sans-serif" font-size="12" '
            'fill="currentColor">',
            f'<title id="{key}-title">{escape(say(title))}</title>',
            f'<desc id="{key}-desc">{escape(about)}.</desc>',
            *stem,
            *arms,
            "</svg>",
        ]
    )


def _stem(found: Flow) -> tuple[list[str], float]:
    """Draw the stem to the left, what left it to the right, and the fork under the last box."""
    shapes: list[str] = []
    y, middle = 0.0, HALF / 2
    for box in found.stem[:-1]:
        shapes += _box(box, 0, y, HALF)
        y += _height(box)
        gap, aside = float(GAP), found.left.get(box.key)
        if aside:
            gap = max(GAP, _height(aside) + GAP)
            shapes += _box(aside, HALF + GUTTER, y + GAP / 2, HALF)
            shapes += _arrow(middle, y + gap / 2, HALF + GUTTER, y + gap / 2)
        shapes += _arrow(middle, y, middle, y + gap)
        y += gap
    last = found.stem[-1]
    shapes += _box(last, 0, y, WIDTH)
    y += _height(last)
    for x in (middle, WIDTH - middle):
        shapes += _arrow(x, y, x, y + GAP)
    return shapes, y + GAP


def _arms(columns: Sequence[Sequence[Box]], y: float) -> tuple[list[str], float]:
    """Draw the arms side by side, the boxes of one step level with each other."""
    shapes: list[str] = []
    for step in zip(*columns, strict=True):
        height = max(map(_height, step))
        for column, box in enumerate(step):
            x = column * (HALF + GUTTER)
            shapes += _box(box, x, y, HALF, height)
            if box is not columns[column][-1]:
                shapes += _arrow(x + HALF / 2, y + height, x + HALF / 2, y + height + GAP)
        y += height + GAP
    return shapes, y - GAP


def _wrapped(box: Box) -> list[tuple[str, bool]]:
    """Return the lines of a box with whether each is its head; continued lines are indented."""
    head = [(line, True) for line in _wrap(box.label, HEAD_CHARACTERS)]
    parts = (_wrap(part.label, CHARACTERS, indent="\u2003") for part in box.parts)
    return head + [(line, False) for lines in parts for line in lines]


def _wrap(text: str, width: int, indent: str = "") -> list[str]:
    """Break a text into lines: between words, or between characters where they are wide and have no spaces."""
    if not any(map(_wide, text)):
        return textwrap.wrap(text, width, subsequent_indent=indent)
    lines = [""]
    for word in UNBROKEN.findall(text):
        if lines[-1] and _columns(lines[-1] + word) > width:
            lines.append(indent)
        lines[-1] += word
    return [line.rstrip() for line in lines]


def _wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"


def _columns(text: str) -> int:
    return sum(2 if _wide(character) else 1 for character in text)


def _counted(found: Flow, say: Callable[[str], str]) -> Flow:
    """Return the flow with its numbers in its labels, ready to be written."""

    def part(item: Part) -> Part:
        return item._replace(label=say(f"{item.label} (n\u00a0=\u00a0{item.n})"))

    def boxes(items: Iterable[Box]) -> tuple[Box, ...]:
        return tuple(
            box._replace(label=part(Part(box.label, box.n)).label, parts=tuple(map(part, box.parts)))
            for box in items
        )

    left = dict(zip(found.left, boxes(found.left.values()), strict=True))
    return Flow(boxes(found.stem), left, {arm: boxes(items) for arm, items in found.arms.items()})


def _height(box: Box) -> float:
    return len(_wrapped(box)) * LINE + 2 * PAD


def _box(box: Box, x: float, y: float, width: float, height: float | None = None) -> list[str]:
    frame = (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height or _height(box):g}" rx="4" fill="none" '
        'stroke="currentColor"/>'
    )
    texts = [
        f'<text x="{x + PAD:g}" y="{y + PAD + LINE * (i + 0.75):g}" font-weight="{600 if head else 400}">'
        f"{escape(line)}</text>"
        for i, (line, head) in enumerate(_wrapped(box))
    ]
    return [frame, *texts]


def _arrow(x1: float, y1: float, x2: float, y2: float) -> list[str]:
    """Draw a line with a filled head at its end, downwards or to the right."""
    head = "-4,-6 4,-6" if x1 == x2 else "-6,-4 -6,4"
    return [
        f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="currentColor"/>',
        f'<polygon points="0,0 {head}" transform="translate({x2:g} {y2:g})"/>',
    ]
