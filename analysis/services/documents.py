"""The report of a freeze as a document: what the page shows is what every file holds."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from analysis.cascades import Bar
from analysis.consort_svg import to_svg
from analysis.document import Document, Drawing, Heading, Paragraph, body, headline
from analysis.figures import (
    accrual_chart,
    cascade,
    forest_of_effects,
    forest_of_subgroups,
    fracture_risks,
    incidences,
)
from analysis.interim import two_sided_p
from analysis.looks import design_at
from analysis.models import Freeze
from analysis.plan_prose import Section, methods_text
from analysis.services.looks import as_boundaries, looks_before
from analysis.services.reports import Report, report
from analysis.wording import Wording, translated
from trial.models import TrialKind


@lru_cache(maxsize=32)
def drawn(draw: Callable[[Any], bytes], content: tuple | None) -> str:
    """Draw a figure once: a page and several files show it."""
    return draw(content).decode()


def _cascade(bars: Sequence[Bar]) -> bytes:
    return cascade(bars, title=bars[0].label)


IN_ENGLISH = Wording()

# The figures by the table that each one shows; the flow is a figure alone.
FIGURES: Mapping[str, Callable[[Report], str]] = {
    "flow": lambda found: to_svg(found.flow),
    "effects": lambda found: drawn(forest_of_effects, tuple(found.effects)),
    "subgroups": lambda found: drawn(forest_of_subgroups, tuple(found.subgroups)),
    "further": lambda found: drawn(incidences, found.further.timed),
    "fracture_risk": lambda found: drawn(fracture_risks, found.fracture_risk.changes),
    "accrual": lambda found: drawn(accrual_chart, found.accrual),
    "cascade_screening": lambda found: drawn(_cascade, tuple(found.cascades["screening"])),
    "cascade_control": lambda found: drawn(_cascade, tuple(found.cascades["control"])),
    "cascade_low_risk": lambda found: drawn(_cascade, tuple(found.cascades["low_risk"])),
}


def document(frozen: Freeze, words: Wording = IN_ENGLISH) -> Document:
    """Lay out the report of a freeze, both arms, in a language."""
    found = report(frozen)
    how = methods_text(found.plan, planned=found.planned, code_version=frozen.code_version)
    told = (*status(frozen), *interim_looks(frozen))
    made = lay_out(found, title=frozen.trial.title, made=frozen.cut_off, told=told, methods=how)
    return translated(made, words)


def drawing(key: str, found: Report) -> Drawing:
    """Draw one figure of a report."""
    return Drawing(key, FIGURES[key](found), found.flow if key == "flow" else None)


def lay_out(
    found: Report, *, title: str, made: datetime, told: Iterable[Paragraph], methods: Iterable[Section] = ()
) -> Document:
    """Put what was computed in order, below what there is to say of its data."""
    shown = {"flow", *(key for key, table in found.tables.items() if table.rows)}
    shown -= set() if found.further.timed else {"further"}
    drawings = {key: drawing(key, found) for key in FIGURES if key in shown}
    population = found.plan.analysis_set(found.plan.population).label
    first = headline(found.primary, found.primary_subgroups, population=population)
    how = (
        Paragraph(f"{section.title}. {' '.join(section.sentences)}", data=section.data) for section in methods
    )
    return Document(
        title, made, tuple(told), (*first, *body(drawings, found.tables), Heading("Methods"), *how)
    )


def status(frozen: Freeze) -> Iterator[Paragraph]:
    """Say which data these are, by which plan they are compared, and whether they are of real people."""
    code = frozen.trial.code
    yield Paragraph(
        f"{frozen} · {frozen.purpose} · facts entered up to {frozen.cut_off:%Y-%m-%d %H:%M} UTC · {frozen.people} "
        f"people · protocol version {frozen.protocol_version.number} · code {frozen.code_version}",
        "quiet",
        (code, frozen.purpose, frozen.code_version),
    )
    yield Paragraph(f"SHA-256 {frozen.sha256}", "quiet")
    if frozen.audit_head:
        yield Paragraph(f"Audit chain up to {frozen.audit_head}", "quiet")
    if frozen.plan:
        yield Paragraph(f"By {frozen.plan}; what it does not name is marked post hoc.", data=(code,))
    else:
        yield Paragraph(
            "No analysis plan was in force when this was frozen: every comparison is post hoc.", "warning"
        )
    yield from _reality(frozen)


def interim_looks(frozen: Freeze) -> Iterator[Paragraph]:
    """Say what earlier looks found and how much error they left: later p values are not what they seem (ICH E9 4.5)."""
    planned = frozen.plan.plan.interim if frozen.plan else None
    if not planned:
        return
    taken = [look for look in looks_before(frozen.trial) if look.freeze.cut_off <= frozen.cut_off]
    for look in taken:
        due = "no boundary was due" if look.boundary is None else f"the boundary was {look.boundary:.3f}"
        yield Paragraph(
            f"{look}, with {100 * look.information:g} % of the information: z {look.z:.3f}, {due}; "
            f"{look.alpha_spent:.4g} of a two-sided error of {planned.alpha:g} is spent.",
            data=(frozen.trial.code,),
        )
    if taken and taken[-1].information == 1:
        return
    last = design_at(planned, as_boundaries(taken), 1.0).looks[len(taken)]
    if last.z is not None:
        yield Paragraph(
            "The plan has interim looks. With all the information the primary endpoint is significant where its z "
            f"reaches {last.z:.3f} (two-sided p of {two_sided_p(last.z):.4f}). No interval is adjusted for looks.",
            "warning",
        )


RECORDED = (
    "A recorded trial: its rows were loaded from outside, and its title says from where. What the source does not "
    "tell of single people (dates, calls, measurements) may have been made up to agree with its counts."
)


def _reality(frozen: Freeze) -> Iterator[Paragraph]:
    trial = frozen.trial
    if trial.kind == TrialKind.DEMONSTRATION:
        yield Paragraph("Demonstration: every person and every number here is made up.", "warning")
    elif trial.is_test:
        yield Paragraph(f"TEST of {trial.tries}: nothing here is real.", "danger", (str(trial.tries),))
    elif trial.kind == TrialKind.RECORDED:
        yield Paragraph(RECORDED, "warning")
