"""Partial dates keep what is known and no more."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trial.partial_dates import PartialDate, PartialDateError, parse


@pytest.mark.parametrize(
    ("text", "kept", "earliest", "latest"),
    [
        ("2022", "2022", date(2022, 1, 1), date(2022, 12, 31)),
        ("2022-03", "2022-03", date(2022, 3, 1), date(2022, 3, 31)),
        ("2024-02", "2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2022-03-05", "2022-03-05", date(2022, 3, 5), date(2022, 3, 5)),
        ("20220305", "2022-03-05", date(2022, 3, 5), date(2022, 3, 5)),
        ("2022/03/05", "2022-03-05", date(2022, 3, 5), date(2022, 3, 5)),
        (" 2022/3/5 ", "2022-03-05", date(2022, 3, 5), date(2022, 3, 5)),
        ("1850", "1850", date(1850, 1, 1), date(1850, 12, 31)),
        ("2200", "2200", date(2200, 1, 1), date(2200, 12, 31)),
        ("２０２２－０３", "2022-03", date(2022, 3, 1), date(2022, 3, 31)),
    ],
)
def test_what_can_be_written(text, kept, earliest, latest):
    parsed = parse(text)
    assert (str(parsed), parsed.earliest, parsed.latest) == (kept, earliest, latest)
    assert parsed.exact == (earliest if earliest == latest else None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'' is not a date. Write 2022, 2022-03 or 2022-03-05, the year first."),
        ("05/03/2022", "is not a date"),
        ("2022-03/05", "is not a date"),
        ("202203", "is not a date"),
        ("22", "is not a date"),
        ("March 2022", "is not a date"),
        ("2022-13", "there is no month 13"),
        ("2022-00", "there is no month 00"),
        ("2022-02-29", "2022-02 has 28 days. Correct the day."),
        ("20220431", "2022-04 has 30 days"),
        ("2022-04-00", "2022-04 has 30 days"),
        ("1849", "the year 1849 must lie between 1850 and 2200. Correct it."),
        ("2201", "the year 2201"),
        ("1022-03-05", "the year 1022 must lie between 1850 and 2200"),
    ],
)
def test_what_can_not(text, said):
    with pytest.raises(PartialDateError) as refusal:
        parse(text)
    assert said in str(refusal.value)


@given(st.dates(date(1850, 1, 1), date(2200, 12, 31)))
def test_every_day_survives_the_round_trip(day):
    for form in (f"{day:%Y-%m-%d}", f"{day:%Y%m%d}", f"{day:%Y/%m/%d}"):
        assert parse(form) == PartialDate.of(day)
        assert str(parse(form)) == str(day)
    for form in (f"{day:%Y}", f"{day:%Y-%m}"):
        assert str(parse(form)) == form
        assert parse(form).earliest <= day <= parse(form).latest


def test_before_is_answered_only_when_it_is_sure():
    new_year = date(2023, 1, 1)
    assert parse("2022").is_before(new_year) is True
    assert parse("2023").is_before(new_year) is False
    assert parse("2023").is_before(new_year + timedelta(days=1)) is None
    assert parse("2023-01-01").is_before(new_year) is False
