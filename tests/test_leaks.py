"""The hunt for leaks: what everybody is sent from everywhere, searched for what they must not learn.

Two ways. Canaries: names, telephone and hospital numbers, scores and the key of the trial are looked for in the
pages and in the log. Two worlds: everything is asked again as if the draw had gone the other way, or the model had
seen something else, and whoever is blind to it must be sent the very same bytes; so no rounding, order, count or
missing row gives it away.
"""

import logging
import re
from collections.abc import Collection, Iterable
from itertools import product
from typing import Any, NamedTuple

import pytest
from django.core.mail import send_mail

from analysis.masking import LEFT_OUT
from screening.serializers import ScreenedParticipantSerializer
from tests.factories import signed_in
from tests.stage import NAME, NUMBER, PHONE, make_stage, other_arms, other_scores
from tests.walk import (
    BLIND,
    EVERYBODY,
    WITHOUT_CONTROL_SCORE,
    Ask,
    Bodies,
    Stage,
    address,
    asking,
    logged,
    mails,
    questions,
    read,
    routes,
    still,
)
from trial.keys import key_path, trial_key
from trial.models import Allocation, Participant, User
from trial.roles import MATRIX, Permission, Role
from trial.services import lists

PARTICIPANTS = "/api/v1/participants/"
ARM = re.compile(r"\b(control|screening)\b", re.IGNORECASE)


class Secret(NamedTuple):
    """A text, and who may read it."""

    text: str
    shown_to: frozenset[str]


def holders(permission: Permission) -> frozenset[str]:
    """Return the roles that hold a permission."""
    return frozenset(role.value for role in Role if permission in MATRIX[role])


def secrets(scores: Iterable[str]) -> list[Secret]:
    """Return what to look for: identities, and scores from outside the screening arm."""
    identity = [Secret(text, holders(Permission.SEE_IDENTITY)) for text in (NAME, PHONE, NUMBER)]
    return identity + [Secret(score, holders(Permission.SEE_CONTROL_SCORE)) for score in scores]


def told(bodies: Bodies, looked_for: Collection[Secret]) -> list[str]:
    """Say who was sent a secret, and from where."""
    return [
        f"{who} {route}: {secret.text}"
        for (who, route), body in bodies.items()
        for secret in looked_for
        if who not in secret.shown_to and secret.text in body
    ]


def sealed(key: str) -> Secret:
    """Return the key of a trial as what it is: nobody's to see, not even its beginning."""
    return Secret(key[:16], frozenset())


def logged_secrets(lines: Iterable[str], looked_for: Collection[Secret]) -> list[str]:
    """Return the log lines that hold a secret: the log is read by whoever keeps the machine."""
    return [line for line in lines if any(secret.text in line for secret in looked_for)]


def logged_arms(lines: Iterable[str], people: Collection[str]) -> list[str]:
    """Return the log lines that name a participant together with an arm."""
    named = [line for line in lines if any(number in line for number in people)]
    return [line for line in named if ARM.search(line.split(": ", 1)[1])]  # after the logger's own name


def differing(one: Bodies, other: Bodies) -> list[str]:
    """Say who was sent something else in another world, with the first place where it differs."""
    return [f"{' '.join(key)}: {_gap(one[key], body)}" for key, body in other.items() if one[key] != body]


