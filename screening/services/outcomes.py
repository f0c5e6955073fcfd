"""DXA exams, diagnoses and treatments of any registered person, whatever the arm and the way in."""

from collections.abc import Sequence
from datetime import date

from screening.densitometry import (
    Check,
    Level,
    Measurement,
    MenopausalStatus,
    check_bmd,
    check_sites,
    check_t_score,
    vertebrae_used,
)
from screening.models import Appointment, Diagnosis, DxaExam, DxaMeasurement, Referral, Treatment
from screening.referrals import AppointmentState, ReferralEvent, ReferralState
from screening.services import referral as referrals
from screening.vocabulary import DiagnosisCode, DrugClass
from trial import audit, clock
from trial.ages import age_bounds
from trial.models import Participant, Severity, User
from trial.partial_dates import PartialDate
from trial.services import conduct
from trial.services.trials import Refused


class PleaseConfirm(Refused):
    """Values that may be right but are unusual; confirming them saves."""


def record_dxa(
    participant: Participant,
    *,
    exam_date: PartialDate,
    measurements: Sequence[Measurement],
    by: User | None,
    source: str = "screen",
    device: str = "",
    reference_database: str = "",
    menopausal_status: MenopausalStatus | str = "",
    confirmed: bool = False,
) -> DxaExam:
    """Record a DXA exam; the route comes from the kept appointment of that day, so nobody has to know it."""
    _check_date(participant, exam_date, "DXA")
    check_measurements(measurements, confirmed=confirmed)
    with audit.context(by=by, why="A DXA exam is recorded"):
        participant = Participant.objects.select_for_update(of=("self",)).select_related("site", "trial").get(pk=participant.pk)
        if DxaExam.objects.filter(participant=participant, exam_date=str(exam_date)).exists() and not confirmed:
            raise PleaseConfirm(f"A DXA of {exam_date} is on record already. Confirm if this is a second scan of that day.")
        exam = DxaExam.objects.create(
            participant=participant,
            exam_date=str(exam_date),
            appointment=kept_appointment(participant, exam_date.exact),
            device=device,
            reference_database=reference_database,
            menopausal_status=menopausal_status,
            source=source,
            recorded_by=by,
            **conduct.stamp(participant.trial, None),
        )
        _write_measurements(exam, measurements)
        _close_referral(exam, by)
    return exam


def change_dxa(
    exam: DxaExam, *, measurements: Sequence[Measurement], by: User | None, why: str, confirmed: bool = False, **values: str
) -> DxaExam:
    """Correct an exam, with the reason; the audit trail keeps what stood before."""
    if not why.strip():
        raise Refused("Write why this is changed: typing error, new source document, reply to a query, other.")
    check_measurements(measurements, confirmed=confirmed)
    with audit.context(by=by, why=why):
        exam = DxaExam.objects.select_for_update().get(pk=exam.pk)
        for name, value in values.items():
            setattr(exam, name, value)
        exam.save()
        for new in measurements:
            found = {"vertebrae": new.vertebrae, "bmd": new.bmd, "t_score": new.t_score, "z_score": new.z_score}
            DxaMeasurement.objects.update_or_create(exam=exam, site=new.site, defaults=found)
    return exam


def check_measurements(measurements: Sequence[Measurement], *, confirmed: bool) -> None:
    """Refuse impossible values; ask about unusual ones unless they are confirmed."""
    if not measurements:
        raise Refused("Enter at least one site of measurement with a T-score, Z-score or BMD.")
    checks = [c for m in measurements for c in _checks_of(m)] + [check_sites(list(measurements))]
    if bad := [c.message for c in checks if c.level is Level.REFUSED]:
        raise Refused(" ".join(bad))
    if unusual := [c.message for c in checks if c.level is Level.ASK]:
        if not confirmed:
            raise PleaseConfirm(" ".join(unusual))


