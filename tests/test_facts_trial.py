"""A trial whose index test asks for facts alone: imported, scored, randomized, offered and analyzed like the first."""

from dataclasses import replace
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone

from analysis import dataset
from screening.manifests import DEMONSTRATION_RISK_SCORE
from screening.models import CovariateScore, Radiograph, Referral, RiskAssessment
from screening.risk import RiskClass
from screening.services import cohort, covariates, registry, scoring
from tests.factories import (
    World,
    activate,
    approve_model,
    copy,
    freeze_and_draw,
    make_participant,
    make_world,
    refusal,
)
from trial.models import Participant, ProtocolVersion
from trial.protocol import Protocol, template
from trial.protocol_parts import ScoreKind
from trial.services import people

pytestmark = pytest.mark.django_db
NO_FACTORS = dict.fromkeys(covariates.YES_OR_NO, False)
HIGH = {"bmi": Decimal("17.0")} | dict.fromkeys(covariates.YES_OR_NO, True)
LOW = {"bmi": Decimal("31.0")} | NO_FACTORS
COLUMNS = ("number", "bmi", *covariates.YES_OR_NO)


@pytest.fixture
def facts(db) -> World:
    """A trial fixed to the risk score."""
    world = make_world("FACTS", active=False)
    world = replace(world, model=registry.register(DEMONSTRATION_RISK_SCORE, by=None))
    activate(world, template("opscan"))
    return world


def somebody(world: World, values: dict, **who) -> Participant:
    person = make_participant(world, **who)
    people.record_baseline(person, by=world.data_manager, why="A test", values=values)
    return person


def take(folder: Path, kind: str, columns: tuple[str, ...], rows: list[tuple]) -> None:
    """Import a hospital's extract."""
    path = folder / f"{kind}.csv"
    path.write_text("\n".join(",".join(row) for row in [columns, *rows]) + "\n")
    call_command(
        "import_clinical", str(path), "--kind", kind, "--trial", "FACTS", "--commit", stdout=StringIO()
    )


def test_people_imported_with_their_facts_are_scored_randomized_and_offered_the_scan(facts, tmp_path):
    high = [(f"H{n}", "female", f"194{n}-02-03", "17.5", "yes") for n in range(6)]
    low = [(f"L{n}", "male", "1970-02-03", "31.0", "no") for n in range(3)]
    rows = [*high, *low, ("U1", "female", "1945-02-03", "", "yes")]
    take(tmp_path, "registration", ("number", "sex", "birth_date"), [row[:3] for row in rows])
    histories = [(row[0], row[3], *[row[4]] * len(covariates.YES_OR_NO)) for row in rows]
    take(tmp_path, "history", COLUMNS, histories)

    made = freeze_and_draw(facts)

    assert Participant.objects.filter(trial=facts.trial).count() == 10 and not Radiograph.objects.exists()
    assert sorted(a.arm for a in made) == ["control"] * 3 + ["screening"] * 3
    classes = RiskAssessment.objects.values_list("risk_class", flat=True)
    assert sorted(classes) == ["high"] * 6 + ["low"] * 3 + ["none"]
    assert Referral.objects.count() == 3
    score = CovariateScore.objects.get(probability=None)
    assert score.reasons == ["BMI is not known."]
    assert all(a.evidence["covariate_score"]["probability"] > "0.5" for a in made)
    rows = dataset.build(facts.trial, timezone.now()).rows
    assert sum(row.arm is not None and row.risk_class == "high" for row in rows) == 6


def test_a_corrected_fact_is_another_score_until_somebody_is_randomized(facts):
    person = somebody(facts, LOW)
    risk = cohort.sum_up_films(facts.trial, people=[person], by=facts.coordinator)[person.pk]
    assert risk.risk_class == RiskClass.LOW and risk.covariate_score.probability < Decimal("0.5")

    people.record_baseline(person, by=facts.data_manager, why="A test", values=HIGH)
    again = Participant.objects.get(pk=person.pk)
    risk = cohort.sum_up_films(facts.trial, people=[again], by=facts.coordinator)[person.pk]

    assert risk.risk_class == RiskClass.HIGH and CovariateScore.objects.count() == 2
    cohort.sum_up_films(facts.trial, people=[again], by=facts.coordinator)
    assert CovariateScore.objects.count() == 2


def test_the_database_takes_no_risk_that_the_score_does_not_say(facts):
    low, high = somebody(facts, LOW), somebody(facts, HIGH)
    risks = cohort.sum_up_films(facts.trial, people=[low, high], by=facts.coordinator)
    said = "what this person's own score says"
    change = "UPDATE screening_riskassessment SET risk_class = 'high' WHERE id = %s"
    assert said in refusal(change, risks[low.pk].pk)
    moved = "UPDATE screening_riskassessment SET covariate_score_id = %s, risk_class = 'high' WHERE id = %s"
    assert said in refusal(moved, risks[high.pk].covariate_score_id, risks[low.pk].pk)
    score = risks[high.pk].covariate_score
    other = {"covariates_sha256": "0" * 64}
    assert "a_probability_or_a_reason" in refusal(*copy(score, probability=None, **other))
    assert "a_probability_or_a_reason" in refusal(*copy(score, probability="1.5", **other))
    assert "facts_are_scored_once_a_model" in refusal(*copy(score))
    assert "permission denied" in refusal("UPDATE screening_covariatescore SET probability = 0")
    assert "no_risk_against_all_films" in refusal(
        "UPDATE screening_riskassessment SET covariate_score_id = NULL WHERE id = %s", risks[high.pk].pk
    )


def test_a_test_of_another_kind_than_the_protocol_s_is_not_asked(facts):
    other = "UPDATE screening_modelversion SET manifest = jsonb_set(manifest, '{kind}', '\"films\"')"
    assert "stays as it was checked" in refusal(other)
    assert (
        scoring.pinned_model(facts.trial)[1].manifest.kind == facts.trial.protocol.score.kind == "covariates"
    )


def test_a_live_trial_of_facts_is_tried_on_test_data_and_opens(db):
    world = make_world("LIVE", kind="live", active=False)
    world = replace(world, model=approve_model(world, DEMONSTRATION_RISK_SCORE))
    activate(world, template("opscan"))
    world.trial.refresh_from_db()
    assert world.trial.state == "active"
    assert ProtocolVersion.objects.get(trial=world.trial).protocol.score.kind is ScoreKind.COVARIATES


def test_a_protocol_of_films_keeps_its_checksum_and_says_nothing_of_the_kind():
    films = template("opscan")
    assert "kind" not in films.to_dict()["score"]
    facts = films.amended({"score.kind": "covariates"}, note="A test")
    assert facts.to_dict()["score"]["kind"] == "covariates" and facts.sha256() != films.sha256()
    back = facts.amended({"score.kind": "films"}, note="A test")
    assert Protocol.from_dict(back.to_dict()).score.kind is ScoreKind.FILMS
