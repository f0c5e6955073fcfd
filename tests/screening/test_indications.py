"""ISCD 2019: age and sex alone, and with risk factors."""

import pytest

from screening.densitometry import MenopausalStatus
from screening.indications import RiskFactors, iscd_age_sex, iscd_indication

POST, PRE = MenopausalStatus.POSTMENOPAUSAL, MenopausalStatus.PREMENOPAUSAL
FACTORS = (
    "fragility_fracture",
    "bone_loss_disease",
    "bone_loss_drug",
    "considered_for_treatment",
    "being_treated",
    "low_body_weight",
)
NONE = RiskFactors(**dict.fromkeys(FACTORS, False))


def only(factor):
    return RiskFactors(**{name: name == factor for name in FACTORS})


@pytest.mark.parametrize(
    ("sex", "age", "expected"),
    [
        ("female", 64, False),
        ("female", 65, True),
        ("male", 65, False),
        ("male", 69, False),
        ("male", 70, True),
        (None, 80, None),
        ("female", None, None),
    ],
)
def test_women_from_65_and_men_from_70(sex, age, expected):
    assert iscd_age_sex(sex, age) is expected


def test_age_alone_is_enough():
    found = iscd_indication("female", 65, None, RiskFactors())
    assert (found.met, found.reasons) == (True, ("age_and_sex",))


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize(("sex", "menopause"), [("female", POST), ("male", None)])
def test_any_risk_factor_is_enough_before_that_age(sex, menopause, factor):
    found = iscd_indication(sex, 55, menopause, only(factor))
    assert (found.met, found.reasons) == (True, (factor,))


def test_low_weight_does_not_count_before_menopause_and_a_fracture_does():
    assert iscd_indication("female", 42, PRE, only("low_body_weight")).met is False
    assert iscd_indication("female", 42, PRE, only("fragility_fracture")).met is True


def test_nothing_found_means_no_and_nothing_known_means_unknown():
    assert iscd_indication("male", 60, None, NONE).met is False
    assert iscd_indication("male", 60, None, RiskFactors()).met is None
    assert iscd_indication("female", 60, None, only("low_body_weight")).met is None
    assert iscd_indication(None, 60, None, NONE).met is None
