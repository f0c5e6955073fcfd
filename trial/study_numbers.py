"""Study numbers such as DEMO-01-000042-7: trial code, site, place in the site, check digit.

The check digit is ISO 7064 MOD 11,10 over the eight digits of site and sequence, "01000042". The trial code
is left out: it is the same on every sheet of a trial, and MOD 11,10 knows digits only. Every single wrong
digit is found, and all but about one in fifty swaps of neighbors.
"""

import re

FORM = re.compile(r"([A-Z][A-Z0-9]{1,11})-(\d{2})-(\d{6})-(\d)")


def study_number(trial_code: str, site_number: int, sequence: int) -> str:
    """Return the study number of a participant; site 1 to 99, sequence 1 to 999,999."""
    if not re.fullmatch(r"[A-Z][A-Z0-9]{1,11}", trial_code):
        raise ValueError(
            f"Trial code {trial_code!r}: use 2 to 12 capital letters and digits, a letter first."
        )
    if not 1 <= site_number <= 99:
        raise ValueError(f"Site number {site_number}: a study number has room for 1 to 99.")
    if not 1 <= sequence <= 999_999:
        raise ValueError(f"Sequence {sequence}: a study number has room for 1 to 999999 at a site.")
    digits = f"{site_number:02}{sequence:06}"
    return f"{trial_code}-{digits[:2]}-{digits[2:]}-{check_digit(digits)}"


def check(number: str) -> bool:
    """Say whether a text is a study number with the right check digit."""
    found = FORM.fullmatch(number)
    return found is not None and check_digit(found[2] + found[3]) == found[4]


def check_digit(digits: str) -> str:
    """Return the ISO 7064 MOD 11,10 check digit of a string of digits ("0794" has "5")."""
    product = 10
    for digit in digits:
        product = ((product + int(digit)) % 10 or 10) * 2 % 11
    return str((11 - product) % 10)
