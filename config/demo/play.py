"""Staff at work, through the services their pages call: calls, refusals, appointments, scans, diagnoses, drugs."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from numpy.random import Generator, default_rng

from config.demo.people import MadeUp
from screening.densitometry import (
    BoneClass,
    Measurement,
    MeasurementSite,
    MenopausalStatus,
    classify,
    parse_score,
)
from screening.frax import Frax
from screening.models import Appointment, ContactAttempt, Diagnosis, DxaExam, Referral, Treatment
from screening.referrals import TOLD, AppointmentEvent, ContactOutcome, IdentityCheck
from screening.services import outcomes, referral
from screening.vocabulary import DiagnosisCode, DrugClass
from trial.models import Arm, Participant, Trial, User
from trial.partial_dates import PartialDate
from trial.roles import Role
from trial.services import conduct
from trial.states import State

FORM = "consent to DXA, version 1"
DRUGS = (DrugClass.DENOSUMAB, DrugClass.BISPHOSPHONATE, DrugClass.ROMOSOZUMAB)
# How a first, second, ... call ends, and how often (ours; the paper gives no figures of calls).
OUTCOMES = (
    ContactOutcome.ACCEPTED,
    ContactOutcome.NO_ANSWER,
    ContactOutcome.DECLINED,
    ContactOutcome.THINKING,
)
SHARES = (0.42, 0.28, 0.18, 0.12)
# Share that a physician scans, by whether they were randomized: more of those than in life, so that thirty people
# give a finite odds ratio.
USUAL_CARE = {True: 0.3, False: 0.07}
UNTOUCHED = 0.3  # of the screening arm, left for whoever signs in as the caller


class Staff:
    """The people who act in the demonstration, and the trial's calendar."""

    def __init__(self, who: dict[Role, User], now: datetime) -> None:
        self.caller, self.recorder = who[Role.CALLER], who[Role.OUTCOME_RECORDER]
        self.coordinator, self.now = who[Role.COORDINATOR], now

    def follow(self, participant: Participant, person: MadeUp) -> None:
        """Play one participant from the allocation (or without one) to today; what is on record is left alone."""
        rng = default_rng([20230116, person.place])
        allocation = getattr(participant, "allocation", None)
        if allocation and allocation.arm == Arm.SCREENING and rng.random() > UNTOUCHED:
            self._call(allocation.referral, person, rng)
        self._usual_care(participant, person, rng)

    def _call(self, offer: Referral, person: MadeUp, rng: Generator) -> None:
        if offer.attempts.exists() or offer.participant.state != State.RANDOMIZED:
            return
        day = offer.allocation.randomized_on + timedelta(days=int(rng.integers(2, 40)))
        for _ in range(3):  # who was not reached by then is still on the list
            at = _local(offer.participant, day, hour=int(rng.integers(9, 19)))
            if at > self.now:
                return
            outcome = ContactOutcome(str(rng.choice(OUTCOMES, p=SHARES)))
            identity = IdentityCheck.NAME_AND_BIRTH_DATE if outcome in TOLD else None
            referral.record_attempt(offer, outcome=outcome, identity=identity, by=self.caller, occurred_at=at)
            if outcome is ContactOutcome.ACCEPTED:
                self._book(offer, person, rng, at)
            if outcome in (ContactOutcome.ACCEPTED, ContactOutcome.DECLINED):
                return
            day += timedelta(days=int(rng.integers(2, 12)))

    def _book(self, offer: Referral, person: MadeUp, rng: Generator, called_at: datetime) -> None:
        participant = offer.participant
        conduct.record_consent(
            participant, form_version=FORM, scope="dxa", by=self.caller, occurred_at=called_at
        )
        day = (called_at + timedelta(days=int(rng.integers(5, 30)))).date()
        booked = referral.book(
            offer, scheduled_at=_local(participant, day, hour=10), by=self.caller, occurred_at=called_at
        )
        if rng.random() < 0.15:
            booked = referral.move_appointment(
                booked,
                scheduled_at=booked.scheduled_at + timedelta(days=7),
                by=self.caller,
                reason="asked for another day",
            )
        if booked.scheduled_at > self.now:
            return
        if rng.random() < 0.12:
            referral.end_appointment(booked, event=AppointmentEvent.MISS, by=self.caller)
            return
        referral.end_appointment(booked, event=AppointmentEvent.ATTEND, by=self.caller)
        self._scan(participant, person, rng, participant.site.local(booked.scheduled_at).date(), treated=0.32)

    def _usual_care(self, participant: Participant, person: MadeUp, rng: Generator) -> None:
        """Let a physician scan a few, in both arms and among the low-risk."""
        randomized = participant.state == State.RANDOMIZED
        if (
            rng.random() > USUAL_CARE[randomized]
            or participant.state in (State.WITHDRAWN, State.DIED)
            or participant.dxa_exams.exists()
        ):
            return
        day = date(2023, 1, 20) + timedelta(days=int(rng.integers(0, 110)))
        self._scan(participant, person, rng, day, treated=0.45)

    def _scan(
        self, participant: Participant, person: MadeUp, rng: Generator, day: date, treated: float
    ) -> None:
        found = _measurements(person, rng)
        outcomes.record_dxa(
            participant,
            exam_date=PartialDate.of(day),
            measurements=found,
            device="Densitometer A",
            reference_database="NHANES III",
            menopausal_status=MenopausalStatus.POSTMENOPAUSAL if person.sex == "female" else "",
            frax=_made_up_frax(found),
            by=self.recorder,
            confirmed=True,
        )
        if any(m.t_score is not None and classify(m.t_score) is BoneClass.OSTEOPOROSIS for m in found):
            self._diagnose(participant, day, rng, treated)

    def _diagnose(self, participant: Participant, day: date, rng: Generator, treated: float) -> None:
        later = min(day + timedelta(days=9), self.now.date())
        outcomes.record_diagnosis(
            participant, code=DiagnosisCode.OSTEOPOROSIS, diagnosed_on=PartialDate.of(later), by=self.recorder
        )
        if rng.random() < treated:
            drug = DrugClass(str(rng.choice(DRUGS, p=(0.7, 0.2, 0.1))))
            outcomes.record_treatment(
                participant, drug_class=drug, started_on=PartialDate.of(later), by=self.recorder
            )

    def lose(self, people: Sequence[Participant]) -> None:
        """Let one participant of the screening arm withdraw and one control participant die, unless some have."""
        if any(p.state in (State.WITHDRAWN, State.DIED) for p in people):
            return
        for participant in _first(people, Arm.SCREENING):
            referral.withdraw(
                participant, reason="Does not want to take part any longer.", by=self.coordinator
            )
        for participant in _first(people, Arm.CONTROL):
            referral.record_death(participant, died_on=PartialDate.of(self.now.date()), by=self.coordinator)


