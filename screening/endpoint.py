"""The protocol's primary endpoint and what the report needs beside it, from plain records of one person.

Newly diagnosed osteoporosis: a DXA exam from the index date to the end of follow-up, both inclusive, whose
WHO class is osteoporosis, in a person without DXA, diagnosis of osteoporosis or anti-osteoporotic drug before
the index date. Trial and usual-care exams count alike; what counts is the day of the exam, never the day it
was entered. A diagnosis without DXA does not count, for the endpoint is "confirmed by DXA" (OPSCAN).

Partial dates follow the rule of ``trial.eligibility``: an exam counts when every day it can be lies inside
the period; an event that may have been earlier is taken as earlier.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from screening.densitometry import (
    HIP,
    SPINE,
    BoneClass,
    Measurement,
    MeasurementSite,
    MenopausalStatus,
    classify,
    counting,
    lowest_of,
    who_class,
    why_no_class,
)
from screening.frax import NO_FRAX, Frax
from trial.eligibility import PriorEvent, was_earlier
from trial.partial_dates import PartialDate
from trial.protocol import Protocol
from trial.protocol_parts import Exclusion

# A fracture excludes from the trial, but the endpoint's rule names these three.
EARLIER = (Exclusion.EARLIER_DXA, Exclusion.OSTEOPOROSIS, Exclusion.ANTI_OSTEOPOROTIC_DRUG)


@dataclass(frozen=True, kw_only=True)
class Exam:
    """One DXA exam; ``age`` is the lowest age in whole years the person can have had on the day."""

    on: PartialDate
    by_trial: bool
    sex: str | None
    age: int | None
    menopause: MenopausalStatus | None = None
    measurements: tuple[Measurement, ...] = ()
    frax: Frax = NO_FRAX

    @property
    def bone_class(self) -> BoneClass | None:
        """WHO class of the exam, None where classes are not for the person or nothing counts."""
        return who_class(self.measurements, sex=self.sex, age=self.age, menopause=self.menopause).bone_class

    def measured(self, sites: Sequence[MeasurementSite]) -> bool:
        """Say whether any of these sites was measured."""
        return any(measurement.site in sites for measurement in self.measurements)

    def osteoporosis_at(self, sites: Sequence[MeasurementSite]) -> bool:
        """Say whether the lowest T-score of these sites is in the range of osteoporosis."""
        if why_no_class(sex=self.sex, age=self.age, menopause=self.menopause):
            return False
        lowest = lowest_of(counting(self.measurements), sites)
        if lowest is None or lowest.t_score is None:
            return False
        return classify(lowest.t_score) is BoneClass.OSTEOPOROSIS


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What one person contributes to the report; DXA flags count exams, osteoporosis flags new diagnoses.

    ``dxa_on`` is the day of the first exam; ``dxa_class_any`` and ``dxa_class_trial`` are the class of the first that
    has one, ``osteoporosis_on`` the day of the first that shows osteoporosis; ``unclear_exams`` were left out for a
    partial date. ``frax`` is that of the first of the trial's exams with one, or else of any other, as
    ``frax_trial`` tells.
    """

    dxa: bool
    dxa_on: PartialDate | None
    dxa_trial: bool
    dxa_physician: bool
    dxa_lumbar_spine: bool
    dxa_hip: bool
    dxa_class_trial: BoneClass | None
    dxa_class_any: BoneClass | None
    had_earlier: bool
    osteoporosis: bool
    osteoporosis_trial: bool
    osteoporosis_physician: bool
    osteoporosis_lumbar_spine: bool
    osteoporosis_hip: bool
    osteoporosis_on: PartialDate | None
    unclear_exams: int
    frax: Frax
    frax_trial: bool


def findings(protocol: Protocol, exams: Iterable[Exam], history: Iterable[PriorEvent]) -> Findings:
    """Apply the endpoint's rule to all exams and the history of one person, in any order."""
    recorded = list(exams)
    counted = sorted((e for e in recorded if in_period(protocol, e.on)), key=_day)
    earlier = had_earlier(protocol, recorded, history)
    shown = [] if earlier else [e for e in counted if e.bone_class is BoneClass.OSTEOPOROSIS]
    new = [] if earlier else counted
    with_frax = sorted((e for e in counted if e.frax.recorded), key=lambda e: not e.by_trial)
    return Findings(
        dxa=bool(counted),
        dxa_on=counted[0].on if counted else None,
        dxa_trial=any(e.by_trial for e in counted),
        dxa_physician=any(not e.by_trial for e in counted),
        dxa_lumbar_spine=any(e.measured(SPINE) for e in counted),
        dxa_hip=any(e.measured(HIP) for e in counted),
        dxa_class_trial=_first_class(e for e in counted if e.by_trial),
        dxa_class_any=_first_class(counted),
        had_earlier=earlier,
        osteoporosis=bool(shown),
        osteoporosis_trial=any(e.by_trial for e in shown),
        osteoporosis_physician=any(not e.by_trial for e in shown),
        osteoporosis_lumbar_spine=any(e.osteoporosis_at(SPINE) for e in new),
        osteoporosis_hip=any(e.osteoporosis_at(HIP) for e in new),
        osteoporosis_on=shown[0].on if shown else None,
        unclear_exams=sum(in_period(protocol, e.on) is None for e in recorded),
        frax=with_frax[0].frax if with_frax else NO_FRAX,
        frax_trial=bool(with_frax) and with_frax[0].by_trial,
    )


def in_period(protocol: Protocol, on: PartialDate) -> bool | None:
    """Say whether a date lies from the index date to the end of follow-up; None when it can be outside."""
    first, last = protocol.index_date, protocol.follow_up_end
    if on.latest < first or on.earliest > last:
        return False
    return True if first <= on.earliest and on.latest <= last else None


def had_earlier(protocol: Protocol, exams: Iterable[Exam], history: Iterable[PriorEvent]) -> bool:
    """Say whether DXA, diagnosis or drug came, or may have come, before the index date."""
    scans = (PriorEvent(Exclusion.EARLIER_DXA, exam.on) for exam in exams)
    events = [e for e in (*scans, *history) if e.kind in EARLIER and e.drug not in protocol.allowed_drugs]
    return any(was_earlier(protocol, event) is not False for event in events)


def _first_class(exams: Iterable[Exam]) -> BoneClass | None:
    return next((found for exam in exams if (found := exam.bone_class)), None)


def _day(exam: Exam) -> date:
    return exam.on.earliest
