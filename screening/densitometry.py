"""From DXA measurements to normal, osteopenia or osteoporosis, and checks of what was typed.

Sources: WHO 1994 (T-score of -2.5 or lower, osteoporosis; between -2.5 and -1.0, osteopenia; -1.0 or higher,
normal) and the ISCD adult official positions of 2019: the lowest T-score of lumbar spine (two vertebrae or
more), total hip and femoral neck, the 33 % radius where neither spine nor hip can be used; classes for women
in the menopausal transition or after it and for men of 50 and over, Z-scores for everybody else.

Ours, because usual care reports less than a trial: an unspecified hip counts as hip; a T-score whose site is
not stated counts for the class but for neither spine nor hip; vertebrae not listed are taken as enough; a
woman of 55 or over whose menopausal status was not recorded is taken to be past menopause. Refusing these
would lose diagnoses of the control arm only, where no trial form asks for them.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum

OSTEOPOROSIS_AT = Decimal("-2.5")
NORMAL_FROM = Decimal("-1.0")
BELOW_EXPECTED_AT = Decimal("-2.0")  # Z-score, ISCD 2019
MEN_FROM_AGE = 50
PAST_MENOPAUSE_FROM_AGE = 55
SCORE_LIMITS = (Decimal("-8.0"), Decimal("6.0"))
BMD_LIMITS = (Decimal("0.2"), Decimal("2.5"))  # g/cm²
SITES_DIFFER_BY = Decimal("3.0")


class BoneClass(StrEnum):
    """WHO class of bone density."""

    NORMAL = "normal"
    OSTEOPENIA = "osteopenia"
    OSTEOPOROSIS = "osteoporosis"


class MeasurementSite(StrEnum):
    """Where bone density was measured."""

    LUMBAR_SPINE = "lumbar_spine"
    FEMORAL_NECK = "femoral_neck"
    TOTAL_HIP = "total_hip"
    HIP_UNSPECIFIED = "hip_unspecified"
    RADIUS_33 = "radius_33"
    NOT_STATED = "not_stated"

    @property
    def words(self) -> str:
        """Return the site as people say it."""
        return _SITE_WORDS[self]


class MenopausalStatus(StrEnum):
    """A woman's menopausal status at the exam."""

    PREMENOPAUSAL = "premenopausal"
    TRANSITION = "transition"
    POSTMENOPAUSAL = "postmenopausal"


class Level(StrEnum):
    """What to do with a value: save it, ask first, or refuse it."""

    OK = "ok"
    ASK = "ask"
    REFUSED = "refused"


_SITE_WORDS = {
    MeasurementSite.LUMBAR_SPINE: "lumbar spine",
    MeasurementSite.FEMORAL_NECK: "femoral neck",
    MeasurementSite.TOTAL_HIP: "total hip",
    MeasurementSite.HIP_UNSPECIFIED: "hip",
    MeasurementSite.RADIUS_33: "33 % radius",
    MeasurementSite.NOT_STATED: "site not stated",
}
HIP = (MeasurementSite.FEMORAL_NECK, MeasurementSite.TOTAL_HIP, MeasurementSite.HIP_UNSPECIFIED)
SPINE = (MeasurementSite.LUMBAR_SPINE,)
CENTRAL = (*SPINE, *HIP, MeasurementSite.NOT_STATED)


@dataclass(frozen=True)
class Measurement:
    """One site of one exam: T- and Z-score in standard deviations, BMD in g/cm², vertebrae as "L1-L4"."""

    site: MeasurementSite
    t_score: Decimal | None = None
    z_score: Decimal | None = None
    bmd: Decimal | None = None
    vertebrae: str = ""


@dataclass(frozen=True)
class WhoClass:
    """A class with the measurement it rests on, or None with the reason why there is none."""

    bone_class: BoneClass | None
    reason: str
    site: MeasurementSite | None = None
    t_score: Decimal | None = None


