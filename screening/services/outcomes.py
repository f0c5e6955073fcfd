"""DXA exams, diagnoses and treatments of any registered person, whatever the arm and the way in."""

from collections.abc import Sequence
from datetime import date
from hashlib import sha256
from typing import Any

from screening.densitometry import (
    Check,
    Level,
    Measurement,
    MeasurementSite,
    MenopausalStatus,
    check_bmd,
    check_sites,
    check_t_score,
    check_z_score,
    vertebrae_used,
)
from screening.frax import NO_FRAX, Frax, check_frax
from screening.models import Appointment, Diagnosis, DxaExam, DxaMeasurement, Referral, Treatment
from screening.referrals import AppointmentState
from screening.services import referral as referrals
from screening.vocabulary import DiagnosisCode, DrugClass
from trial import audit, clock
from trial.ages import age_bounds
from trial.models import Participant, User
from trial.partial_dates import PartialDate
from trial.services import conduct
from trial.services.trials import Refused, require_open


class PleaseConfirm(Refused):
    """Values that may be right but are unusual; confirming them saves."""

    code = "please_confirm"


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
    frax: Frax = NO_FRAX,
    confirmed: bool = False,
) -> DxaExam:
    """Record a DXA exam; the route comes from the kept appointment of that day, so nobody has to know it."""
    check_date(participant, exam_date, "DXA")
    unusual = check_measurements(measurements, frax)
    with audit.context(by=by, why="A DXA exam is recorded"):
        participant = (
            Participant.objects.select_for_update(of=("self",))
            .select_related("site", "trial")
            .get(pk=participant.pk)
        )
        if DxaExam.objects.filter(participant=participant, exam_date=str(exam_date)).exists():
            unusual.append(f"A DXA of {exam_date} is on record already. Confirm a second scan of that day.")
        require_confirmed(unusual, confirmed)
        exam = DxaExam.objects.create(
            participant=participant,
            exam_date=str(exam_date),
            appointment=kept_appointment(participant, exam_date.exact),
            device=device,
            reference_database=reference_database,
            menopausal_status=menopausal_status,
            source=source,
            recorded_by=by,
            **frax.columns,
            **conduct.stamp(participant.trial, None),
        )
        _write_measurements(exam, measurements)
        _close_referral(exam, by)
    return exam


def change_dxa(
    exam: DxaExam,
    *,
    exam_date: PartialDate,
    measurements: Sequence[Measurement],
    frax: Frax | None = None,
    by: User | None,
    why: str,
    confirmed: bool = False,
    seen: str = "",
    **values: Any,
) -> DxaExam:
    """Correct an exam, with the reason; the audit trail keeps what stood before, and FRAX stays if none is given.

    `seen` is the fingerprint of what the corrector read: a change made meanwhile is shown, never overwritten.
    """
    if not why.strip():
        raise Refused("Write why: typing error, new source document, reply to a query, other.")
    check_date(exam.participant, exam_date, "DXA")
    require_confirmed(check_measurements(measurements, frax or NO_FRAX), confirmed)
    with audit.context(by=by, why=why):
        # The participant first, as everywhere, so that nobody waits for each other.
        Participant.objects.select_for_update().get(pk=exam.participant_id)
        exam = DxaExam.objects.select_for_update().get(pk=exam.pk)
        require_open(exam.participant.trial)
        if seen and seen != fingerprint(exam):
            raise Refused(
                "Somebody changed this exam while you typed. Compare with what stands now; save again."
            )
        for name, value in (values | (frax.columns if frax else {})).items():
            setattr(exam, name, value)
        _rewrite_measurements(exam, measurements)
        _change_date(exam, exam_date, by)
        exam.save()
    return exam


def strike(outcome: DxaExam | Diagnosis | Treatment, *, why: str, by: User) -> None:
    """Mark an outcome as entered in error: it stays on record and counts for nothing.

    A kept appointment waits for its scan again, so that the right one finds it.
    """
    if not why.strip():
        raise Refused("Write what is wrong: another person's, never so, entered twice, other.")
    with audit.context(by=by, why=why):
        participant = Participant.objects.select_for_update().get(pk=outcome.participant_id)
        require_open(participant.trial)
        outcome.entered_in_error = True
        if isinstance(outcome, DxaExam):
            outcome.appointment = None
        outcome.save()


