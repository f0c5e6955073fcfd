"""A model version is checked, signed by two people, and fixed to a live trial only then; a mismatch stops scoring."""

import hashlib
import json
import logging
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from screening.manifests import DEMONSTRATION_RISK_SCORE, WEIGHTS
from screening.models import ModelSignature, ModelVersion, Standstill
from screening.services import registry, scoring, setup
from screening.vocabulary import ModelState
from tests.factories import PASSWORD, World, appoint, approve_model, copy, make_user, make_world, refusal, sql
from tests.screening.test_index_test import copied, rewritten
from tests.screening.test_scoring import now, receive
from trial import audit
from trial.models import ProtocolVersion
from trial.protocol import template
from trial.roles import Role
from trial.services import protocols, signatures
from trial.services.trials import Refused

pytestmark = pytest.mark.django_db
MODEL = DEMONSTRATION_RISK_SCORE
FILM_MODEL = WEIGHTS / "demonstration-1.json"
IN_FORCE = "UPDATE trial_protocolversion SET state = 'active' WHERE id = %s"


@pytest.fixture
def live(db) -> World:
    """A live trial that waits for its protocol, with its staff."""
    return make_world("LIVE", kind="live", active=False)


def sign(version: ModelVersion, *signers) -> ModelState:
    for signer in signers:
        registry.sign_model(version, by=signer, password=PASSWORD)
    return registry.state_of(ModelVersion.objects.get(pk=version.pk))


# --- registration -------------------------------------------------------------------------------------------


def test_the_command_lists_its_checks_and_keeps_the_files(settings):
    out = StringIO()
    call_command("register_model", str(MODEL), stdout=out)
    version = ModelVersion.objects.get()
    assert out.getvalue().count("✓") == len(version.report) == 6
    assert "is registered. A live trial may use it once" in out.getvalue()
    kept = sorted(path.name for path in Path(settings.MODEL_DIR).iterdir())
    assert kept == [f"risk-score-1{end}.json" for end in (".coefficients", "", ".reference")]
    assert registry.path_of(version).parent == Path(settings.MODEL_DIR)
    call_command("register_model", str(MODEL), stdout=out)
    assert ModelVersion.objects.count() == 1


def test_what_fails_a_check_is_not_registered(tmp_path, settings):
    spoiled = copied(MODEL, tmp_path)
    with spoiled.with_suffix(".coefficients.json").open("a") as file:
        file.write(" ")
    out = StringIO()
    with pytest.raises(CommandError, match="Nothing was registered"):
        call_command("register_model", str(spoiled), stdout=out)
    assert "✕ files are those: The file risk-score-1.coefficients.json has SHA-256" in out.getvalue()
    assert not ModelVersion.objects.exists() and not Path(settings.MODEL_DIR).exists()


def test_a_version_is_registered_with_one_content(tmp_path):
    registry.register(MODEL, by=None)
    other = rewritten(copied(MODEL, tmp_path), intended_use="Anything.")
    with pytest.raises(Refused, match="registered with another manifest"):
        registry.register(other, by=None)


# --- signatures ---------------------------------------------------------------------------------------------


def test_an_investigator_and_a_statistician_approve_a_model(live):
    version = registry.register(MODEL, by=None)
    assert registry.state_of(version) == ModelState.REGISTERED
    assert sign(version, live.investigator, live.investigator) == ModelState.REGISTERED
    assert sign(version, live.trial_statistician) == ModelState.APPROVED
    assert [s.role for s in version.signatures.all()] == ["investigator", "trial_statistician"]


def test_two_statisticians_are_no_investigator(live):
    version = registry.register(MODEL, by=None)
    assert sign(version, live.trial_statistician, live.randomization_statistician) == ModelState.REGISTERED


def test_nobody_else_signs_and_nobody_without_the_password(live):
    version = registry.register(MODEL, by=None)
    local = make_user("local")
    appoint(live, local, Role.TRIAL_STATISTICIAN, live.site)
    for user in (live.coordinator, live.stranger, local, make_world("DEMO").investigator):
        with pytest.raises(Refused, match="signed by an investigator or a statistician of a live trial"):
            registry.sign_model(version, by=user, password=PASSWORD)
    with pytest.raises(Refused, match="not your password"):
        registry.sign_model(version, by=live.investigator, password="guess")
    with pytest.raises(Refused, match=r"never checked: run `python manage.py register_model demonstration-1"):
        registry.sign_model(live.model, by=live.investigator, password=PASSWORD)
    assert not ModelSignature.objects.exists()


def test_a_refused_model_stays_refused(live):
    version = registry.register(MODEL, by=None)
    registry.refuse_model(version, reason="Fitted to nobody", by=live.trial_statistician, password=PASSWORD)
    assert registry.state_of(version) == ModelState.REFUSED
    with pytest.raises(Refused, match="was refused, and that stays"):
        sign(version, live.investigator)


def test_sql_changes_nothing_that_was_checked_or_signed(live):
    version = approve_model(live, MODEL)
    given = version.signatures.first()
    assert "Only the signer" in refusal(*copy(given, signer_id=live.monitor.pk))
    # The app role may not even try.
    assert "permission denied" in refusal("UPDATE screening_modelsignature SET reason = 'x'")
    assert "permission denied" in refusal("DELETE FROM screening_modelsignature")
    assert "never deleted" in refusal("DELETE FROM screening_modelversion")
    changed = "UPDATE screening_modelversion SET manifest = '{}' WHERE id = %s"
    assert "stays as it was checked" in refusal(changed, version.pk)
    assert "sha256" in refusal("UPDATE screening_modelversion SET sha256 = 'x' WHERE id = %s", live.model.pk)