@dataclass(frozen=True)
class Check:
    """What to do with a value and what to say about it."""

    level: Level
    message: str = ""


FINE = Check(Level.OK)


def classify(t_score: Decimal) -> BoneClass:
    """Return the WHO class of a T-score; both limits belong to the side the WHO gives them."""
    if t_score <= OSTEOPOROSIS_AT:
        return BoneClass.OSTEOPOROSIS
    return BoneClass.OSTEOPENIA if t_score < NORMAL_FROM else BoneClass.NORMAL


def who_class(
    measurements: Iterable[Measurement],
    *,
    sex: str | None,
    age: int | None,
    menopause: MenopausalStatus | None,
) -> WhoClass:
    """Return the class of an exam by its lowest counting T-score.

    ``sex`` is "female" or "male", ``age`` in completed years at the exam (the lowest it can be).
    """
    if reason := why_no_class(sex=sex, age=age, menopause=menopause):
        return WhoClass(None, reason)
    lowest = lowest_of(counting(measurements))
    if lowest is None or lowest.t_score is None:
        return WhoClass(None, "No T-score of a site that counts.")
    bone_class = classify(lowest.t_score)
    said = f"Lowest T-score {lowest.t_score} ({lowest.site.words}): {bone_class}."
    return WhoClass(bone_class, said, lowest.site, lowest.t_score)


def in_words(
    measurements: Sequence[Measurement],
    *,
    sex: str | None,
    age: int | None,
    menopause: MenopausalStatus | None,
) -> str:
    """Return the class with its reason, or why there is none and the Z-score to be used instead (ISCD)."""
    found = who_class(measurements, sex=sex, age=age, menopause=menopause)
    if found.bone_class:
        return found.reason
    z_scores = [(m.z_score, m.site) for m in measurements if m.z_score is not None]
    if not z_scores:
        return found.reason
    z_score, site = min(z_scores)
    word = "below" if z_score <= BELOW_EXPECTED_AT else "within"
    return f"{found.reason} Lowest Z-score {z_score} ({site.words}): {word} the expected range for age."


def why_no_class(*, sex: str | None, age: int | None, menopause: MenopausalStatus | None) -> str:
    """Return why T-score classes are not for this person, or an empty text when they are."""
    if sex == "male":
        if age is None:
            return "Man of unknown age: T-score classes are for men of 50 and over. Add the birth date."
        return (
            ""
            if age >= MEN_FROM_AGE
            else f"Man of {age}: classes are for men of 50 and over. Use the Z-score."
        )
    if sex != "female":
        return "Sex is not known: T-score classes depend on it. Add it."
    if menopause == MenopausalStatus.PREMENOPAUSAL:
        return "Woman before menopause: T-score classes are for the transition and after. Use the Z-score."
    if not menopause and (age is None or age < PAST_MENOPAUSE_FROM_AGE):
        return "Menopausal status is not recorded: T-score classes depend on it. Add it, or use the Z-score."
    return ""


def counting(measurements: Iterable[Measurement]) -> list[Measurement]:
    """Keep the measurements a diagnosis may rest on; the radius only when neither spine nor hip can."""
    scored = [m for m in measurements if m.t_score is not None and _enough_vertebrae(m)]
    central = [m for m in scored if m.site in CENTRAL]
    return central or [m for m in scored if m.site == MeasurementSite.RADIUS_33]


def lowest_of(
    measurements: Iterable[Measurement], sites: Collection[MeasurementSite] = tuple(MeasurementSite)
) -> Measurement | None:
    """Return the measurement with the lowest T-score among these sites; None when there is none."""
    scored = [
        (m.t_score, i, m) for i, m in enumerate(measurements) if m.site in sites and m.t_score is not None
    ]
    return min(scored)[2] if scored else None


