"""Reconstructed people as rows of the analysis, for tests that need no database."""

from analysis.subjects import SubjectRow
from config.opscan_replay.people import FOLLOW_UP_END, RANDOMIZED_ON, ReplayPerson


def subject_rows(people: list[ReplayPerson]) -> list[SubjectRow]:
    """Turn people into rows as a freeze of the loaded trial would."""
    return [_row(person) for person in people]


def _row(person: ReplayPerson) -> SubjectRow:
    exam = person.exams[0] if person.exams else None
    arm = None if person.group == "low_risk" else person.group
    trial = exam if exam and exam.route == "trial" else None
    sites = {measurement.site for measurement in exam.measurements} if exam else set()
    thin = bool(exam and exam.bone == "osteoporosis")
    return SubjectRow(
        study_number=f"R01-{person.number:06d}",
        site="R01",
        sex=person.sex,
        age=person.age,
        eligible=True,
        risk_class="high" if 100 * person.films_positive > 66 * person.films_counted else "low",
        films_counted=person.films_counted,
        films_positive=person.films_positive,
        arm=arm,
        randomized_on=RANDOMIZED_ON if arm else None,
        followed_to=FOLLOW_UP_END,
        dxa=exam is not None,
        dxa_on=exam.on if exam else None,
        dxa_trial=trial is not None,
        dxa_physician=exam is not None and trial is None,
        dxa_lumbar_spine="lumbar_spine" in sites,
        dxa_hip=bool(sites & {"femoral_neck", "total_hip"}),
        dxa_class_trial=trial.bone if trial else None,
        dxa_class_any=exam.bone if exam else None,
        osteoporosis=thin,
        osteoporosis_on=exam.on if exam and thin else None,
        osteoporosis_trial=thin and trial is not None,
        osteoporosis_lumbar_spine=bool(exam and exam.osteoporosis_lumbar_spine),
        osteoporosis_hip=bool(exam and exam.osteoporosis_hip),
        treated=bool(person.treatments),
        drugs=frozenset(treatment.drug_class for treatment in person.treatments),
        iscd_age_sex=person.age >= (65 if person.sex == "female" else 70),
        bmi=person.bmi,
        **person.conditions,
    )
