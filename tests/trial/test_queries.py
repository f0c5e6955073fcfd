"""Data queries: asked, answered, closed, by whom the roles say; the database keeps what was said."""

import pytest

from tests.admin import act_url, do, list_of, page_of
from tests.browsing import browser, words
from tests.factories import World, end, make_participant, refusal
from trial.models import DataQuery, Participant
from trial.services import queries
from trial.services.trials import NotNow, Refused
from trial.states import TrialState

pytestmark = pytest.mark.django_db
DOUBT = "The scan is dated before the call. Which is right?"
SOURCE = "The call was on the 3rd; it is corrected."


@pytest.fixture
def person(world) -> Participant:
    return make_participant(world)


@pytest.fixture
def query(world, person) -> DataQuery:
    return queries.ask(person, question=DOUBT, by=world.monitor)


def answered(world: World, query: DataQuery) -> DataQuery:
    return queries.answer(query, answer=SOURCE, by=world.coordinator)


def test_a_question_is_asked_answered_and_closed_on_pages(world, person):
    do(world.monitor, "query", person, question=DOUBT)
    query = DataQuery.objects.get()
    assert "1 data queries wait for an answer" in words(browser(world.coordinator).get("/admin/"))

    do(world.coordinator, "answer", query, answer=SOURCE)
    assert "1 data queries are answered: close them" in words(browser(world.monitor).get("/admin/"))
    do(world.monitor, "close", query)

    query.refresh_from_db()
    assert (query.asked_by, query.answered_by, query.closed_by) == (
        world.monitor,
        world.coordinator,
        world.monitor,
    )
    for page in (page_of(query), page_of(person), list_of(DataQuery)):
        assert DOUBT in words(browser(world.investigator).get(page))
    assert DOUBT not in words(browser(world.coordinator).get(list_of(DataQuery, "?step=open")))


def test_what_is_asked_and_answered_names_no_arm(world, person, query):
    for user, model, name, row, said in (
        (world.monitor, Participant, "query", person, {"question": "Is she in the control arm?"}),
        (world.coordinator, DataQuery, "answer", query, {"answer": "He is in the screening group."}),
    ):
        page = browser(user).post(act_url(model, name), {"row": row.pk, "confirmed": "1"} | said)
        assert "Don't name the arm" in words(page)
    assert DataQuery.objects.get().answer == ""


def test_who_may_not_and_what_says_nothing_is_refused(world, person, query):
    for refused in (
        lambda: queries.ask(person, question=DOUBT, by=world.coordinator),
        lambda: queries.ask(person, question=" ", by=world.monitor),
        lambda: queries.answer(query, answer=SOURCE, by=world.monitor),
        lambda: queries.answer(query, answer=" ", by=world.coordinator),
        lambda: queries.close(query, by=world.monitor),  # nobody has answered
        lambda: queries.close(answered(world, query), by=world.coordinator),
    ):
        with pytest.raises(Refused):
            refused()
    query.refresh_from_db()
    assert query.closed_at is None


def test_an_answer_can_be_put_better_until_the_query_is_closed(world, query):
    answered(world, query)
    queries.answer(query, answer="The 4th.", by=world.investigator)
    closed = queries.close(query, by=world.monitor)

    assert (closed.answer, closed.answered_by) == ("The 4th.", world.investigator)
    assert [event.answer for event in closed.events.order_by("pgh_id")] == [
        "",
        SOURCE,
        "The 4th.",
        "The 4th.",
    ]
    with pytest.raises(Refused, match="is closed"):
        answered(world, query)


def test_a_frozen_trial_takes_no_query(world, person, query):
    end(world, TrialState.FROZEN)

    for refused in (
        lambda: queries.ask(Participant.objects.get(pk=person.pk), question=DOUBT, by=world.monitor),
        lambda: answered(world, query),
    ):
        with pytest.raises(NotNow, match="frozen"):
            refused()


def test_sql_can_not_change_a_question_nor_a_query_that_is_closed(world, query):
    set_ = f"UPDATE trial_dataquery SET {{}} WHERE id = '{query.pk}'"

    assert "never given another" in refusal(set_.format("question = 'Another'"))
    assert "an_answer_is_somebody_s" in refusal(set_.format("answer = 'Nobody said so'"))
    closed_by = f"closed_at = now(), closed_by_id = {world.monitor.pk}"
    assert "a_query_is_closed_by_somebody" in refusal(set_.format(closed_by))
    queries.close(answered(world, query), by=world.monitor)
    assert refusal(set_.format("answer = 'Better'"))
    assert refusal(set_.format("closed_at = NULL, closed_by_id = NULL"))
    assert refusal(f"DELETE FROM trial_dataquery WHERE id = '{query.pk}'")
