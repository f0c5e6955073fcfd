"""WHO classes at their limits, for the people they are meant for, and the checks of what was typed."""

from decimal import Decimal

import pytest

from screening.densitometry import (
    BoneClass,
    Check,
    Level,
    Measurement,
    MeasurementSite,
    MenopausalStatus,
    check_bmd,
    check_sites,
    check_t_score,
    check_z_score,
    classify,
    counting,
    lowest_of,
    parse_score,
    vertebrae_used,
    who_class,
    why_no_class,
)

SPINE, NECK, TOTAL = MeasurementSite.LUMBAR_SPINE, MeasurementSite.FEMORAL_NECK, MeasurementSite.TOTAL_HIP
HIP, RADIUS = MeasurementSite.HIP_UNSPECIFIED, MeasurementSite.RADIUS_33
NOT_STATED = MeasurementSite.NOT_STATED
POST = MenopausalStatus.POSTMENOPAUSAL


def at(site, t_score, vertebrae=""):
    return Measurement(site, t_score=Decimal(t_score), vertebrae=vertebrae)


def woman(*measurements, age=70, menopause=POST):
    return who_class(measurements, sex="female", age=age, menopause=menopause)


@pytest.mark.parametrize(
    ("t_score", "expected"),
    [
        ("-8.0", "osteoporosis"),
        ("-2.6", "osteoporosis"),
        ("-2.5", "osteoporosis"),
        ("-2.4", "osteopenia"),
        ("-1.1", "osteopenia"),
        ("-1.0", "normal"),
        ("0.0", "normal"),
        ("6.0", "normal"),
    ],
)
def test_the_limits_of_the_who(t_score, expected):
    assert classify(Decimal(t_score)) == expected
    assert woman(at(SPINE, t_score)).bone_class == expected


def test_the_lowest_site_decides_and_is_named():
    found = woman(at(SPINE, "-1.2"), at(NECK, "-2.8"), at(TOTAL, "-2.0"))
    assert (found.bone_class, found.site, found.t_score) == (BoneClass.OSTEOPOROSIS, NECK, Decimal("-2.8"))
    assert found.reason == "Lowest T-score -2.8 (femoral neck): osteoporosis."


@pytest.mark.parametrize(
    ("sex", "age", "menopause", "applies"),
    [
        ("male", 50, None, True),
        ("male", 49, None, False),
        ("male", None, None, False),
        ("female", 70, "postmenopausal", True),
        ("female", 41, "postmenopausal", True),
        ("female", 47, "transition", True),
        ("female", 47, "premenopausal", False),
        ("female", 60, "premenopausal", False),
        ("female", 55, None, True),
        ("female", 55, "", True),
        ("female", 54, None, False),
        ("female", None, None, False),
        ("female", None, "postmenopausal", True),
        (None, 70, "postmenopausal", False),
    ],
)
def test_classes_are_for_women_from_the_transition_on_and_men_of_fifty(sex, age, menopause, applies):
    assert (why_no_class(sex=sex, age=age, menopause=menopause) == "") is applies
    found = who_class([at(SPINE, "-3.0")], sex=sex, age=age, menopause=menopause)
    assert found.bone_class == ("osteoporosis" if applies else None)


def test_a_man_of_49_is_told_why_and_what_instead():
    found = who_class([at(SPINE, "-3.0")], sex="male", age=49, menopause=None)
    assert found.reason == "Man of 49: classes are for men of 50 and over. Use the Z-score."
    assert (found.site, found.t_score) == (None, None)


@pytest.mark.parametrize(
    ("vertebrae", "expected"),
    [("L1-L4", "osteoporosis"), ("L1, L3", "osteoporosis"), ("", "osteoporosis"), ("L2", None)],
)
def test_a_spine_counts_from_two_vertebrae_on(vertebrae, expected):
    assert woman(at(SPINE, "-3.1", vertebrae)).bone_class == expected


def test_a_spine_of_one_vertebra_leaves_the_decision_to_the_hip():
    assert woman(at(SPINE, "-3.1", "L4"), at(TOTAL, "-1.5")).bone_class == "osteopenia"


def test_the_radius_counts_only_where_spine_and_hip_can_not():
    assert woman(at(RADIUS, "-3.0")).bone_class == "osteoporosis"
    assert woman(at(RADIUS, "-3.0"), at(TOTAL, "-0.5")).bone_class == "normal"
    assert woman(at(RADIUS, "-3.0"), at(SPINE, "-0.5", "L3")).bone_class == "osteoporosis"


@pytest.mark.parametrize("site", [HIP, NOT_STATED])
def test_usual_care_that_says_less_still_counts(site):
    assert woman(at(site, "-2.5")).bone_class == "osteoporosis"


def test_without_a_t_score_there_is_no_class():
    found = woman(Measurement(SPINE, z_score=Decimal("-1.0"), bmd=Decimal("0.8")))
    assert (found.bone_class, found.reason) == (None, "No T-score of a site that counts.")
    assert woman().bone_class is None


