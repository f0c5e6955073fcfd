"""The protocol of a trial as one frozen value: every threshold, window, list and policy the code obeys.

A protocol is read from plain values, checked as a whole, and named by the SHA-256 of its canonical JSON.
``provenance`` says of every field whether the paper, the registry or nobody but us gave it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import date, time, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

from trial.allocation_rules import rule_faults
from trial.canonical import checksum
from trial.protocol_parts import (
    AccrualGoal,
    Allocation,
    AllowedDrug,
    ArmName,
    Consent,
    ConsentPolicy,
    Contact,
    Endpoint,
    Exclusion,
    FilmWindow,
    Origin,
    QualityControl,
    ScoreKind,
    ScoreModel,
    ShareRule,
    Source,
    Subgroup,
    UnknownPerson,
    View,
)
from trial.reading import MISSING, Problem, Reader, settled
from trial.roles import Hidden, Role, shown_to

TEMPLATES = Path(__file__).parent / "protocols"
# Parts of an allocation that stand only in protocols whose method takes them.
WHERE_TAKEN = ("limit", "p", "measure", "factors", "timing", "dropped")
TO_BE_ENTERED = "to be entered"  # what a template leaves to the trial starts so; approval refuses it


class ProtocolError(ValueError):
    """Raised with every problem of a protocol, each with path, value, limit and what to do."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


