"""Made-up people for a test trial: registered, filmed as phantoms, and randomized by the draft's own rules."""

from datetime import date
from decimal import Decimal
from typing import Any

from numpy.random import default_rng

from screening import phantoms
from screening.models import Radiograph
from screening.phantoms import Anatomy, Header
from screening.services import cohort, covariates, intake, scoring
from screening.services.cohort import NotHighRisk
from screening.vocabulary import FilmState
from trial.models import Participant, Sex, Site, Trial, User
from trial.partial_dates import PartialDate
from trial.protocol import Protocol
from trial.protocol_parts import ScoreKind, Timing
from trial.roles import Permission
from trial.services import conduct, people
from trial.services.drafts import OLDEST, Combination, combinations
from trial.services.trials import Refused, require

ISSUER = "TEST"
T_SCORE = -4.5  # of bones so thin that a model of osteoporosis sees it
# So much speaks for osteoporosis that a score of facts sees it.
OLD = 85
FACTS: dict[str, Any] = {"bmi": Decimal("16.0")} | dict.fromkeys(covariates.YES_OR_NO, True)


def add_people(trial: Trial, *, each: int, by: User) -> int:
    """Register made-up people in every combination of strata and send a film of each; return how many.

    Nobody has a telephone number: there is none to be called by accident.
    """
    for permission in (Permission.REGISTER_PEOPLE, Permission.UPLOAD_FILMS):
        require(by, permission, trial)
    if not trial.is_test:
        raise Refused(
            f"Trial {trial.code} is no test: nobody in it is made up. Try its protocol on test data."
        )
    protocol, sites = trial.protocol, {str(site.number): site for site in trial.sites.select_related("trial")}
    wanted = combinations(trial, protocol) * each
    for place, asked in enumerate(wanted, trial.participants.count() + 1):
        site = sites.get(asked.get("site", ""), list(sites.values())[place % len(sites)])
        _add(site, _person(protocol, asked, place, trial), protocol=protocol, place=place, by=by)
    return len(wanted)


def _person(protocol: Protocol, asked: Combination, place: int, trial: Trial) -> people.NewPerson:
    group = asked.get("age_group")
    ages = [a for a in range(protocol.minimum_age, OLDEST) if group in (None, protocol.age_group(a))]
    # Somewhat into the group, so that a birthday more or less makes no other.
    age = ages[min(3, len(ages) - 1)]
    if protocol.score.kind is ScoreKind.COVARIATES:  # which goes by age
        age = min(ages[:-3] or ages, key=lambda years: abs(years - OLD))
    born = date(protocol.index_date.year - age, 1, 1)
    number = f"{place:05d}"
    return people.NewPerson(
        issuer=ISSUER,
        number=number,
        sex=asked.get("sex", Sex.values[place % 2]),
        birth_date=PartialDate.of(born),
        name=f"TEST^{trial.code} {number}",
    )


def _add(site: Site, new: people.NewPerson, *, protocol: Protocol, place: int, by: User) -> None:
    person = people.register(site, new=new, by=by)
    if protocol.score.kind is ScoreKind.COVARIATES:
        people.record_baseline(person, by=by, why="A made-up person", values=FACTS)
        return
    answer = intake.receive(_film(new, protocol, place), site=site, source="test data", by=by)
    if not answer.to_score:
        raise Refused(f"A made-up film was not taken for {site}: {answer.message}")


def _film(new: people.NewPerson, protocol: Protocol, place: int) -> bytes:
    assert new.sex and new.birth_date
    rng = default_rng([20260101, place])
    header = Header(
        patient_id=new.number,
        patient_name=new.name,
        issuer=new.issuer,
        sex=new.sex[0].upper(),
        birth_date=new.birth_date.earliest,
        study_date=protocol.film_window.last,
    )
    return phantoms.to_bytes(phantoms.to_dataset(phantoms.render_pa(Anatomy.draw(rng), T_SCORE, rng), header))


def score_films(trial: Trial) -> int:
    """Score the films of a test trial here and now, where no worker runs; return how many were scored."""
    waiting = Radiograph.objects.filter(trial=trial, state=FilmState.ELIGIBLE).values_list("pk", flat=True)
    return sum(scoring.score_film(film) for film in list(waiting))


def randomize_all(trial: Trial, *, by: User) -> int:
    """Randomize everybody of a test trial who may be, as its protocol says; return how many were."""
    require(by, Permission.RANDOMIZE, trial)
    if not trial.is_test:
        raise Refused(f"Trial {trial.code} is no test. Randomize its people on their own pages.")
    waiting = list(Participant.objects.filter(trial=trial, allocation=None).order_by("study_number"))
    _consent(waiting, trial, by)
    if trial.protocol.allocation.when is Timing.COHORT:
        return len(cohort.randomize_cohort(cohort.freeze_cohort(trial, by=by), by=by))
    return sum(_randomized(person, by) for person in waiting)


def _consent(waiting: list[Participant], trial: Trial, by: User) -> None:
    for person in waiting:
        if conduct.consent_missing_before_randomization(person, trial.protocol):
            conduct.record_consent(person, form_version="test", scope="dxa", by=by)


def _randomized(person: Participant, by: User) -> bool:
    try:
        return bool(cohort.randomize(person, by=by))
    except (NotHighRisk, cohort.NotEligible):
        return False
