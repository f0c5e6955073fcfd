"""What the benchmarks do with what they measure."""

from functools import partial

import pytest

from tests.bench import growth, measuring
from tests.bench.measuring import Measured, in_turns, one_side, summary, timed
from tests.bench.page import page


def test_the_ratio_is_taken_within_each_pair():
    results = [(Measured(10, 1.0), Measured(10, 2.0)), (Measured(10, 5.0), Measured(10, 10.0))]
    assert summary(results).ratio == 2  # twice as fast in each, though the machine slowed down in between
    assert summary(results).ours == pytest.approx(6)  # a second


def test_seconds_are_shown_where_asked_and_the_ratio_stays_one_of_speed():
    found = summary([(Measured(1, 4.0), Measured(1, 1.0))], inverse=True)
    assert (found.ours, found.peer, found.ratio) == (4, 1, 0.25)


def test_sides_take_turns_and_the_first_pair_only_warms_up():
    order = []

    def work(name: str, seconds: float) -> Measured:
        order.append(name)
        return Measured(1, seconds)

    results = in_turns([(partial(work, "ours", n), partial(work, "peer", n + 0.5)) for n in (1, 2, 3)])
    assert order == ["ours", "peer", "peer", "ours", "ours", "peer"]
    assert results == [(Measured(1, n), Measured(1, n + 0.5)) for n in (2, 3)]


def test_no_pair_is_begun_after_the_time_is_up_and_the_last_one_is_checked(monkeypatch):
    monkeypatch.setattr(measuring, "ENOUGH_SECONDS", 0.0)
    checked = []

    def pairs():
        for number in range(100):
            yield partial(timed, list), partial(timed, list)
            checked.append(number)

    assert len(in_turns(pairs())) == measuring.ENOUGH_PAIRS
    assert checked == list(range(measuring.ENOUGH_PAIRS + 1))


def test_one_side_alone_never_runs_the_other():
    def other() -> Measured:
        raise AssertionError("the peer ran")

    one_side([(partial(timed, list), other)], "ours")


def test_the_page_shows_ratio_machine_and_peer():
    found = summary([(Measured(20, 1.0), Measured(10, 1.0))])._asdict()
    result = {"title": "Doing a thing", "unit": "things a second", "ours": "`thing`", "peer": "a plain thing"}
    result |= {"why": "thinking takes 90%."}
    text = page([result | {"summary": found, "peaks": [120.0, None]}], ["| 10 | 1 s |"], loads=(0.5, 1.5))
    assert (
        "| Doing a thing | 20.0 things a second | 10.0 things a second | **2** (2 to 2; 1) | 120 MB, —"
        in text
    )
    assert "\nDoing a thing: thinking takes 90%.\n" in text
    assert "- Doing a thing: `thing` against a plain thing." in text
    assert "| 10 | 1 s |" in text
    assert "Load average 0.5 before and 1.5 after" in text


def test_a_report_that_takes_four_times_as_long_for_twice_the_people_grows_with_their_square():
    measured = [{"people": 10.0, "numbers": 1.0}, {"people": 20.0, "numbers": 4.0}]
    assert growth.exponent(measured, "numbers") == pytest.approx(2)
