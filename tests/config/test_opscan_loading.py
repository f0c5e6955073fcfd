"""Loading the replay: a load that is stopped anywhere is taken up where it stood, and ends the same."""

from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest
from django.utils import timezone

from analysis import dataset
from analysis.effects import effects
from config.demo import setup
from config.opscan_replay import loading
from config.opscan_replay.people import ReplayPerson
from config.opscan_replay.reconstruction import build, read
from screening.models import Appointment, ContactAttempt, Diagnosis, DxaExam, RiskAssessment, Treatment
from screening.services import cohort, extracts, referral
from tests.analysis import published
from tests.config.replay_rows import subject_rows
from trial.models import Allocation, Cohort, Consent, EligibilityAssessment, Stratum, Trial
from trial.services import conduct, lists
from trial.services import people as registry

pytestmark = pytest.mark.django_db
# Every service that a load calls, in its order; with a number where it is called for one person after the other.
ACTS: list[tuple[Any, str, int]] = [
    (registry, "register_all", 1),
    (registry, "record_baselines", 1),
    (conduct, "assess_all", 1),
    (cohort, "record_risks", 1),
    (lists, "upload_list", 1),
    (cohort, "freeze_cohort", 1),
    (cohort, "randomize_cohort", 1),
    (referral, "record_attempt", 2),
    (conduct, "record_consent", 2),
    (referral, "book", 2),
    (referral, "end_appointment", 2),
    (extracts, "record_exams", 1),
    (extracts, "record_diagnoses", 1),
    (extracts, "record_treatments", 1),
]
KINDS: dict[str, Callable[[ReplayPerson], object]] = {
    "scanned and treated": lambda p: by_trial(p) and p.treatments,
    "scanned": lambda p: by_trial(p) and not p.treatments,
    "seen by a physician": lambda p: p.group == "screening" and p.exams and not by_trial(p),
    "not reached": lambda p: p.group == "screening" and not p.exams,
    "control, treated": lambda p: p.group == "control" and p.exams and p.treatments,
    "control": lambda p: p.group == "control" and not p.exams,
    "low risk": lambda p: p.group == "low_risk",
}


class Stopped(BaseException):
    """The process is gone."""


def by_trial(person: ReplayPerson) -> bool:
    return any(exam.route == "trial" for exam in person.exams)


@pytest.fixture(scope="module")
def few() -> list[ReplayPerson]:
    """Three of the reconstructed people of each kind."""
    everybody = build(read(published.PATH))
    return [person for kind in KINDS.values() for person in islice(filter(kind, everybody), 3)]


def load(few: list[ReplayPerson]) -> Trial:
    return loading.load(few, setup.accounts(), lambda items, label, total: items)


def stop_after(monkeypatch, act: tuple[Any, str, int]) -> None:
    """Let the process end as soon as an act is done, which is before the next."""
    module, name, number = act
    real, calls = getattr(module, name), []

    def act_and_stop(*args: Any, **kwargs: Any) -> Any:
        done = real(*args, **kwargs)
        calls.append(name)
        if len(calls) == number:
            raise Stopped
        return done

    monkeypatch.setattr(module, name, act_and_stop)


def on_record(few: list[ReplayPerson]) -> dict[str, int]:
    """Return how many rows a whole load has."""
    scans = sum(map(by_trial, few))
    randomized = [p for p in few if p.group != "low_risk"]
    return {
        "EligibilityAssessment": len(few),
        "RiskAssessment": len(few),
        "Stratum": 1,
        "Cohort": 1,
        "Allocation": len(randomized),
        "ContactAttempt": scans,
        "Consent": scans + len(randomized),  # a waiver each; consent to the scan
        "Appointment": scans,
        "DxaExam": sum(len(p.exams) for p in few),
        "Diagnosis": sum(p.diagnosed_on is not None for p in few),
        "Treatment": sum(len(p.treatments) for p in few),
    }


def counted() -> dict[str, int]:
    models = (EligibilityAssessment, RiskAssessment, Stratum, Cohort, Allocation, ContactAttempt, Consent)
    outcomes = (Appointment, DxaExam, Diagnosis, Treatment)
    return {model.__name__: model.objects.count() for model in (*models, *outcomes)}


@pytest.mark.parametrize("act", ACTS, ids=[name for _, name, _ in ACTS])
def test_a_load_stopped_after_any_act_is_completed_by_the_next(few, monkeypatch, act):
    with monkeypatch.context() as stopping, pytest.raises(Stopped):
        stop_after(stopping, act)
        load(few)

    trial = load(few)

    assert counted() == on_record(few)
    rows = dataset.build(trial, timezone.now()).rows
    assert [e.counts for e in effects(rows)] == [e.counts for e in effects(subject_rows(few))]


def test_a_whole_load_is_not_loaded_again_and_says_who_imported(few):
    trial = load(few)

    assert load(few) == trial and counted() == on_record(few)
    assert {exam.recorded_by.username for exam in DxaExam.objects.all()} == {"data_manager"}
