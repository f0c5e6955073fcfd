"""The CONSORT flow as SVG: drawn by hand at phone width, in the color of the text around it.

Presentation attributes only, no style: a strict content security policy leaves them alone.
"""

import textwrap
from collections.abc import Sequence
from html import escape

from analysis.consort import Box, Flow, Part

WIDTH, GUTTER, PAD = 400, 16, 8
HALF = (WIDTH - GUTTER) / 2
LINE, GAP = 16, 22
HEAD_CHARACTERS, CHARACTERS = 23, 27  # as many as fit in a wide font, bold and plain


def to_svg(found: Flow, *, title: str = "CONSORT flow", key: str = "flow") -> str:
    """Draw the flow, saying what `consort.to_lines` says; `key` keeps ids apart when a page shows several."""
    stem, fork = _stem(found)
    arms, bottom = _arms(list(found.arms.values()), fork)
    said = [*found.stem, *(box for boxes in found.arms.values() for box in boxes)]
    about = "; ".join(f"{box.label}: {box.n}" for box in said)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 -1 {WIDTH + 2} {bottom + 2:g}" role="img" '
            f'aria-labelledby="{key}-title {key}-desc" font-family="system-ui, sans-serif" font-size="12" '
            'fill="currentColor">',
            f'<title id="{key}-title">{escape(title)}</title>',
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
    head = [(line, True) for line in textwrap.wrap(_counted(box), HEAD_CHARACTERS)]
    parts = (textwrap.wrap(_counted(part), CHARACTERS, subsequent_indent="\u2003") for part in box.parts)
    return head + [(line, False) for lines in parts for line in lines]


def _counted(item: Box | Part) -> str:
    return f"{item.label} (n\u00a0=\u00a0{item.n})"


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
