"""Fill in what no count says: birth dates, dates of exams and drugs, T-scores. Invented, always the same."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from hashlib import sha256

from config.opscan_replay.counts import HIP, SPINE, Kind, Sex
from config.opscan_replay.people import (
    INDEX_DATE,
    RANDOMIZED_ON,
    WINDOW_DAYS,
    Bone,
    Exam,
    Measurement,
    Treatment,
)

AGES = {
    "<65": (40, 64),
    "65-74": (65, 74),
    "65-69": (65, 69),
    "70-74": (70, 74),
    "≥75": (75, 101),
    None: (40, 89),
}
# The class by T-score is given to women after menopause and men of 50 and over only (WHO, ISCD 2019).
YOUNGEST_WITH_CLASS = 50
BMI = {"<18.5": (155, 184), "18.5-23.9": (185, 239), "≥24": (240, 345)}
# Open-ended groups thin out towards their end: the highest or the lowest of several draws counts.
DRAWS: dict[str | None, tuple[int, Callable[[Iterable[int]], int]]] = {
    "<65": (3, max),
    "≥75": (2, min),
    "≥24": (2, min),
}
# Tenths of a T-score (WHO: osteoporosis at -2.5 and below, osteopenia between -2.5 and -1).
T_SCORES = {"osteoporosis": (-38, -25), "osteopenia": (-24, -11), "normal": (-10, 12)}
SITES = {SPINE: ("lumbar_spine",), HIP: ("femoral_neck", "total_hip")}


def pick(key: str, low: int, high: int) -> int:
    """Choose a whole number from low to high, both inside, always the same for a key."""
    return low + int.from_bytes(sha256(key.encode()).digest()[:8], "big") % (high - low + 1)


def sex(key: str) -> Sex:
    """Choose a sex, each as often as the other."""
    return "female" if pick(f"{key} sex", 0, 1) else "male"


def _within(group: str | None, key: str, low: int, high: int) -> int:
    draws, best = DRAWS.get(group, (1, max))
    return best(pick(f"{key} {draw}", low, high) for draw in range(draws))


def age(key: str, kind: Kind) -> int:
    """Choose an age at the index date within the person's band."""
    low, high = AGES[kind.band]
    return _within(kind.band, f"{key} age", max(low, YOUNGEST_WITH_CLASS) if kind.route else low, high)


def birth_date(key: str, years: int) -> date:
    """Choose a birthday that makes the person so old on the index date, 1 January."""
    born = date(INDEX_DATE.year - 1 - years, 1, 2)
    return born + timedelta(days=pick(f"{key} birthday", 0, 363))


def bmi(key: str, group: str) -> float:
    """Choose a body mass index within its group, in kg/m²."""
    return _within(group, f"{key} bmi", *BMI[group]) / 10


def exam(key: str, kind: Kind) -> Exam | None:
    """Make the examination: the trial's within its window, a physician's within the year."""
    if kind.route is None or kind.result is None:
        return None
    days = pick(f"{key} exam", 7, WINDOW_DAYS if kind.route == "trial" else 300)
    thin = kind.result.thin
    return Exam(
        RANDOMIZED_ON + timedelta(days=days),
        kind.route,
        kind.result.bone,
        tuple(_measurements(key, kind)),
        SPINE in thin,
        HIP in thin,
    )


def _measurements(key: str, kind: Kind) -> Iterator[Measurement]:
    """Give each site measured a T-score of its class; a hip is thin by its neck."""
    assert kind.result
    for part in kind.result.measured:
        for site in SITES[part]:
            yield _measured(key, site, _class_at(kind, part) if site != "total_hip" else _milder(kind))
    if not kind.result.measured:
        yield _measured(key, "not_stated", kind.result.bone)


def _class_at(kind: Kind, part: str) -> Bone:
    assert kind.result
    return "osteoporosis" if part in kind.result.thin else _milder(kind)


def _milder(kind: Kind) -> Bone:
    assert kind.result
    return "osteopenia" if kind.result.bone == "osteoporosis" else kind.result.bone


def _measured(key: str, site: str, bone: Bone) -> Measurement:
    return Measurement(site, pick(f"{key} {site}", *T_SCORES[bone]) / 10)


def diagnosis(found: Exam | None) -> date | None:
    """Diagnose osteoporosis a week after the examination that showed it."""
    return found.on + timedelta(days=7) if found and found.bone == "osteoporosis" else None


def treatments(key: str, drugs: Sequence[str], examined_on: date | None) -> tuple[Treatment, ...]:
    """Begin the drugs some weeks after the examination, or within the year without one."""
    first = examined_on or RANDOMIZED_ON
    latest = 40 if examined_on else 300
    return tuple(Treatment(drug, first + timedelta(days=pick(f"{key} {drug}", 14, latest))) for drug in drugs)


def low_risk_films(key: str) -> tuple[int, int]:
    """Choose films of which not more than 66 % are positive."""
    counted = pick(f"{key} films", 1, 4)
    return counted, pick(f"{key} positive", 0, 66 * counted // 100)
