"""What the database says when it refuses never reaches the answer or the log: its words quote the row."""

import pytest
from django.db import IntegrityError

from screening.models import Score
from tests.factories import add_film, make_participant
from trial import audit, problems

pytestmark = pytest.mark.django_db


def test_a_refusal_by_the_database_is_named_in_the_log_and_quoted_nowhere(world, caplog):
    add_film(world, make_participant(world), mean="0.654321")
    score = Score.objects.get()
    score.pk, score.positive, score._state.adding = None, False, True
    with pytest.raises(IntegrityError) as caught, audit.context(by=None, why="a wrong score", how="test"):
        score.save()

    answer = problems.handle(caught.value, {})

    assert "0.654321" in str(caught.value)  # there was something to hide
    assert (answer.status_code, answer.data["code"]) == (409, "conflict")
    assert "nothing was written" in answer.data["message"]
    assert "0.654321" not in str(answer.data) and "0.654321" not in caplog.text
    assert "the database refused a request (positive_means_at_or_above_threshold)" in caplog.text


def test_a_fault_of_ours_is_left_to_django():
    assert problems.handle(ZeroDivisionError(), {}) is None