@pytest.mark.parametrize(
    ("signer", "changes", "said"),
    [
        ("coordinator", {}, "investigator or a statistician of a live trial"),
        ("coordinator", {"role": "investigator"}, "investigator or a statistician of a live trial"),
        ("investigator", {"content_sha256": "0" * 64}, "signed as it was checked"),
        ("investigator", {"meaning": "refuse"}, "a_model_is_refused_for_a_reason"),
    ],
)
def test_the_database_takes_no_signature_that_nobody_may_give(live, signer, changes, said):
    version, user = registry.register(MODEL, by=None), getattr(live, signer)
    given = {"role": signer, "content_sha256": version.content_sha256, "meaning": "approve"} | changes
    row = ModelSignature(model_version=version, trial=live.trial, signer=user, **given)
    with pytest.raises(Exception, match=said), audit.context(by=user, why="A test", how="test"):
        row.save()


# --- pinned to a trial --------------------------------------------------------------------------------------


def approved_draft(world: World) -> ProtocolVersion:
    """Return a version of the trial's protocol that all have signed, fixed to the unsigned shipped model."""
    protocol = setup.with_waiver(setup.pin_model(template("opscan"), world.model), "Board 7")
    version = protocols.draft_protocol(world.trial, protocol=protocol, by=world.coordinator)
    signatures.sign(version, by=world.coordinator, password=PASSWORD)
    return protocols.approve_protocol(version, by=world.randomization_statistician, password=PASSWORD)


def test_a_live_trial_is_not_fixed_to_an_unsigned_or_retired_model(live):
    version = approved_draft(live)
    item = setup.model_item(version)
    assert not item.met and "signed by an investigator and a statistician" in item.text
    assert "an investigator and a statistician have signed" in refusal(IN_FORCE, version.pk)

    model = approve_model(live, FILM_MODEL)
    assert model == live.model and len(model.report) == 6  # first it was a demonstration's, unchecked
    assert setup.model_item(version).met

    registry.refuse_model(model, reason="Drifted", by=live.investigator, password=PASSWORD)
    assert registry.state_of(ModelVersion.objects.get(pk=model.pk)) == ModelState.RETIRED
    assert not setup.model_item(version).met
    assert "an investigator and a statistician have signed" in refusal(IN_FORCE, version.pk)


def test_a_live_trial_is_fixed_to_a_signed_model(live):
    version = approved_draft(live)
    approve_model(live, FILM_MODEL)
    sql(IN_FORCE, version.pk)
    assert scoring.pinned_model(live.trial)[0] == live.model


# --- a mismatch stops scoring -------------------------------------------------------------------------------


def kept(folder: str) -> Path:
    """Keep a copy of the shipped film model where registered ones are."""
    Path(folder).mkdir()
    return copied(FILM_MODEL, Path(folder))


def spoil_answers(path: Path) -> None:
    """Let a kept model expect other answers than it gives, with checksums that agree."""
    reference = path.with_suffix(".reference.json")
    studies = json.loads(reference.read_text())["studies"]
    for entry in studies:
        entry["expected"] = str(Decimal(entry["expected"]) / 2)
    reference.write_text(json.dumps({"studies": studies}))
    rewritten(path, reference_sha256=hashlib.sha256(reference.read_bytes()).hexdigest())


def test_a_failed_self_test_stops_scoring_loudly_and_once(world, client, settings, caplog):
    film, path = receive(world), kept(settings.MODEL_DIR)
    spoil_answers(path)

    assert [scoring.score_film(film.pk) for _ in range(2)] == [False, False]

    loud = [r for r in caplog.records if r.levelno == logging.CRITICAL]
    assert len(loud) == 1 and "Reference study 1 gives" in loud[0].getMessage()
    assert now(film) == ("eligible", "", 0)
    client.force_login(world.coordinator)
    for page in ("/films/received/", reverse("admin:index")):
        text = client.get(page).content.decode()
        assert "Scoring stands still since" in text and "Reference study 1 gives" in text

    for file in path.parent.iterdir():
        file.unlink()  # the shipped one is used again
    assert scoring.score_film(film.pk) is True
    assert Standstill.objects.get().ended_at is not None
    assert "Scoring stands still" not in client.get("/films/received/").content.decode()


def test_a_manifest_that_is_not_the_registered_one_stops_scoring(world, settings):
    film, path = receive(world), kept(settings.MODEL_DIR)
    rewritten(path, threshold_rule="another one")
    assert scoring.score_film(film.pk) is False
    standstill = Standstill.objects.get()
    assert "the weights here are not those" in standstill.reason
    assert "given another" in refusal("UPDATE screening_standstill SET reason = 'nothing'")
    assert "never deleted" in refusal("DELETE FROM screening_standstill")


def test_the_model_card_is_shown_and_signed_on_its_page(live, client):
    version = registry.register(MODEL, by=None)
    client.force_login(live.investigator)
    url = reverse("admin:screening_modelversion_change", args=[version.pk])
    text = client.get(url).content.decode()
    for fact in ("made-up people", "Demonstration only", "MIT", "reference is met", version.sha256):
        assert fact in text
    act = reverse("admin:screening_modelversion_act", args=["sign"])
    sent = {"row": version.pk, "confirmed": "1", "password": PASSWORD}
    said = client.post(act, sent, follow=True).content.decode()
    assert "An investigator and a statistician both have to" in said
    assert "of trial LIVE" in client.get(url).content.decode()
    client.force_login(live.coordinator)
    assert client.post(act, sent).status_code == 404
