"""Load the reconstructed cohort as a recorded trial, by the ways any trial's facts come in."""

import csv
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from django.db.models import F

from config.demo.history import import_extract
from config.demo.setup import WAIVER, Account, by_role, ensure_active, ensure_roles
from config.opscan_replay.people import FOLLOW_UP_END, INDEX_DATE, RANDOMIZED_ON, ReplayPerson
from screening.models import Referral, RiskAssessment
from screening.referrals import AppointmentEvent, ContactOutcome
from screening.services import cohort, referral
from trial import audit
from trial.allocation_rules import Method
from trial.eligibility import Facts
from trial.models import Cohort, Participant, Trial, TrialKind, User
from trial.protocol import Protocol, template
from trial.roles import Role
from trial.services import conduct, lists, trials
from trial.services import people as registry

CODE = "OPSCAN"
TITLE = "OPSCAN, reconstructed from its published counts (Radiology 2024;311(3):e231937); not patient data"
ISSUER = "OPSCAN-RECONSTRUCTION"
FORM = "not published"
Line = dict[str, str]
Track = Callable[[Iterable[Any], str, int], Iterable[Any]]


def load(people: Sequence[ReplayPerson], cast: list[Account], track: Track) -> Trial:
    """Load everybody, once; a load that was stopped is taken up where it stood.

    Each act is a transaction of its own, and is left out where it is on record.
    """
    trial, who = _trial(cast), by_role(cast)
    if _complete(trial, people):
        return trial
    manager = who[Role.DATA_MANAGER]
    _import(trial, manager, "registration", ["sex", "birth_date"], (_registration(p) for p in people))
    found = _participants(trial, people)
    _import_baseline(trial, manager, [p for p in people if p.conditions])
    _judge(trial, people, found)
    _randomize(trial, people, found, who)
    _scan(trial, people, found, who[Role.CALLER], track)
    _import_outcomes(trial, manager, people)
    return trial


def _trial(cast: list[Account]) -> Trial:
    known = Trial.objects.filter(code=CODE).first()
    trial = known or trials.create_trial(CODE, title=TITLE, kind=TrialKind.RECORDED, by=None)
    if not trial.sites.exists():
        trials.add_site(trial, number=1, name="Published counts", time_zone="Asia/Taipei", by=None)
    ensure_roles(trial, cast)
    return ensure_active(trial, _protocol(), by_role(cast))


def _protocol() -> Protocol:
    """Return the template with its allocation as a list, for what was drawn is on record and not to be drawn."""
    protocol = template("opscan")
    listed = replace(protocol.allocation, method=Method.UPLOADED_LIST)
    return replace(
        protocol,
        allocation=listed,
        index_date=INDEX_DATE,
        follow_up_end=FOLLOW_UP_END,
        consent=replace(protocol.consent, waiver_reference=WAIVER),
    )


def _complete(trial: Trial, people: Sequence[ReplayPerson]) -> bool:
    """Tell whether the last step of a load was reached: every treatment is on record."""
    drugs = Participant.objects.filter(trial=trial).exclude(treatments=None).values("treatments").count()
    return drugs == sum(len(p.treatments) for p in people)


def _who(person: ReplayPerson) -> Line:
    return {"issuer": ISSUER, "number": f"R{person.number:06d}"}


def _registration(person: ReplayPerson) -> Line:
    return _who(person) | {"sex": person.sex, "birth_date": str(person.birth_date)}