def fingerprint(exam: DxaExam) -> str:
    """Return a short text that differs whenever an exam's values differ."""
    rows = exam.measurements.order_by("site").values_list("site", "vertebrae", "bmd", "t_score", "z_score")
    told = [exam.exam_date, exam.device, exam.reference_database, exam.menopausal_status, str(exam.frax)]
    told += map(str, rows)
    return sha256("\n".join(told).encode()).hexdigest()[:16]


def _change_date(exam: DxaExam, exam_date: PartialDate, by: User | None) -> None:
    """Write another date; the route follows it, for a kept appointment is found by its day."""
    if exam.exam_date == str(exam_date):
        return
    exam.exam_date, exam.appointment = str(exam_date), kept_appointment(exam.participant, exam_date.exact)
    _close_referral(exam, by)


def _rewrite_measurements(exam: DxaExam, measurements: Sequence[Measurement]) -> None:
    """Write the new values over the old rows; nothing is deleted, so a wrong row moves to the right site."""
    rows = {row.site: row for row in exam.measurements.all()}
    freed = [row for site, row in rows.items() if site not in {m.site for m in measurements}]
    new = [m for m in measurements if m.site not in rows]
    if len(freed) > len(new):
        words = ", ".join(MeasurementSite(row.site).words for row in freed)
        raise Refused(f"A recorded value is not taken away ({words}): correct it or move it to its site.")
    rows |= {m.site: row for m, row in zip(new, freed, strict=False)}
    for m in measurements:
        row = rows.get(m.site) or DxaMeasurement(exam=exam)
        row.site, row.vertebrae = m.site, m.vertebrae
        row.bmd, row.t_score, row.z_score = m.bmd, m.t_score, m.z_score
        row.save()


def check_measurements(measurements: Sequence[Measurement], frax: Frax = NO_FRAX) -> list[str]:
    """Refuse impossible values of an exam; return a sentence for each that may be right but is unusual."""
    if not measurements:
        raise Refused("Enter at least one site of measurement with a T-score, Z-score or BMD.")
    checks = [c for m in measurements for c in _checks_of(m)] + [check_sites(list(measurements))]
    checks += check_frax(frax)
    if bad := [c.message for c in checks if c.level is Level.REFUSED]:
        raise Refused(" ".join(bad))
    return [c.message for c in checks if c.level is Level.ASK]


def require_confirmed(unusual: Sequence[str], confirmed: bool) -> None:
    """Raise PleaseConfirm while unusual values are not confirmed."""
    if unusual and not confirmed:
        raise PleaseConfirm(" ".join(unusual))


def _checks_of(measurement: Measurement) -> list[Check]:
    checks = []
    if measurement.t_score is not None:
        checks.append(check_t_score(measurement.t_score))
    if measurement.z_score is not None:
        checks.append(check_z_score(measurement.z_score))
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
    referrals.close_with_scan(referral, on=date.fromisoformat(exam.exam_date), by=by)


def record_diagnosis(
    participant: Participant,
    *,
    code: DiagnosisCode,
    diagnosed_on: PartialDate,
    by: User | None,
    source: str = "screen",
) -> Diagnosis:
    """Record a diagnosis; the same one of the same day is recorded once."""
    check_date(participant, diagnosed_on, "diagnosis")
    with audit.context(by=by, why="A diagnosis is recorded"):
        return Diagnosis.objects.get_or_create(
            participant=participant,
            code=code,
            diagnosed_on=str(diagnosed_on),
            defaults={"source": source, "recorded_by": by} | conduct.stamp(participant.trial, None),
        )[0]


def record_treatment(
    participant: Participant,
    *,
    drug_class: DrugClass,
    started_on: PartialDate,
    by: User | None,
    source: str = "screen",
) -> Treatment:
    """Record a drug begun; it needs no DXA, and several at once are several records."""
    check_date(participant, started_on, "treatment")
    with audit.context(by=by, why="A treatment is recorded"):
        return Treatment.objects.get_or_create(
            participant=participant,
            drug_class=drug_class,
            started_on=str(started_on),
            defaults={"source": source, "recorded_by": by} | conduct.stamp(participant.trial, None),
        )[0]


def check_date(participant: Participant, day: PartialDate, what: str) -> None:
    """Refuse a fact of somebody who wants no more on record, of the future, or from before they were born."""
    if participant.no_more_data:
        raise Refused(f"{participant} withdrew from any further collection of data: nothing is recorded.")
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