def recorded(trial: Trial) -> dict[str, int]:
    """Count what is on record by now."""
    people = Participant.objects.filter(trial=trial)
    offers = Referral.objects.filter(allocation__participant__in=people)
    return {
        "calls": ContactAttempt.objects.filter(referral__in=offers).count(),
        "appointments": Appointment.objects.filter(referral__in=offers).count(),
        "DXA exams": DxaExam.objects.filter(participant__in=people).count(),
        "diagnoses": Diagnosis.objects.filter(participant__in=people).count(),
        "treatments": Treatment.objects.filter(participant__in=people).count(),
    }


def _first(people: Sequence[Participant], arm: Arm) -> Sequence[Participant]:
    return [p for p in people if p.allocation.arm == arm and p.state == State.RANDOMIZED][:1]


def _local(participant: Participant, day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), ZoneInfo(participant.site.time_zone))


def _measurements(person: MadeUp, rng: Generator) -> list[Measurement]:
    sites = (MeasurementSite.LUMBAR_SPINE, MeasurementSite.FEMORAL_NECK, MeasurementSite.TOTAL_HIP)
    found = []
    for site in sites:
        t_score = parse_score(f"{max(-6.0, min(4.0, person.t_score + rng.normal(0, 0.35))):.1f}")
        vertebrae = "L1-L4" if site is MeasurementSite.LUMBAR_SPINE else ""
        found.append(Measurement(site, t_score=t_score, z_score=None, bmd=None, vertebrae=vertebrae))
    return found


def _made_up_frax(measured: Sequence[Measurement]) -> Frax:
    """Return plausible probabilities: higher for thinner bone once BMD is known. They are not FRAX's."""
    lowest = min(m.t_score for m in measured if m.t_score is not None)
    major, hip = Decimal("8.0"), Decimal("2.5")
    factor = max(Decimal("0.5"), 1 - (lowest + 1) * Decimal("0.4"))
    return Frax(
        major, hip, round(major * factor, 1), round(hip * factor * factor, 1), "made up for the demonstration"
    )