def _import(trial: Trial, by: User, kind: str, names: Sequence[str], lines: Iterable[Line]) -> None:
    """Write lines as the CSV a hospital would send, and import it as its staff would."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{kind}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["issuer", "number", *names], restval="")
            writer.writeheader()
            writer.writerows(lines)
        # What it says goes beside the answer of the replay, which may be JSON.
        import_extract(lambda said: print(said, file=sys.stderr), path, trial=trial, kind=kind, by=by)


def _participants(trial: Trial, people: Sequence[ReplayPerson]) -> Mapping[int, Participant]:
    numbers = [(ISSUER, _who(p)["number"]) for p in people]
    found = registry.participants_by_number(trial, numbers)
    return {p.number: found[number] for p, number in zip(people, numbers, strict=True)}


def _import_baseline(trial: Trial, by: User, people: Sequence[ReplayPerson]) -> None:
    names = ["bmi", *sorted({name for p in people for name in p.conditions})]
    _import(trial, by, "history", names, (_history(p) for p in people))


def _history(person: ReplayPerson) -> Line:
    answers = {name: "yes" if value else "no" for name, value in person.conditions.items()}
    return _who(person) | answers | {"bmi": "" if person.bmi is None else str(person.bmi)}


def _judge(trial: Trial, people: Sequence[ReplayPerson], found: Mapping[int, Participant]) -> None:
    """Judge everybody: the paper counts only people who had a film and met the criteria."""
    facts = {
        found[p.number].pk: Facts(has_film_in_window=True, birth=(p.birth_date, p.birth_date)) for p in people
    }
    conduct.assess_all(trial, facts=facts, by=None)
    if not RiskAssessment.objects.filter(participant__trial=trial).exists():
        films = {found[p.number].pk: (p.films_counted, p.films_positive) for p in people}
        cohort.record_risks(trial, films=films, by=None)


def _randomize(
    trial: Trial, people: Sequence[ReplayPerson], found: Mapping[int, Participant], who: dict[Role, User]
) -> None:
    """Seal the published allocation as a list in the order of study numbers, then draw from it."""
    coordinator, at = who[Role.COORDINATOR], _moment(RANDOMIZED_ON)
    if not trial.strata.exists():
        group = {found[p.number].study_number: p.group for p in people if p.group != "low_risk"}
        arms = [group[number] for number in sorted(group)]
        lists.upload_list(trial, arms=arms, by=who[Role.RANDOMIZATION_STATISTICIAN])
    frozen = Cohort.objects.filter(trial=trial).first() or cohort.freeze_cohort(
        trial, by=coordinator, occurred_at=at
    )
    cohort.randomize_cohort(frozen, by=coordinator, occurred_at=at)


def _scan(
    trial: Trial,
    people: Sequence[ReplayPerson],
    found: Mapping[int, Participant],
    caller: User,
    track: Track,
) -> None:
    """Call, book and attend for everybody whom the trial scanned; other calls were not published."""
    untouched = Referral.objects.filter(allocation__participant__trial=trial, attempts=None)
    offers = {offer.who: offer for offer in untouched.annotate(who=F("allocation__participant"))}
    scanned = [(found[p.number], e.on) for p in people for e in p.exams if e.route == "trial"]
    for participant, day in track(scanned, "trial's scans", len(scanned)):
        if offer := offers.get(participant.pk):
            _attend(offer, participant, day, caller)


def _attend(offer: Referral, participant: Participant, day: date, caller: User) -> None:
    """Lead one participant from the call to the scan, all of it or nothing."""
    called = _moment(RANDOMIZED_ON)
    with audit.context(by=caller, why="A scan of the recorded trial"):
        referral.record_attempt(offer, outcome=ContactOutcome.ACCEPTED, by=caller, occurred_at=called)
        conduct.record_consent(participant, form_version=FORM, scope="dxa", by=caller, occurred_at=called)
        booked = referral.book(offer, scheduled_at=_moment(day), by=caller, occurred_at=called)
        referral.end_appointment(booked, event=AppointmentEvent.ATTEND, by=caller)


def _import_outcomes(trial: Trial, by: User, people: Sequence[ReplayPerson]) -> None:
    exams = [_who(p) | _exam(p, e) for p in people for e in p.exams]
    names = sorted({name for line in exams for name in line} - {"issuer", "number"})
    _import(trial, by, "dxa", names, exams)
    diagnoses = (
        _who(p) | {"code": "osteoporosis", "diagnosed_on": str(p.diagnosed_on)}
        for p in people
        if p.diagnosed_on
    )
    _import(trial, by, "diagnosis", ["code", "diagnosed_on"], diagnoses)
    drugs = (
        _who(p) | {"drug_class": t.drug_class, "started_on": str(t.started_on)}
        for p in people
        for t in p.treatments
    )
    _import(trial, by, "medication", ["drug_class", "started_on"], drugs)


def _exam(person: ReplayPerson, exam: Any) -> Line:
    scores = {f"{m.site}_t": str(m.t_score) for m in exam.measurements}
    status = "postmenopausal" if person.sex == "female" and person.postmenopausal else ""
    return {"exam_date": str(exam.on), "menopausal_status": status, "confirmed": "yes"} | scores


def _moment(day: date) -> datetime:
    """Return eleven in the morning at the site (UTC+8), inside the hours of calling."""
    return datetime.combine(day, time(3), UTC)
