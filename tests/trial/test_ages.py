"""Ages in completed years, and birth dates bounded by an age."""

from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trial.ages import age_bounds, age_on, birth_bounds, narrowed

days = st.dates(date(1900, 1, 1), date(2100, 12, 31))


@pytest.mark.parametrize(
    ("birth", "day", "age"),
    [
        (date(1982, 12, 31), date(2022, 12, 31), 40),
        (date(1983, 1, 1), date(2022, 12, 31), 39),
        (date(1984, 2, 29), date(2023, 2, 28), 38),
        (date(1984, 2, 29), date(2023, 3, 1), 39),
        (date(1984, 2, 29), date(2024, 2, 29), 40),
    ],
)
def test_a_year_is_completed_on_the_birthday(birth, day, age):
    assert age_on(birth, day) == age


@given(birth=days, on=days)
@example(birth=date(2000, 2, 28), on=date(2024, 2, 29))
@example(birth=date(2001, 3, 1), on=date(2024, 2, 29))
@example(birth=date(2000, 2, 29), on=date(2024, 2, 29))
def test_an_age_bounds_exactly_the_birth_dates_that_give_it(birth, on):
    age = age_on(birth, on)
    if age < 0:
        return
    earliest, latest = birth_bounds(age, on)
    assert earliest <= birth <= latest
    assert age_on(earliest, on) == age_on(latest, on) == age
    assert age_on(date.fromordinal(earliest.toordinal() - 1), on) == age + 1
    assert age_on(date.fromordinal(latest.toordinal() + 1), on) == age - 1


def test_sixty_three_on_a_film_is_sixty_three_or_four_at_new_year():
    assert age_bounds(birth_bounds(63, date(2022, 6, 15)), date(2023, 1, 1)) == (63, 64)


def test_two_films_narrow_a_birth_date_or_contradict_each_other():
    spring, autumn = birth_bounds(63, date(2022, 4, 1)), birth_bounds(64, date(2022, 10, 1))
    assert narrowed(spring, autumn) == (date(1958, 4, 2), date(1958, 10, 1))
    assert narrowed((date(1958, 1, 1), date(1958, 6, 1)), (date(1958, 6, 1), date(1959, 1, 1))) == (
        date(1958, 6, 1),
        date(1958, 6, 1),
    )
    assert narrowed(spring, birth_bounds(50, date(2022, 10, 1))) is None
