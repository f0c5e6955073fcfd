"""Invented rows for stories."""

from itertools import count

from analysis.subjects import SubjectRow

_numbers = count(1)


def person(**facts) -> SubjectRow:
    """Return an eligible woman of 70 at high risk, changed by the facts given."""
    row = SubjectRow(
        study_number=f"T01-{next(_numbers):06d}", site="North", sex="female", age=70, eligible=True,
        risk_class="high", films_counted=1, films_positive=1, iscd_age_sex=True,
    )  # fmt: skip
    return row._replace(**facts)


def people(number: int, **facts) -> list[SubjectRow]:
    """Return several people who share the facts given."""
    return [person(**facts) for _ in range(number)]
