"""Judge a person's facts against the protocol's criteria; every reason has a stable code and a sentence.

One rule for what is not known: who can't be shown to be eligible is not eligible, for a reason of its own
("age not established", "date not clear"), and is assessed again when the fact arrives. "Earlier" means
before the index date. A partial date is judged by its first and last possible day: if all of them lie before
the index date the event was earlier, if none does it was not, else its date is not clear and it excludes.
An event without any date excludes as earlier, for histories are mostly taken before the trial begins.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from trial.ages import age_bounds
from trial.partial_dates import PartialDate
from trial.protocol import Protocol
from trial.protocol_parts import Exclusion, ScoreKind


class ReasonCode(StrEnum):
    """Why somebody is not eligible."""

    MERGED = "merged"
    NO_FILM = "no_film"
    TOO_YOUNG = "too_young"
    AGE_NOT_ESTABLISHED = "age_not_established"
    DIED = "died"
    DEATH_DATE_NOT_CLEAR = "death_date_not_clear"
    EARLIER_DXA = "earlier_dxa"
    EARLIER_DXA_DATE_NOT_CLEAR = "earlier_dxa_date_not_clear"
    OSTEOPOROSIS = "osteoporosis"
    OSTEOPOROSIS_DATE_NOT_CLEAR = "osteoporosis_date_not_clear"
    OSTEOPOROTIC_FRACTURE = "osteoporotic_fracture"
    OSTEOPOROTIC_FRACTURE_DATE_NOT_CLEAR = "osteoporotic_fracture_date_not_clear"
    ANTI_OSTEOPOROTIC_DRUG = "anti_osteoporotic_drug"
    ANTI_OSTEOPOROTIC_DRUG_DATE_NOT_CLEAR = "anti_osteoporotic_drug_date_not_clear"


@dataclass(frozen=True)
class Reason:
    """A reason against somebody: a code that never changes and a sentence to be shown."""

    code: ReasonCode
    sentence: str


@dataclass(frozen=True)
class PriorEvent:
    """Something in a person's history; ``on`` None is a date nobody knows, ``drug`` its class for drugs."""

    kind: Exclusion
    on: PartialDate | None
    drug: str = ""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a person. ``birth`` are the earliest and latest possible birth dates.

    ``merged`` is a registration that another one counts for: one human is judged once.
    """

    has_film_in_window: bool
    birth: tuple[date, date] | None = None
    died: PartialDate | None = None
    events: tuple[PriorEvent, ...] = ()
    merged: bool = False

    def to_dict(self) -> dict[str, object]:
        """Return plain values, to be kept beside the assessment."""
        return {
            "has_film_in_window": self.has_film_in_window,
            "birth": [str(day) for day in self.birth] if self.birth else None,
            "died": str(self.died) if self.died else None,
            "events": [
                {"kind": str(event.kind), "on": str(event.on) if event.on else None, "drug": event.drug}
                for event in self.events
            ],
            "merged": self.merged,
        }


@dataclass(frozen=True)
class Eligibility:
    """The verdict and every reason against it."""

    eligible: bool
    reasons: tuple[Reason, ...]


_WORDS = {
    Exclusion.EARLIER_DXA: "a DXA exam",
    Exclusion.OSTEOPOROSIS: "osteoporosis",
    Exclusion.OSTEOPOROTIC_FRACTURE: "an osteoporotic fracture",
    Exclusion.ANTI_OSTEOPOROTIC_DRUG: "an anti-osteoporotic drug",
}


def assess(protocol: Protocol, facts: Facts) -> Eligibility:
    """Return whether a person is eligible, with every reason against."""
    reasons = (
        *_merge_reasons(facts),
        *_film_reasons(protocol, facts),
        *_age_reasons(protocol, facts),
        *_death_reasons(protocol, facts),
        *_history_reasons(protocol, facts),
    )
    return Eligibility(not reasons, reasons)


def was_earlier(protocol: Protocol, event: PriorEvent) -> bool | None:
    """Say whether an event lies before the index date; None when its date is not clear."""
    return event.on.is_before(protocol.index_date) if event.on else True


def counts(protocol: Protocol, event: PriorEvent) -> bool:
    """Say whether the protocol excludes for this kind of event; allowed drugs never count."""
    return event.kind in protocol.exclusions and event.drug not in protocol.allowed_drugs


def _merge_reasons(facts: Facts) -> Iterator[Reason]:
    if facts.merged:
        yield Reason(ReasonCode.MERGED, "Merged into another registration of the same person, which counts.")


def _film_reasons(protocol: Protocol, facts: Facts) -> Iterator[Reason]:
    if protocol.score.kind is ScoreKind.FILMS and not facts.has_film_in_window:
        window = protocol.film_window
        said = f"No usable radiograph from {window.first} to {window.last}."
        yield Reason(ReasonCode.NO_FILM, said)


def _age_reasons(protocol: Protocol, facts: Facts) -> Iterator[Reason]:
    asked = f"the protocol asks for {protocol.minimum_age} or more on {protocol.index_date}"
    if facts.birth is None:
        yield Reason(ReasonCode.AGE_NOT_ESTABLISHED, f"Neither birth date nor age is known; {asked}.")
        return
    lowest, highest = age_bounds(facts.birth, protocol.index_date)
    age = str(lowest) if lowest == highest else f"{lowest} to {highest}"
    if highest < protocol.minimum_age:
        yield Reason(ReasonCode.TOO_YOUNG, f"Age {age}; {asked}.")
    elif lowest < protocol.minimum_age:
        yield Reason(ReasonCode.AGE_NOT_ESTABLISHED, f"Age {age}; {asked}. Add the birth date.")


def _death_reasons(protocol: Protocol, facts: Facts) -> Iterator[Reason]:
    if facts.died is None:
        return
    before = facts.died.is_before(protocol.alive_on)
    if before:
        yield Reason(ReasonCode.DIED, f"Died {facts.died}, before {protocol.alive_on}.")
    elif before is None:
        said = f"Died {facts.died}, perhaps before {protocol.alive_on}. Add the day of death."
        yield Reason(ReasonCode.DEATH_DATE_NOT_CLEAR, said)


def _history_reasons(protocol: Protocol, facts: Facts) -> Iterator[Reason]:
    """Yield one reason a kind of event, the surest first, in the protocol's order."""
    for kind in protocol.exclusions:
        found = [event for event in facts.events if event.kind is kind and counts(protocol, event)]
        sure = [event for event in found if was_earlier(protocol, event)]
        unclear = [event for event in found if was_earlier(protocol, event) is None]
        if sure:
            said = f"{_named(sure[0])}, before {protocol.index_date}."
            yield Reason(ReasonCode(kind.value), said)
        elif unclear:
            said = f"{_named(unclear[0])}, perhaps before {protocol.index_date}. Add the whole date."
            yield Reason(ReasonCode(f"{kind.value}_date_not_clear"), said)


def _named(event: PriorEvent) -> str:
    drug = f" ({event.drug.replace('_', ' ')})" if event.drug else ""
    when = f"of {event.on}" if event.on else "of unknown date, counted as earlier"
    return f"History of {_WORDS[event.kind]}{drug}, {when}"
