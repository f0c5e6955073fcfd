"""A participant was told a score: recorded of both arms alike; the arm says whether it is a contamination."""

from datetime import timedelta

import pytest

from analysis import dataset
from analysis.consort import flow
from screening.models import Disclosure
from screening.services import contamination
from screening.vocabulary import Told
from tests.admin import do, masked, page_of, under_way
from tests.browsing import browser, words
from tests.factories import copy, in_arm, refusal
from trial.models import ProtocolDeviation
from trial.services.trials import Refused

pytestmark = pytest.mark.django_db
SAID = {"told": "score", "told_by": "a nurse of the ward", "how": "The report lay open."}
MARK = "contaminated: a control participant who was told of a score"


@pytest.fixture
def arms(world):
    """One participant of each arm."""
    made = under_way(world, 4)
    return {arm: in_arm(made, arm) for arm in ("screening", "control")}


def test_what_was_told_by_whom_and_how_is_on_record_with_a_major_deviation(world, arms):
    said = words(do(world.monitor, "score-told", arms["control"], **SAID))

    row, deviation = Disclosure.objects.get(), ProtocolDeviation.objects.get()
    assert (row.participant, row.told, row.told_by) == (arms["control"], "score", "a nurse of the ward")
    assert (deviation.severity, deviation.category) == ("major", "film or score")
    assert "a risk score, by a nurse of the ward: The report lay open." in deviation.description
    assert "contaminat" not in said


@pytest.mark.parametrize("role", ["investigator", "data_manager", "monitor"])
def test_who_knows_no_arm_sees_the_same_of_both(world, arms, role):
    user = getattr(world, role)
    answers = [do(user, "score-told", person, **SAID) for person in arms.values()]
    pages = [browser(user).get(page_of(person)) for person in arms.values()]

    for first, second in (answers, pages):
        assert masked(first, *arms.values()) == masked(second, *arms.values())
        assert "The report lay open." in words(pages[0]) and "contaminat" not in words(pages[0])


def test_who_knows_the_arms_sees_that_a_control_is_contaminated(world, arms):
    for person in arms.values():
        do(world.coordinator, "score-told", person, **SAID)
    screening, control = (words(browser(world.coordinator).get(page_of(p))) for p in arms.values())

    assert MARK in control and MARK not in screening


def test_the_flow_counts_contaminated_controls_and_still_analyzes_them(world, arms):
    for person in arms.values():
        do(world.coordinator, "score-told", person, **SAID)
    entered = Disclosure.objects.latest("recorded_at").recorded_at + timedelta(hours=1)
    built = dataset.build(world.trial, entered)
    assert dataset.from_csv(built.csv) == built.rows

    analyzed = {arm: boxes[-1] for arm, boxes in flow(built.rows, built.intake).arms.items()}
    assert analyzed["screening"].parts == ()
    assert dict(analyzed["control"].parts) == {"told of no score": 1, "contaminated: told of a score": 1}


def test_the_arm_is_not_named_and_nothing_is_left_empty(world, arms):
    named = do(world.monitor, "score-told", arms["control"], **SAID | {"how": "She is in the control arm."})
    assert "Don't name the arm" in words(named)
    given = {"told": Told.SCORE, "told_by": " ", "how": "x", "by": world.monitor}
    with pytest.raises(Refused, match="Write who told the participant"):
        contamination.record_disclosure(arms["control"], **given)
    assert not Disclosure.objects.exists()


@pytest.mark.parametrize("role", ["caller", "outcome_recorder", "trial_statistician", "inspector"])
def test_only_who_records_deviations_records_it(world, arms, role):
    answer = do(getattr(world, role), "score-told", arms["control"], **SAID)
    assert answer.status_code in (403, 404) and not Disclosure.objects.exists()


def test_the_database_keeps_it_as_it_was_written(world, arms):
    do(world.monitor, "score-told", arms["control"], **SAID)
    row = Disclosure.objects.get()

    assert "what_was_told_known" in refusal(*copy(row, told="rumor"))
    assert "permission denied" in refusal("UPDATE screening_disclosure SET told_by = 'me'")