def test_the_lowest_of_some_sites_only():
    measured = [at(SPINE, "-3.0"), at(NECK, "-1.0"), at(TOTAL, "-2.0")]
    assert lowest_of(measured, (NECK, TOTAL)) == measured[2]
    assert lowest_of(measured, (RADIUS,)) is None
    assert counting([Measurement(SPINE)]) == []


@pytest.mark.parametrize(
    ("text", "used"),
    [
        ("L1-L4", ("L1", "L2", "L3", "L4")),
        ("l1-4", ("L1", "L2", "L3", "L4")),
        ("L1, L3, L4", ("L1", "L3", "L4")),
        ("L2 L3", ("L2", "L3")),
        ("L1 - L2", ("L1", "L2")),
        ("L3", ("L3",)),
        ("", ()),
    ],
)
def test_how_vertebrae_are_written(text, used):
    assert vertebrae_used(text) == used


@pytest.mark.parametrize("text", ["L5", "T12-L4", "all", "L1-L4-L2"])
def test_what_is_no_lumbar_vertebra(text):
    with pytest.raises(ValueError, match="list the lumbar vertebrae used, such as L1-L4"):
        vertebrae_used(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("-2.8", "-2.8"),
        ("－２．８", "-2.8"),
        ("−2.8", "-2.8"),
        ("–2,8", "-2.8"),
        (" - 2.8 ", "-2.8"),
        ("+1", "1"),
    ],
)
def test_scores_are_read_as_people_type_them(text, number):
    assert parse_score(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "low", "2.8.1", "NaN", "Infinity", "-"])
def test_what_is_no_number(text):
    with pytest.raises(ValueError, match="is not a number"):
        parse_score(text)


@pytest.mark.parametrize(
    ("value", "check"),
    [
        ("-2.8", Check(Level.OK)),
        ("-8.0", Check(Level.OK)),
        ("0.3", Check(Level.OK)),
        ("1.0", Check(Level.OK)),
        ("1.1", Check(Level.ASK, "1.1 is positive; most are negative. Write -1.1, or confirm 1.1.")),
        ("2.8", Check(Level.ASK, "2.8 is positive; most are negative. Write -2.8, or confirm 2.8.")),
        ("6.0", Check(Level.ASK, "6.0 is positive; most are negative. Write -6.0, or confirm 6.0.")),
        ("-80", Check(Level.REFUSED, "-80: T-scores lie between -8.0 and 6.0. Did you mean -8.0?")),
        ("-28", Check(Level.REFUSED, "-28: T-scores lie between -8.0 and 6.0. Did you mean -2.8?")),
        ("28", Check(Level.REFUSED, "28: T-scores lie between -8.0 and 6.0. Did you mean -2.8?")),
        ("-8.1", Check(Level.REFUSED, "-8.1: T-scores lie between -8.0 and 6.0. Read the report again.")),
        ("6.1", Check(Level.REFUSED, "6.1: T-scores lie between -8.0 and 6.0. Read the report again.")),
        ("-280", Check(Level.REFUSED, "-280: T-scores lie between -8.0 and 6.0. Read the report again.")),
        ("-2.85", Check(Level.REFUSED, "-2.85: T-scores have one decimal. Copy it as the report prints it.")),
    ],
)
def test_t_scores_are_taken_asked_about_or_refused(value, check):
    assert check_t_score(Decimal(value)) == check


def test_z_scores_have_the_same_limits_and_either_sign():
    assert check_z_score(Decimal("2.8")).level is Level.OK
    assert check_z_score(Decimal("-28")).message == (
        "-28: Z-scores lie between -8.0 and 6.0. Did you mean -2.8?"
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0.2", ""),
        ("0.812", ""),
        ("2.5", ""),
        ("812", "812: BMD lies between 0.2 and 2.5 g/cm². Did you mean 0.812?"),
        ("200", "200: BMD lies between 0.2 and 2.5 g/cm². Did you mean 0.2?"),
        ("2500", "2500: BMD lies between 0.2 and 2.5 g/cm². Did you mean 2.5?"),
        ("0.19", "0.19: BMD lies between 0.2 and 2.5 g/cm². Read the report again."),
        ("2.51", "2.51: BMD lies between 0.2 and 2.5 g/cm². Read the report again."),
    ],
)
def test_bone_mineral_density_has_its_limits(value, message):
    found = check_bmd(Decimal(value))
    assert (found.level, found.message) == (Level.REFUSED if message else Level.OK, message)


def test_sites_that_differ_much_are_asked_about():
    found = check_sites([at(SPINE, "1.2"), at(TOTAL, "-4.9")])
    assert found.level is Level.ASK
    assert found.message == (
        "Total hip -4.9 and lumbar spine 1.2 differ by 6.1, more than 3.0. Read both again, or confirm them."
    )
    assert check_sites([at(SPINE, "1.0"), at(TOTAL, "-2.0"), Measurement(NECK)]).level is Level.OK
    assert check_sites([]).level is Level.OK


def test_every_site_has_its_words():
    assert [site.words for site in MeasurementSite][-1] == "site not stated"