def _checks_of(measurement: Measurement) -> list[Check]:
    checks = []
    if measurement.t_score is not None:
        checks.append(check_t_score(measurement.t_score))
    if measurement.z_score is not None:
        checks.append(check_t_score(measurement.z_score, "Z-score"))
    if measurement.bmd is not None:
        checks.append(check_bmd(measurement.bmd))
    try:
        vertebrae_used(measurement.vertebrae)
    except ValueError as error:
        checks.append(Check(Level.REFUSED, str(error)))
    if checks == []:
        checks.append(Check(Level.REFUSED, f"{measurement.site.words}: enter a T-score, a Z-score or a BMD."))
    return checks


def kept_appointment(participant: Participant, day: date | None) -> Appointment | None:
    """Find the kept appointment of that day that has no exam yet; without one the exam is a physician's."""
    kept = Appointment.objects.filter(
        referral__allocation__participant=participant, state=AppointmentState.ATTENDED, exam__isnull=True
    )
    local = participant.site.local
    return next((a for a in kept if local(a.scheduled_at).date() == day), None)


def _write_measurements(exam: DxaExam, measurements: Sequence[Measurement]) -> None:
    for m in measurements:
        DxaMeasurement.objects.create(
            exam=exam, site=m.site, vertebrae=m.vertebrae, bmd=m.bmd, t_score=m.t_score, z_score=m.z_score
        )


def _close_referral(exam: DxaExam, by: User | None) -> None:
    if exam.appointment is None:
        return
    referral = Referral.objects.select_for_update().get(pk=exam.appointment.referral_id)
    if referral.state != ReferralState.SCANNED:
        referrals.move(referral, event=ReferralEvent.SCAN, by=by)
    if date.fromisoformat(exam.exam_date) > referral.window_ends_on:
        conduct.record_deviation(
            exam.participant.trial,
            participant=exam.participant,
            category="scan outside window",
            severity=Severity.MINOR,
            description=f"Scanned on {exam.exam_date}; the offer ended on {referral.window_ends_on}.",
            by=by,
        )


def record_diagnosis(
    participant: Participant, *, code: DiagnosisCode, diagnosed_on: PartialDate, by: User | None, source: str = "screen"
) -> Diagnosis:
    """Record a diagnosis; the same one of the same day is recorded once."""
    _check_date(participant, diagnosed_on, "diagnosis")
    with audit.context(by=by, why="A diagnosis is recorded"):
        return Diagnosis.objects.get_or_create(
            participant=participant,
            code=code,
            diagnosed_on=str(diagnosed_on),
            defaults={"source": source, "recorded_by": by} | conduct.stamp(participant.trial, None),
        )[0]


def record_treatment(
    participant: Participant, *, drug_class: DrugClass, started_on: PartialDate, by: User | None, source: str = "screen"
) -> Treatment:
    """Record a drug begun; it needs no DXA, and several at once are several records."""
    _check_date(participant, started_on, "treatment")
    with audit.context(by=by, why="A treatment is recorded"):
        return Treatment.objects.get_or_create(
            participant=participant,
            drug_class=drug_class,
            started_on=str(started_on),
            defaults={"source": source, "recorded_by": by} | conduct.stamp(participant.trial, None),
        )[0]


def _check_date(participant: Participant, day: PartialDate, what: str) -> None:
    today = clock.today(participant.site)
    if day.earliest > today:
        raise Refused(f"The date of the {what}, {day}, lies in the future (today is {today}). Correct it.")
    if participant.birth_earliest and day.latest < participant.birth_earliest:
        raise Refused(f"The date of the {what}, {day}, lies before the birth date. Correct one of the two.")


def age_at(participant: Participant, day: PartialDate) -> int | None:
    """Return the age on a day, the lowest it can be; None when neither birth date nor age is known."""
    if not (participant.birth_earliest and participant.birth_latest):
        return None
    return age_bounds((participant.birth_earliest, participant.birth_latest), day.earliest)[0]
