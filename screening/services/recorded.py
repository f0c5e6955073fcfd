"""What a recorded trial brings along: who was randomized when, in which place, to which arm."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from screening.models import Appointment, Referral, RiskAssessment
from screening.referrals import Attendance, ContactOutcome
from screening.services import cohort, referral
from trial import audit
from trial.models import Participant, Trial, User
from trial.services import allocation, conduct, lists
from trial.services.allocation import Candidate
from trial.services.trials import Refused


class Drawn(NamedTuple):
    """A recorded allocation; its place counts from 1 in each stratum."""

    participant: Participant
    stratum: str
    place: int
    arm: str
    at: datetime


def record_films(trial: Trial, *, films: Mapping[UUID, tuple[int, int]], by: User | None) -> None:
    """Record film counts, (counted, positive) by participant, and judge these people by the protocol."""
    with audit.context(by=by, why="Film counts of a recorded trial"):
        people = Participant.objects.filter(trial=trial, pk__in=list(films))
        conduct.assess_all(trial, facts=cohort.recorded_facts(trial, list(people)), by=by)
        cohort.record_risks(trial, films=films, by=by)


def record_allocations(trial: Trial, *, drawn: Sequence[Drawn], by: User) -> None:
    """Seal the arms as lists, draw from them in the order of the places, and offer the scan to the screening arm."""
    in_order = sorted(drawn, key=lambda d: (d.at, d.stratum, d.place))
    with audit.context(by=by, why="Recorded allocations"):
        people = [d.participant for d in drawn]
        conduct.assess_all(trial, facts=cohort.recorded_facts(trial, people), by=by)
        _seal_lists(trial, drawn, by)
        risks = {r.participant_id: r for r in RiskAssessment.objects.filter(participant__in=people)}
        for at, group in groupby(in_order, key=lambda d: d.at):
            _draw(trial, list(group), risks, at, by)


def _seal_lists(trial: Trial, drawn: Iterable[Drawn], by: User) -> None:
    arms: dict[str, list[str]] = defaultdict(list)
    for d in sorted(drawn, key=lambda d: (d.stratum, d.place)):
        arms[d.stratum].append(d.arm)
    for label, of_stratum in arms.items():
        lists.record_list(trial, arms=of_stratum, label=label, by=by)


def _draw(
    trial: Trial, group: Sequence[Drawn], risks: Mapping[UUID, RiskAssessment], at: datetime, by: User
) -> None:
    candidates = [Candidate(d.participant, cohort.evidence(risks[d.participant.pk])) for d in group]
    made = allocation.record(trial, candidates=candidates, by=by, occurred_at=at)
    # A list uploaded by hand and not used up would be drawn from first.
    if [a.arm for a in made] != [d.arm for d in group]:
        raise Refused(
            "Another list of this trial is not used up, and would be drawn from. Nothing was recorded."
        )
    cohort.open_referrals(made, by=by)


def record_appointment(
    offer: Referral, *, scheduled_at: datetime, outcome: Attendance, form_version: str, by: User
) -> Appointment:
    """Record an appointment and how it ended; consent, and the booking, are of the call in which they accepted."""
    with audit.context(by=by, why="An appointment of a recorded trial"):
        accepted = offer.attempts.filter(
            outcome=ContactOutcome.ACCEPTED, occurred_at__lte=scheduled_at
        ).last()
        at = accepted.occurred_at if accepted else offer.occurred_at
        if form_version and not conduct.has_consent_for_dxa(offer.participant):
            told = {"form_version": form_version, "scope": "dxa"}
            conduct.record_consent(offer.participant, **told, by=by, occurred_at=at)
        booked = referral.book(offer, scheduled_at=scheduled_at, by=by, occurred_at=at)
        return referral.end_appointment(booked, event=outcome.event, by=by)