def _gap(one: str, other: str) -> str:
    at = next((i for i, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
    return f"{one[max(0, at - 60) : at + 60]!r} or {other[max(0, at - 60) : at + 60]!r}"


def asked_for_the_key(bodies: Bodies) -> list[str]:
    """Say who was sent an answer, from where, that wanted the trial's key while it was away."""
    without = re.compile(r"5|.*The key of trial \S+ is missing", re.DOTALL)
    return [f"{who} {route}" for (who, route), body in bodies.items() if without.match(body)]


# The hunt


@pytest.fixture
def stage(db):
    """A stage of one's own."""
    return make_stage()


@pytest.mark.slow
def test_nobody_is_sent_an_identity_or_a_score_that_is_not_for_them(walked):
    looked_for = secrets(walked.stage.hidden_scores)

    assert told(walked.bodies, [*looked_for, sealed(walked.key)]) == []
    # The hunt sees what it looks for where it may be.
    assert all(
        secret.text in body for secret in looked_for for body in [_sent_to(walked.bodies, "inspector")]
    )


def _sent_to(bodies: Bodies, who: str) -> str:
    return " ".join(body for (reader, _), body in bodies.items() if reader == who)


@pytest.mark.slow
def test_whoever_is_blind_is_sent_the_same_whichever_way_the_draw_went(walked):
    found = differing(walked.bodies, walked.bodies_in_other_arms)

    assert not found, "\n".join(found)


@pytest.mark.slow
def test_nobody_but_named_roles_is_sent_anything_that_a_score_outside_the_screening_arm_changes(walked):
    found = differing(walked.bodies, walked.bodies_with_other_scores)

    assert not found, "\n".join(found)


@pytest.mark.slow
def test_the_other_worlds_are_looked_at_wherever_what_they_change_is_read(walked):
    dummy = ("trial_statistician", "/reports/<uuid:pk>/files/dataset-dummy.csv")
    people = ("monitor", "/admin/trial/participant/")

    for world in (walked.bodies_in_other_arms, walked.bodies_with_other_scores):
        assert len(world) > 100 and {dummy, people} <= set(world)


@pytest.mark.slow
def test_the_log_names_no_identity_no_score_and_no_arm(walked):
    stage = walked.stage

    assert logged_secrets(walked.log, secrets(stage.hidden_scores)) == []
    assert logged_secrets(walked.log, [sealed(walked.key)]) == []
    assert logged_arms(walked.log, [stage.screening.study_number, stage.control.study_number]) == []
    assert len(walked.log) > 1000  # the walk was logged, refusals and all


@pytest.mark.slow
def test_nothing_at_all_is_sent_by_mail(walked):
    assert walked.mails == []


@pytest.mark.slow
def test_every_page_is_shown_while_the_trial_s_key_is_away_so_none_can_know_a_draw_to_come(walked):
    assert asked_for_the_key(walked.bodies) == []


@pytest.mark.slow
@pytest.mark.proof
def test_whatever_tells_somebody_an_arm_leaves_a_line_that_names_no_participant(stage):
    unblinded = sorted(set(EVERYBODY) - set(BLIND))
    ask, logged_for = asking(stage), {}
    places = [*(address(route, stage, stage.screening) for route in routes()), *questions(stage)]
    with still():
        bodies: Bodies = {}
        for who, place in product(unblinded, places):
            with logged() as lines:
                bodies |= read(ask, [(who, place)])
            logged_for[who, place.route] = [line for line in lines if "arm shown to user" in line]
        again = [
            (who, place) for who, place in product(unblinded, places) if (who, place.route) in ask.touching
        ]
        with other_arms(stage):
            found = read(ask, again)

    telling = [key for key, body in found.items() if body != bodies[key]]
    assert len(telling) > 30
    assert [key for key in telling if not logged_for[key]] == []
    assert not [
        line for lines in logged_for.values() for line in lines if stage.screening.study_number in line
    ]


def test_the_key_of_the_trial_is_no_more_than_its_fingerprint_anywhere(stage):
    ask, key = asking(stage), key_path("DEMO").read_text()

    places = [
        address(f"/admin/trial/trial/<path:object_id>/{page}/", stage, stage.screening)
        for page in ("change", "history")
    ]
    bodies = read(ask, product(EVERYBODY, places))

    assert stage.world.trial.key_fingerprint in _sent_to(bodies, "coordinator")
    assert not [key_ for key_, body in bodies.items() if key[:16] in body]


def test_what_the_blind_write_is_answered_alike_in_both_arms(stage):
    def answers(user: User, path: str, data: dict) -> set[str]:
        sent = []
        for person in (stage.screening, stage.control):
            place = path.format(number=person.study_number)
            answer = signed_in(user).post(place, data | {"study_number": person.study_number})
            told = {k: v for k, v in answer.json().items() if k not in ("id", "study_number")}
            sent.append(f"{answer.status_code} {told}")
        return set(sent)

    world, neck = stage.world, [{"site": "femoral_neck", "t_score": "-1.2"}]
    scan = {"exam_date": "2023-01-29", "measurements": neck}

    assert len(answers(world.outcome_recorder, "/api/v1/dxa-exams/", scan)) == 1
    assert len(answers(world.outcome_recorder, "/api/v1/dxa-exams/", scan)) == 1  # asked about: a second scan
    assert (
        len(answers(world.investigator, PARTICIPANTS + "{number}/withdraw/", {"reason": "Moves away"})) == 1
    )
    assert (
        len(answers(world.investigator, PARTICIPANTS + "{number}/withdraw/", {"reason": "Moves away"})) == 1
    )


# The hunt itself is hunted: each leak planted here must be found


def participants(stage: Stage, who: Collection[str], ask: Ask | None = None) -> Bodies:
    """Return what each is sent of the two people by the API."""
    places = [
        address(f"{PARTICIPANTS}<study_number>/", stage, person)
        for person in (stage.screening, stage.control)
    ]
    return read(ask or asking(stage), product(who, [place._replace(route=place.url) for place in places]))


def test_an_arm_planted_in_the_api_is_found(stage, monkeypatch):
    def tell(serializer: Any, participant: Participant) -> dict[str, Any]:
        allocation = Allocation.objects.filter(participant=participant).first()
        return {
            "study_number": participant.study_number,
            "group": "A" if allocation.arm == "control" else "B",
        }

    clean = participants(stage, BLIND)
    with other_arms(stage):
        assert differing(clean, participants(stage, BLIND)) == []
    monkeypatch.setattr(ScreenedParticipantSerializer, "to_representation", tell)
    leaking = participants(stage, BLIND)
    with other_arms(stage):
        found = differing(leaking, participants(stage, BLIND))

    assert len(found) == 2 * len([who for who in BLIND if who in holders(Permission.SEE_PARTICIPANTS)])


def test_a_rounded_score_planted_in_the_api_is_found(stage, monkeypatch):
    def tell(serializer: Any, participant: Participant) -> dict[str, Any]:
        score = participant.radiographs.get().scores.get()
        return {"study_number": participant.study_number, "shade": f"{score.mean:.0%}"}

    monkeypatch.setattr(ScreenedParticipantSerializer, "to_representation", tell)
    leaking = participants(stage, WITHOUT_CONTROL_SCORE)
    with other_scores(stage):
        found = differing(leaking, participants(stage, WITHOUT_CONTROL_SCORE))

    assert {line.split()[0] for line in found} == holders(Permission.SEE_PARTICIPANTS) & {
        *WITHOUT_CONTROL_SCORE
    }
    assert all(stage.control.study_number in line for line in found)


def test_a_risk_class_planted_in_the_api_is_found(stage, monkeypatch):
    def tell(serializer: Any, participant: Participant) -> dict[str, Any]:
        return {"study_number": participant.study_number, "group": participant.risk.risk_class}

    places = [address(f"{PARTICIPANTS}<study_number>/", stage, who) for who in (stage.low, stage.late)]
    asked = list(product(WITHOUT_CONTROL_SCORE, [place._replace(route=place.url) for place in places]))
    monkeypatch.setattr(ScreenedParticipantSerializer, "to_representation", tell)
    leaking = read(asking(stage), asked)
    with other_scores(stage):
        found = differing(leaking, read(asking(stage), asked))

    assert len(found) == 2 * len(holders(Permission.SEE_PARTICIPANTS) & {*WITHOUT_CONTROL_SCORE})


def test_a_key_and_a_draw_to_come_planted_in_the_api_are_found(stage, monkeypatch):
    key, readers = key_path("DEMO"), ["coordinator"]

    def tell_key(serializer: Any, participant: Participant) -> dict[str, Any]:
        return {"sealed": key.read_text()}

    def tell_next(serializer: Any, participant: Participant) -> dict[str, Any]:
        list_ = participant.allocation.stratum
        plan, sealed_key = participant.trial.protocol.allocation, trial_key(participant.trial)
        place = {"index": 1, "before": {}, "uploaded": None}
        return {"next": lists.draw_place(list_, plan, key=sealed_key, **place).arm}

    monkeypatch.setattr(ScreenedParticipantSerializer, "to_representation", tell_key)
    assert len(told(participants(stage, readers), [sealed(key.read_text())])) == 2

    monkeypatch.setattr(ScreenedParticipantSerializer, "to_representation", tell_next)
    assert all(
        re.search(r'"next":"(control|screening)"', body) for body in participants(stage, readers).values()
    )
    ask = asking(stage)
    key.unlink()  # as it is in the whole walk, where no page may fail
    assert len(asked_for_the_key(participants(stage, readers, ask))) == 2


def test_a_mail_is_found(stage, mailoutbox):
    send_mail("Planted", f"{NAME} is in the control arm.", None, ["clinic@example.org"])

    assert len(logged_secrets(mails(), secrets([]))) == 1


def blinded_reports(stage: Stage) -> Bodies:
    """Return what a blinded statistician is sent of the freeze: its pages and files."""
    places = [address(route, stage, stage.screening) for route in routes() if "reports/" in route]
    return read(asking(stage), product([Role.TRIAL_STATISTICIAN.value], places))


def other_worlds(stage: Stage, here: Bodies) -> list[list[str]]:
    """Say where the blinded statistician is sent something else when arms, or scores, are other ones."""
    found = []
    for world in (other_arms, other_scores):
        with world(stage):
            found.append(differing(here, blinded_reports(stage)))
    return found


def test_one_letter_for_each_arm_is_found_however_the_letters_were_chosen(stage, monkeypatch):
    def scrambled(text: str, key: bytes) -> str:
        return text.replace(",screening,", ",A,").replace(",control,", ",B,")

    with still():
        assert other_worlds(stage, blinded_reports(stage)) == [[], []]
        monkeypatch.setattr("analysis.downloads.dummy_csv", scrambled)
        [line], _ = other_worlds(stage, blinded_reports(stage))

    assert line.startswith("trial_statistician /reports/<uuid:pk>/files/dataset-dummy.csv")


@pytest.mark.parametrize(("column", "worlds"), [("risk_class", [0, 1]), ("called", [1, 0])])
def test_a_column_planted_in_the_dummy_dataset_is_found(stage, monkeypatch, column, worlds):
    rest = {name: why for name, why in LEFT_OUT.items() if name != column}
    monkeypatch.setattr("analysis.masking.LEFT_OUT", rest)

    with still():
        found = other_worlds(stage, blinded_reports(stage))

    assert [len(lines) for lines in found] == worlds


def test_an_identity_and_a_score_planted_in_page_and_log_are_found(stage, monkeypatch):
    looked_for = secrets(stage.hidden_scores)

    def tell(serializer: Any, participant: Participant) -> dict[str, Any]:
        score = participant.radiographs.get().scores.get()
        logging.getLogger("planted").warning("%s scored %s in %s", participant, score.mean, "control")
        return {"name": f"{NAME} 0", "mean": str(score.mean)}

    monkeypatch.setattr(ScreenedParticipantSerializer, "to_representation", tell)
    with logged() as lines:
        found = told(participants(stage, ["randomization_statistician", "coordinator"]), looked_for)

    # The statistician may read scores and no names, the coordinator names and no control score.
    assert len([line for line in found if line.startswith("randomization_statistician")]) == 2
    assert [
        line.split(": ")[1] in stage.hidden_scores for line in found if line.startswith("coordinator")
    ] == [True]
    assert len(logged_secrets(lines, looked_for)) == 2
    assert len(logged_arms(lines, [stage.control.study_number])) == 2
