"""The records of the replay: reconstructed from published counts, never patient data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

Group = Literal["low_risk", "screening", "control"]
Route = Literal["trial", "physician"]
Bone = Literal["normal", "osteopenia", "osteoporosis"]

INDEX_DATE = date(2023, 1, 1)
RANDOMIZED_ON = date(2023, 1, 16)
WINDOW_DAYS = 180  # day 180 is inside
FOLLOW_UP_END = date(2023, 12, 31)


class Measurement(NamedTuple):
    """The T-score of one site of measurement."""

    site: str
    t_score: float


class Exam(NamedTuple):
    """One DXA examination; `bone` is the class of its lowest T-score."""

    on: date
    route: Route
    bone: Bone
    measurements: tuple[Measurement, ...]
    osteoporosis_lumbar_spine: bool
    osteoporosis_hip: bool


class Treatment(NamedTuple):
    """An anti-osteoporotic drug begun, by class."""

    drug_class: str
    started_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPerson:
    """One reconstructed person. `conditions` holds yes/no facts by the names of the codebook."""

    number: int
    sex: Literal["female", "male"]
    birth_date: date
    age: int
    group: Group
    films_counted: int
    films_positive: int
    bmi: float | None
    conditions: Mapping[str, bool]
    postmenopausal: bool
    exams: tuple[Exam, ...]
    diagnosed_on: date | None
    treatments: tuple[Treatment, ...]
