"""Who should have a DXA scan anyway, by the ISCD adult official positions of 2019.

``iscd_age_sex`` is age and sex alone, the published subgroup (Figure 4A: women of 65, men of 70 and over);
``iscd_indication`` adds the risk factors. Both answer None when what is known does not settle it.
"""

from dataclasses import dataclass, fields
from enum import StrEnum

from screening.densitometry import MenopausalStatus

WOMEN_FROM_AGE = 65
MEN_FROM_AGE = 70


class IndicationCode(StrEnum):
    """Why a scan is indicated."""

    AGE_AND_SEX = "age_and_sex"
    FRAGILITY_FRACTURE = "fragility_fracture"
    BONE_LOSS_DISEASE = "bone_loss_disease"
    BONE_LOSS_DRUG = "bone_loss_drug"
    CONSIDERED_FOR_TREATMENT = "considered_for_treatment"
    BEING_TREATED = "being_treated"
    LOW_BODY_WEIGHT = "low_body_weight"


@dataclass(frozen=True, kw_only=True)
class RiskFactors:
    """What is known beside age and sex; None is not known. The ISCD gives no number for low body weight.

    The first five indicate a scan in any adult; low body weight only in women in the menopausal transition
    or after it and in men.
    """

    fragility_fracture: bool | None = None
    bone_loss_disease: bool | None = None
    bone_loss_drug: bool | None = None
    considered_for_treatment: bool | None = None
    being_treated: bool | None = None
    low_body_weight: bool | None = None


@dataclass(frozen=True)
class Indication:
    """Whether a scan is indicated (None: not settled by what is known) and by what."""

    met: bool | None
    reasons: tuple[IndicationCode, ...]


def iscd_age_sex(sex: str | None, age: int | None) -> bool | None:
    """Say whether age and sex alone indicate a scan; ``sex`` "female" or "male", ``age`` in whole years."""
    if age is None or sex not in ("female", "male"):
        return None
    return age >= (WOMEN_FROM_AGE if sex == "female" else MEN_FROM_AGE)


def iscd_indication(
    sex: str | None, age: int | None, menopause: MenopausalStatus | None, factors: RiskFactors
) -> Indication:
    """Say whether a scan is indicated by age, sex or any risk factor, with every reason that is known."""
    by_age = iscd_age_sex(sex, age)
    answers = {IndicationCode.AGE_AND_SEX: by_age}
    for field in fields(factors):
        answers[IndicationCode(field.name)] = getattr(factors, field.name)
    answers[IndicationCode.LOW_BODY_WEIGHT] = _low_weight_counts(sex, menopause, factors.low_body_weight)
    reasons = tuple(code for code, answer in answers.items() if answer)
    settled = bool(reasons) or None not in answers.values()
    return Indication(bool(reasons) if settled else None, reasons)


def _low_weight_counts(
    sex: str | None, menopause: MenopausalStatus | None, low_weight: bool | None
) -> bool | None:
    if menopause == MenopausalStatus.PREMENOPAUSAL or low_weight is False:
        return False
    return low_weight if menopause or sex == "male" else None
