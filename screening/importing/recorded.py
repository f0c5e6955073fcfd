"""Rows that only a recorded trial brings along: film counts and allocations. Elsewhere they come about here."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from screening.forms import AllocationForm, FilmCountsForm
from screening.importing.plan import Entry, Judgment, Kind, RowRefused, Track, Verdict
from screening.models import RiskAssessment
from screening.services import cohort, recorded
from screening.services.recorded import Drawn
from trial.eligibility import assess
from trial.forms import PageForm
from trial.models import Allocation, Participant, Stratum, User
from trial.roles import Permission
from trial.services import conduct
from trial.services.allocation import strata_values
from trial.services.trials import Refused

NOON = time(12)


class FilmCounts(Kind):
    """How many films of somebody counted, and how many were positive; the films themselves stay elsewhere."""

    name = "films"
    permission = Permission.UPLOAD_ALLOCATION_LIST  # who reads every score, and keeps the list
    recorded_only = True

    def make_form(self) -> PageForm:
        return FilmCountsForm()

    def load(self, participants: Sequence[Participant]) -> None:
        risks = RiskAssessment.objects.filter(participant__in=participants)
        self.on_record = {r.participant_id: (r.films_counted, r.films_positive) for r in risks}

    def read(self, cells: dict[str, str], participant: Participant | None) -> tuple[int, int]:
        found = self.filled(cells)
        return found["films_counted"], found["films_positive"]

    def key(self, entry: Entry) -> Hashable:
        return entry.participant

    def compare(self, entry: Entry) -> tuple[Verdict, str]:
        known = self.on_record.get(entry.who.pk)
        if known is None:
            return Verdict.NEW, ""
        if known != entry.fact:
            said = f"On record are {known[1]} positive of {known[0]} films. An import doesn't change that."
            raise RowRefused("on_record", said)
        return Verdict.UNCHANGED, ""

    def write(self, new: Sequence[Entry], changed: Sequence[Entry], *, by: User | None, track: Track) -> None:
        recorded.record_films(self.trial, films={e.who.pk: e.fact for e in new}, by=by)


class Allocations(Kind):
    """Who was randomized: when, to which arm, in which place of the stratum's list."""

    name = "allocation"
    permission = Permission.UPLOAD_ALLOCATION_LIST
    recorded_only = True

    def make_form(self) -> PageForm:
        return AllocationForm(today=None)  # type: ignore[arg-type]  # the day is set for each row

    def load(self, participants: Sequence[Participant]) -> None:
        self.protocol, self.facts = self.trial.protocol, cohort.recorded_facts(self.trial, participants)
        self.risks = {
            r.participant_id: r for r in RiskAssessment.objects.filter(participant__in=participants)
        }
        self.before = _places_before(self.trial.strata.order_by("list_version"))
        self.on_record: dict[UUID, Drawn] = {}
        self.last: dict[str, Drawn] = {}
        rows = Allocation.objects.filter(participant__trial=self.trial)
        for row in rows.select_related("participant", "stratum").order_by(
            "stratum__list_version", "sequence"
        ):
            place = self.before[row.stratum_id] + row.sequence
            drawn = Drawn(row.participant, row.stratum.label, place, row.arm, row.occurred_at)
            self.on_record[row.participant_id] = self.last[row.stratum.label] = drawn

    def read(self, cells: dict[str, str], participant: Participant | None) -> Drawn:
        assert participant is not None
        found = self.dated(cells, participant)
        label, day = self._stratum(participant), found["randomized_on"].earliest
        if found["stratum"] and found["stratum"] != label:
            said = f"stratum: by the registration this is {label!r}. Correct it, or the registration."
            raise RowRefused("other_stratum", said)
        at = datetime.combine(day, NOON, ZoneInfo(participant.site.time_zone)).astimezone(UTC)
        return Drawn(participant, label, found["sequence"], found["arm"].value, at)

    def _stratum(self, participant: Participant) -> str:
        try:
            return self.protocol.allocation.stratum_label(strata_values(participant, self.protocol))
        except ValueError as missing:
            raise RowRefused("invalid", str(missing)) from None

    def key(self, entry: Entry) -> Hashable:
        return entry.participant

    def compare(self, entry: Entry) -> tuple[Verdict, str]:
        if known := self.on_record.get(entry.who.pk):
            if _said(known) == _said(entry.fact):
                return Verdict.UNCHANGED, ""
            raise RowRefused("on_record", "Another allocation is on record. An allocation is never changed.")
        self._require_candidate(entry.who)
        return Verdict.NEW, ""

    def _require_candidate(self, participant: Participant) -> None:
        """Refuse whom the protocol would not have randomized, as the draw will."""
        verdict = assess(self.protocol, self.facts[participant.pk])
        if not verdict.eligible:
            raise RowRefused("not_eligible", " ".join(reason.sentence for reason in verdict.reasons))
        if not cohort.is_high(self.risks.get(participant.pk)):
            said = "Film counts on record don't put this person at high risk. Import the films first."
            raise RowRefused("not_high_risk", said)
        if conduct.consent_missing_before_randomization(participant, self.protocol):
            raise RowRefused("no_consent", "The protocol asks for consent first, and none is on record.")

    def settle(self, judged: dict[int, Judgment]) -> dict[int, Judgment]:
        """Refuse what leaves a gap or goes back in time: the places of a list are used in order."""
        rows: dict[str, list[tuple[Drawn, int]]] = defaultdict(list)
        for judgment in judged.values():
            if judgment.verdict is Verdict.NEW and judgment.entry:
                rows[judgment.entry.fact.stratum].append((judgment.entry.fact, judgment.line))
        faults = {
            line: said for label, of in rows.items() for line, said in _faults(of, self.last.get(label))
        }
        return {line: Judgment(line, Verdict.REFUSED, "out_of_order", said) for line, said in faults.items()}

    def write(self, new: Sequence[Entry], changed: Sequence[Entry], *, by: User | None, track: Track) -> None:
        if by is None:
            raise Refused("Allocations are recorded in somebody's name. Say in whose (--by).")
        recorded.record_allocations(self.trial, drawn=[entry.fact for entry in new], by=by)


def _said(drawn: Drawn) -> tuple[Any, ...]:
    return drawn.stratum, drawn.place, drawn.arm, drawn.at


def _places_before(strata: Iterable[Stratum]) -> Mapping[UUID, int]:
    """Return how many places the earlier lists of each list's stratum had."""
    used: dict[str, int] = defaultdict(int)
    before = {}
    for stratum in strata:
        before[stratum.pk] = used[stratum.label]
        used[stratum.label] += stratum.drawn
    return before


def _faults(rows: list[tuple[Drawn, int]], last: Drawn | None) -> list[tuple[int, str]]:
    """Return, by line, which rows don't follow each other."""
    faults = []
    for drawn, line in sorted(rows, key=lambda row: row[0].place):
        place = last.place if last else 0
        if drawn.place != place + 1:
            said = (
                f"Place {drawn.place} of stratum {drawn.stratum} does not follow place {place}, the last one"
            )
            faults.append((line, f"{said} on record or in this file. Give every place once, without gaps."))
        elif last and drawn.at < last.at:
            said = f"Place {drawn.place} of stratum {drawn.stratum} is dated before place {place}."
            faults.append((line, f"{said} Places are used in order: correct one of the two."))
        else:
            last = drawn
    return faults
