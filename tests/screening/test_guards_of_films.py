"""What the database refuses of films, scores and findings, asked in plain SQL as the role that serves."""

from datetime import date
from hashlib import sha256

import pytest

from screening.models import Radiograph, Score
from tests.factories import add_film, copy, make_participant, make_world, refusal, sql

pytestmark = pytest.mark.django_db


def other_film(film: Radiograph, **same: object) -> tuple:
    """Return the statement that adds a film of the same person that shares only `same` with the first."""
    digest = sha256(b"another").hexdigest()
    fresh = {
        "sop_instance_hash": f"\\x{digest}",
        "file_sha256": digest,
        "pixel_sha256": digest,
        "state": "eligible",
    }
    return copy(film, **{name: value for name, value in (fresh | same).items() if value != "same"})


@pytest.mark.parametrize("shared", ["sop_instance_hash", "file_sha256", "pixel_sha256"])
def test_no_two_films_of_a_trial_count_for_the_same_picture(world, shared):
    film = add_film(world, make_participant(world))

    assert f"film_{'pixels_count' if shared == 'pixel_sha256' else f'{shared}_counts'}_once" in refusal(
        *other_film(film, **{shared: "same"})
    )
    sql(*other_film(film, **{shared: "same"}, state="set_aside", reason="held"))
    sql(*other_film(film))


def test_the_same_picture_may_count_in_another_trial(world):
    film = add_film(world, make_participant(world, number="H-1"))
    other = make_world("OTHER")
    again = add_film(other, make_participant(other, number="H-1"))

    sql(
        *copy(
            again,
            pixel_sha256=film.pixel_sha256,
            state="eligible",
            sop_instance_hash="\\x00",
            file_sha256="0",
        )
    )


def test_a_film_is_never_handed_to_another_person(world):
    film, other = add_film(world, make_participant(world)), make_participant(world)

    assert "patient number names" in refusal("UPDATE screening_radiograph SET participant_id = %s", other.pk)
    assert "never given another" in refusal(
        "UPDATE screening_radiograph SET participant_id = %s, person_id = %s", other.pk, other.person_id
    )
    for column in ("sop_instance_hash", "file_sha256", "pixel_sha256"):
        assert "never given another" in refusal(f"UPDATE screening_radiograph SET {column} = 'x'")
    assert "a_scored_film_has_owner" in refusal("UPDATE screening_radiograph SET participant_id = NULL")
    assert Radiograph.objects.get() == film


def test_a_scored_film_has_a_score(world):
    film = add_film(world, make_participant(world))
    sql(*other_film(film))

    assert "A scored film has a score" in refusal(*other_film(film, state="scored"))
    assert "A scored film has a score" in refusal("UPDATE screening_radiograph SET state = 'scored'")


def test_a_film_is_scored_once_by_a_model_and_for_good(world):
    score = add_film(world, make_participant(world)).scores.get()

    assert "a_film_is_scored_once_a_model" in refusal(*copy(score))
    assert "permission denied" in refusal("UPDATE screening_score SET mean = 0.1")
    assert "permission denied" in refusal("DELETE FROM screening_score")
    assert Score.objects.get().mean == score.mean


def test_a_score_says_positive_where_it_is(world):
    low = add_film(world, make_participant(world), mean="0.499999").scores.get()
    high = add_film(world, make_participant(world), mean="0.5").scores.get()

    assert (low.positive, high.positive) == (False, True)
    for row, wrong in ((low, True), (high, False)):
        with_other_film = add_film(world, make_participant(world))
        assert "positive_means" in refusal(*copy(row, radiograph_id=with_other_film.pk, positive=wrong))


def test_a_film_without_its_reason_or_owner_is_not_kept(world):
    film = add_film(world, make_participant(world), on=date(2022, 6, 1))

    assert "set_aside_has_a_reason" in refusal(*other_film(film, state="failed"))
    assert "a_scored_film_has_owner" in refusal(*other_film(film, participant_id=None))
    assert "a_scored_film_has_owner" in refusal(*other_film(film, file=""))


def test_findings_stay_with_whom_they_were_made_of(world):
    one, other = make_participant(world), make_participant(world)
    for table, column, code in (
        ("diagnosis", "diagnosed_on", "code"),
        ("treatment", "started_on", "drug_class"),
    ):
        value = {"code": "osteoporosis", "drug_class": "denosumab"}[code]
        sql(
            f"INSERT INTO screening_{table} (id, participant_id, {code}, {column}, source, entered_in_error,"
            " occurred_at, protocol_version_id)"
            " VALUES (gen_random_uuid(), %s, %s, '2023-02', 'test', false, now(), %s)",
            one.pk, value, world.trial.protocol_version.pk,
        )  # fmt: skip
        assert "never given another" in refusal(f"UPDATE screening_{table} SET participant_id = %s", other.pk)
        assert "never deleted" in refusal(f"DELETE FROM screening_{table}")


@pytest.mark.parametrize(
    ("risk_class", "counted", "positive", "refused"),
    [
        ("high", 5, 0, "no_risk_against_all_films"),
        ("low", 5, 5, "no_risk_against_all_films"),
        ("high", 5, 6, "positives_among_counted"),
        ("low", 0, 0, "no_risk_against_all_films"),
        ("high", 5, 1, ""),
        ("low", 5, 4, ""),
    ],
)
def test_a_risk_is_not_at_odds_with_all_films(world, risk_class, counted, positive, refused):
    written = (
        "INSERT INTO screening_riskassessment (id, participant_id, films_counted, films_positive, risk_class, films,"
        " occurred_at, protocol_version_id) VALUES (gen_random_uuid(), %s, %s, %s, %s, '[]', now(), %s)",
        *(make_participant(world).pk, counted, positive, risk_class, world.trial.protocol_version.pk),
    )
    if refused:
        assert refused in refusal(*written)
    else:
        sql(*written)
