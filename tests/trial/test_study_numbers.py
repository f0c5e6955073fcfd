"""Study numbers and the errors their check digit finds."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trial.study_numbers import check, check_digit, study_number

sites, sequences = st.integers(1, 99), st.integers(1, 999_999)


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("0794", "5"),  # the worked example of ISO 7064
        ("3339200596", "1"),  # Croatian OIB 33392005961
        ("3657426180", "9"),  # German tax number 36574261809
        ("13669597", "6"),  # German VAT number DE136695976
    ],
)
def test_the_check_digit_is_that_of_the_standard(digits, expected):
    assert check_digit(digits) == expected


def test_a_study_number_reads_trial_site_sequence_check():
    assert study_number("DEMO", 1, 42) == "DEMO-01-000042-7"
    assert study_number("OPSCAN2022AB", 99, 999_999).startswith("OPSCAN2022AB-99-999999-")
    assert len(study_number("OPSCAN2022AB", 99, 999_999)) == 24


@given(site=sites, sequence=sequences)
def test_every_number_we_make_checks(site, sequence):
    assert check(study_number("DEMO", site, sequence))


@given(site=sites, sequence=sequences, place=st.integers(0, 8), other=st.integers(0, 9))
def test_every_single_wrong_digit_is_found(site, sequence, place, other):
    number = study_number("DEMO", site, sequence)
    at = [i for i, c in enumerate(number) if c.isdigit()][place]
    if number[at] != str(other):
        assert not check(number[:at] + str(other) + number[at + 1 :])


def test_all_but_one_in_fifty_swaps_of_neighbors_are_found():
    found = missed = 0
    for sequence in range(1, 20_000):
        number = study_number("DEMO", 1, sequence)
        digits = number[5:].replace("-", "")
        for i, (a, b) in enumerate(pairwise(digits)):
            if a != b:
                swapped = digits[:i] + b + a + digits[i + 2 :]
                ok = check_digit(swapped[:8]) == swapped[8]
                missed, found = missed + ok, found + (not ok)
    assert 0.97 < found / (found + missed) < 1


@pytest.mark.parametrize(
    "text", ["", "DEMO-01-000042", "DEMO-01-000042-8", "DEMO-1-42-7", "demo-01-000042-7", "DEMO-01-000042-7 "]
)
def test_anything_else_does_not_check(text):
    assert not check(text)


@pytest.mark.parametrize(
    ("trial_code", "site", "sequence", "said"),
    [
        ("demo", 1, 1, "use 2 to 12 capital letters and digits"),
        ("D", 1, 1, "use 2 to 12 capital letters"),
        ("DEMO", 0, 1, "Site number 0"),
        ("DEMO", 100, 1, "room for 1 to 99"),
        ("DEMO", 1, 0, "Sequence 0"),
        ("DEMO", 1, 1_000_000, "room for 1 to 999999"),
    ],
)
def test_what_has_no_room_is_refused(trial_code, site, sequence, said):
    with pytest.raises(ValueError, match=said):
        study_number(trial_code, site, sequence)