@dataclass(frozen=True)
class Protocol:
    """One version of a protocol, complete and checked. Ages count in whole years on the index date."""

    title: str
    registry_id: str
    film_window: FilmWindow
    index_date: date
    alive_on: date
    minimum_age: int
    views: tuple[View, ...]
    exclusions: tuple[Exclusion, ...]
    allowed_drugs: tuple[AllowedDrug, ...]
    high_risk: ShareRule
    score: ScoreModel
    unknown_person: UnknownPerson
    allocation: Allocation
    consent: Consent
    referral_window_days: int
    follow_up_end: date
    contact: Contact
    blinding: Mapping[Role, tuple[Hidden, ...]] = field(hash=False)
    age_groups: tuple[int, ...]
    subgroups: tuple[Subgroup, ...]
    primary_endpoint: Endpoint
    provenance: Mapping[str, Source] = field(hash=False)
    quality_control: QualityControl | None = None  # None, from before it was asked for, means to hold
    accrual: tuple[
        AccrualGoal, ...
    ] = ()  # from nobody on the index date on; none planned: nothing is compared

    @property
    def looks_at_pictures(self) -> bool:
        """Tell whether a film counts only when nothing is wrong with its picture, or a person looked."""
        return self.quality_control is not QualityControl.OFF

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Protocol":
        """Read and check a protocol; raises ProtocolError with every problem found."""
        reader = Reader(values)
        protocol = _read(reader)
        reader.finish()
        problems = reader.problems + settled(_faults(protocol), reader.problems)
        if problems:
            raise ProtocolError(problems)
        return protocol

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that ``from_dict`` reads back; arms are a list, for JSON may drop key order."""
        plain: dict[str, Any] = _plain(self)
        allocation = plain["allocation"]
        allocation["arms"] = [{"arm": arm, "ratio": share} for arm, share in self.allocation.arms]
        allocation["factors"] = {str(factor): weight for factor, weight in self.allocation.factors}
        for name in WHERE_TAKEN:
            if not allocation[name]:
                del allocation[name]
        if not self.contact.weekdays:  # a protocol from before they were asked for keeps its checksum
            del plain["contact"]["weekdays"]
        if self.score.kind is ScoreKind.FILMS:  # likewise
            del plain["score"]["kind"]
        if self.quality_control is None:
            del plain["quality_control"]
        if not self.accrual:
            del plain["accrual"]
        return plain

    def sha256(self) -> str:
        """Return the checksum of the canonical JSON (sorted names, no blanks, UTF-8)."""
        return checksum(self.to_dict())

    def shifted(self, days: int) -> "Protocol":
        """Return the protocol with every date moved, for a demonstration that runs today."""
        move = timedelta(days=days)
        window = FilmWindow(self.film_window.first + move, self.film_window.last + move)
        return replace(
            self,
            film_window=window,
            index_date=self.index_date + move,
            alive_on=self.alive_on + move,
            follow_up_end=self.follow_up_end + move,
            accrual=tuple(replace(goal, by=goal.by + move) for goal in self.accrual),
        )

    def amended(self, changes: Mapping[str, Any], *, note: str) -> "Protocol":
        """Return the protocol checked, with the values at dotted paths changed and told as ours.

        Raises ProtocolError, also for a path that leads nowhere.
        """
        values = self.to_dict()
        for path, value in changes.items():
            *parts, name = path.split(".")
            try:
                inside = reduce(getitem, parts, values)
                inside[name] = value
                if value is None and path.removeprefix("allocation.") in WHERE_TAKEN:
                    values["provenance"].pop(path, None)
                    continue
            except (KeyError, TypeError):
                problem = Problem(path, value, "about a field that exists", "Correct the name.")
                raise ProtocolError([problem]) from None
            values["provenance"][path] = {"source": Origin.OURS.value, "note": note}
        return Protocol.from_dict(values)

    def age_group(self, age: int) -> str:
        """Name the age group in years: with bounds 65 and 75, "<65", "65-74" or ">=75"."""
        for low, high in zip((0, *self.age_groups), self.age_groups, strict=False):
            if low <= age < high:
                return f"{low}-{high - 1}" if low else f"<{high}"
        return f">={self.age_groups[-1]}" if self.age_groups else "all"

    def approval_problems(self) -> list[Problem]:
        """Return what a draft may leave open and an approved version may not."""
        found = []
        for path, text in [
            ("score.name", self.score.name),
            ("score.version", self.score.version),
            ("consent.waiver_reference", self.consent.waiver_reference or ""),
        ]:
            if text.lower().startswith(TO_BE_ENTERED):
                found.append(Problem(path, text, "this trial's own", "Enter it before approval."))
        if self.score.weights_sha256 is None:
            remedy = "Register the model version and enter its checksum."
            found.append(Problem("score.weights_sha256", None, "the checksum of the weights", remedy))
        return found


def template_names() -> list[str]:
    """Return the names of the built-in protocols."""
    return sorted(path.stem for path in TEMPLATES.glob("*.json"))


def template(name: str) -> Protocol:
    """Return a built-in protocol."""
    if name not in template_names():
        raise ValueError(
            f"There is no protocol template {name!r}. Choose one of: {', '.join(template_names())}."
        )
    return Protocol.from_dict(json.loads((TEMPLATES / f"{name}.json").read_text(encoding="utf-8")))


def _read(r: Reader) -> Protocol:
    return Protocol(
        title=r.text("title"),
        registry_id=r.text("registry_id", 40),
        film_window=FilmWindow.read(r.part("film_window")),
        index_date=r.day("index_date"),
        alive_on=r.day("alive_on"),
        minimum_age=r.whole("minimum_age", 18, 100),
        views=r.codes("views", View, at_least=1),
        exclusions=r.codes("exclusions", Exclusion),
        allowed_drugs=r.codes("allowed_drugs", AllowedDrug),
        high_risk=ShareRule.read(r.part("high_risk")),
        score=ScoreModel.read(r.part("score")),
        unknown_person=r.code("unknown_person", UnknownPerson),
        allocation=Allocation.read(r.part("allocation")),
        consent=Consent.read(r.part("consent")),
        referral_window_days=r.whole("referral_window_days", 1, 3650),
        follow_up_end=r.day("follow_up_end"),
        contact=Contact.read(r.part("contact")),
        blinding=_read_blinding(r.part("blinding")),
        age_groups=r.wholes("age_groups", 1, 120),
        subgroups=r.codes("subgroups", Subgroup),
        primary_endpoint=r.code("primary_endpoint", Endpoint),
        provenance=_read_provenance(r.part("provenance")),
        quality_control=r.optional("quality_control", lambda: r.code("quality_control", QualityControl)),
        accrual=r.optional("accrual", lambda: tuple(map(AccrualGoal.read, r.items("accrual")))) or (),
    )


def _read_blinding(r: Reader) -> dict[Role, tuple[Hidden, ...]]:
    known = {Role(name): r.codes(name, Hidden, at_least=1) for name in r.names() if name in list(Role)}
    r.finish()
    return known


def _read_provenance(r: Reader) -> dict[str, Source]:
    return {path: Source.read(r.part(path)) for path in r.names()}


def _faults(p: Protocol) -> list[Problem]:
    """Return what is wrong between fields that are each right by themselves."""
    return [
        *_date_faults(p),
        *_accrual_faults(p),
        *_allocation_faults(p.allocation),
        *_policy_faults(p),
        *_blinding_faults(p),
        *_provenance_faults(p),
    ]


def _date_faults(p: Protocol) -> Iterator[Problem]:
    window_end = p.index_date + timedelta(days=p.referral_window_days)
    orders = [
        ("film_window.last", p.film_window.last, "film_window.first", p.film_window.first),
        ("index_date", p.index_date, "film_window.last", p.film_window.last),
        ("alive_on", p.alive_on, "film_window.last", p.film_window.last),
        ("follow_up_end", p.follow_up_end, "alive_on", p.alive_on),
    ]
    for path, day, other, first in orders:
        if day < first:
            yield Problem(path, str(day), f"{first} ({other}) or later", "Correct one of the two.", (other,))
    if p.follow_up_end < window_end:
        limit = f"{window_end} ({p.referral_window_days} days past the index date) or later"
        also = ("index_date", "referral_window_days")
        yield Problem("follow_up_end", str(p.follow_up_end), limit, "Follow up at least as long.", also)


def _accrual_faults(p: Protocol) -> Iterator[Problem]:
    before = AccrualGoal(p.index_date, 0)
    for place, goal in enumerate(p.accrual):
        if goal.by <= before.by or goal.randomized <= before.randomized:
            limit = f"after {before.by} and more than {before.randomized}"
            value = f"{goal.randomized} by {goal.by}"
            yield Problem(f"accrual[{place}]", value, limit, "Let day and number rise.", ("index_date",))
        before = goal


def _allocation_faults(a: Allocation) -> Iterator[Problem]:
    if {arm for arm, _ in a.arms} != set(ArmName):
        # The arms keep these words from the database to the report, so that no code can swap them.
        yield Problem("allocation.arms", a.arms, "screening and control", "Name these two arms.")
        return
    if not a.open_arms:
        remedy = "Close the trial to allocate nobody any more."
        yield Problem("allocation.dropped", list(a.dropped), "at most one of the two arms", remedy)
        return
    for fault_of, fault in rule_faults(replace(replace(a, dropped=()).rule(), total=a.total)).items():
        name = "factors" if fault_of == "weights" else fault_of
        value = getattr(a, name)
        yield Problem(
            f"allocation.{name}", value, f"drawable, yet {name} {fault}", "Correct it.", ("allocation",)
        )
    if both := {factor for factor, _ in a.factors} & set(a.strata):
        remedy = f"Take {' and '.join(sorted(both))} out of one of the two."
        yield Problem("allocation.factors", sorted(both), "no strata as well", remedy, ("allocation.strata",))
    if a.total is not None and a.strata:
        remedy = "Leave the total null: each stratum's part of the frozen cohort is its total."
        yield Problem(
            "allocation.total", a.total, "null in a stratified trial", remedy, ("allocation.strata",)
        )


def _policy_faults(p: Protocol) -> Iterator[Problem]:
    if p.contact.hours_from >= p.contact.hours_to:
        limit = f"after contact.hours_from, {p.contact.hours_from:%H:%M}"
        value = f"{p.contact.hours_to:%H:%M}"
        yield Problem("contact.hours_to", value, limit, "Correct one of the two.", ("contact.hours_from",))
    if p.consent.policy is ConsentPolicy.SINGLE_CONSENT_ZELEN and not p.consent.waiver_reference:
        # Randomizing people who were not asked needs an ethics board's waiver on file.
        limit, remedy = "the reference of the waiver of consent", "Enter it, or ask consent first."
        yield Problem("consent.waiver_reference", None, limit, remedy, ("consent.policy",))
    if "age_group" in (*p.allocation.used, *p.subgroups) and not p.age_groups:
        remedy = "Give the bounds, such as [65, 75]."
        yield Problem("age_groups", [], "bounds in years, for age groups are used", remedy, ("subgroups",))


def _blinding_faults(p: Protocol) -> Iterator[Problem]:
    for role, hidden in p.blinding.items():
        for thing in hidden:
            for permission in sorted(shown_to(role, thing)):
                limit = f"something the role can be blind to; it may {permission.words}"
                yield Problem(f"blinding.{role}", str(thing), limit, "Take it out.")


def _provenance_faults(p: Protocol) -> Iterator[Problem]:
    paths = set(_leaves(p.to_dict()))
    told = set(p.provenance)
    for path in sorted(paths):
        if not any(path == entry or path.startswith(f"{entry}.") for entry in told):
            remedy = "Say who gave the value and add a note."
            yield Problem(f"provenance.{path}", MISSING, "one of " + ", ".join(Origin), remedy)
    # What may be told of as it was taken back.
    paths |= {"score.kind", "quality_control", "accrual", *(f"allocation.{name}" for name in WHERE_TAKEN)}
    for entry in sorted(told):
        if not any(path == entry or path.startswith(f"{entry}.") for path in paths):
            yield Problem(f"provenance.{entry}", entry, "about a field that exists", "Correct the name.")


def _leaves(values: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for name, value in values.items():
        at = f"{path}.{name}" if path else name
        if isinstance(value, dict) and at != "provenance":
            yield from _leaves(value, at)
        elif at != "provenance":
            yield at


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if isinstance(value, date | Decimal | Fraction | StrEnum):
        return str(value)
    return value