def vertebrae_used(text: str) -> tuple[str, ...]:
    """Read "L1-L4" or "L1, L3, L4" as vertebrae from L1 to L4, top first; empty text is none listed."""
    used: set[int] = set()
    for part in re.split(r"[,;+ ]+", text.upper().replace(" - ", "-").strip()):
        found = re.fullmatch(r"L?([1-4])(?:-L?([1-4]))?", part)
        if part and not found:
            raise ValueError(f"{text!r}: list the lumbar vertebrae used, such as L1-L4 or L1, L3, L4.")
        if found:
            used |= set(range(int(found[1]), int(found[2] or found[1]) + 1))
    return tuple(f"L{number}" for number in sorted(used))


def parse_score(text: str) -> Decimal:
    """Read a T- or Z-score or a BMD as people type it: full-width digits, any minus sign, comma or point."""
    plain = unicodedata.normalize("NFKC", text).strip().translate(_MINUSES)
    try:
        number = Decimal(re.sub(r"^([+-])\s+", r"\1", plain).replace(",", "."))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise ValueError(f"{text!r} is not a number. Write it like -2.8.")
    return number


def check_t_score(value: Decimal) -> Check:
    """Refuse a T-score outside -8.0 to 6.0; ask when a lost minus sign would change the class."""
    refused = _refused("T-score", value)
    if refused is None and value > 0 and classify(-value) is not classify(value):
        return Check(
            Level.ASK, f"{value} is positive; most are negative. Write -{value}, or confirm {value}."
        )
    return refused or FINE


def check_z_score(value: Decimal) -> Check:
    """Refuse a Z-score outside -8.0 to 6.0; either sign is common."""
    return _refused("Z-score", value) or FINE


def check_bmd(value: Decimal) -> Check:
    """Refuse a bone mineral density outside 0.2 to 2.5 g/cm²."""
    low, high = BMD_LIMITS
    if low <= value <= high:
        return FINE
    thousandth = value / 1000
    hint = (
        f"Did you mean {thousandth.normalize()}?" if low <= thousandth <= high else "Read the report again."
    )
    return Check(Level.REFUSED, f"{value}: BMD lies between {low} and {high} g/cm². {hint}")


def check_sites(measurements: Sequence[Measurement]) -> Check:
    """Ask when two sites of one exam differ by more than 3.0 in T-score."""
    lowest = lowest_of(measurements)
    highest = max((m for m in measurements if m.t_score is not None), key=_score, default=None)
    if lowest is None or highest is None or _score(highest) - _score(lowest) <= SITES_DIFFER_BY:
        return FINE
    gap = _score(highest) - _score(lowest)
    said = (
        f"{lowest.site.words.capitalize()} {lowest.t_score} and {highest.site.words} {highest.t_score} "
        f"differ by {gap}, more than {SITES_DIFFER_BY}. Read both again, or confirm them."
    )
    return Check(Level.ASK, said)


_MINUSES = str.maketrans(dict.fromkeys("−–—‐‑‒﹣", "-"))


def _refused(name: str, value: Decimal) -> Check | None:
    low, high = SCORE_LIMITS
    if not low <= value <= high:
        return Check(Level.REFUSED, f"{value}: {name}s lie between {low} and {high}. {_meant(value)}")
    if value != round(value, 1):
        return Check(Level.REFUSED, f"{value}: {name}s have one decimal. Copy it as the report prints it.")
    return None


def _meant(value: Decimal) -> str:
    """Guess the value behind a lost decimal point: bones are mostly below the mean."""
    if value == value.to_integral_value() and SCORE_LIMITS[0] <= -abs(value) / 10:
        return f"Did you mean {(-abs(value) / 10).quantize(Decimal('0.1'))}?"
    return "Read the report again."


def _enough_vertebrae(measurement: Measurement) -> bool:
    if measurement.site != MeasurementSite.LUMBAR_SPINE or not measurement.vertebrae:
        return True
    return len(vertebrae_used(measurement.vertebrae)) >= 2


def _score(measurement: Measurement) -> Decimal:
    return measurement.t_score if measurement.t_score is not None else Decimal("NaN")
