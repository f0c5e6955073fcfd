"""A protocol is read whole, refused whole, and named by its checksum."""

import copy
import json
from datetime import date, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trial.allocation_rules import Method
from trial.protocol import Protocol, ProtocolError, template, template_names
from trial.roles import Role


@pytest.fixture
def opscan():
    return template("opscan")


@pytest.fixture
def values(opscan):
    return opscan.to_dict()


def changed(values, path, value):
    """Return a copy of plain values with one dotted path changed."""
    copied = copy.deepcopy(values)
    *parts, name = path.split(".")
    inside = copied
    for part in parts:
        inside = inside[part]
    inside[name] = value
    return copied


def problems(values):
    with pytest.raises(ProtocolError) as refusal:
        Protocol.from_dict(values)
    return {problem.path: str(problem) for problem in refusal.value.problems}


def test_the_template_says_what_the_sources_say(opscan):
    assert "opscan" in template_names()
    assert opscan.registry_id == "NCT05721157"
    assert (opscan.film_window.first, opscan.film_window.last) == (date(2022, 1, 1), date(2022, 12, 31))
    assert opscan.alive_on == date(2023, 1, 1)
    assert opscan.minimum_age == 40
    assert (opscan.high_risk.percent, opscan.high_risk.operator) == (66, ">")
    assert opscan.exclusions == (
        "earlier_dxa",
        "osteoporosis",
        "osteoporotic_fracture",
        "anti_osteoporotic_drug",
    )
    assert opscan.allowed_drugs == ("vitamin_d", "calcium")
    assert opscan.allocation.method is Method.RANDOM_ALLOCATION_RULE
    assert opscan.allocation.arms == (("screening", 1), ("control", 1))
    assert opscan.allocation.strata == ()
    assert opscan.consent.policy == "single_consent_zelen"
    assert opscan.referral_window_days == 180
    assert (opscan.contact.hours_from, opscan.contact.hours_to) == (time(9), time(20))


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        ("views", "ours"),
        ("score.threshold", "ours"),
        ("contact.max_attempts", "ours"),
        ("contact.hours_from", "ours"),
        ("contact.hours_to", "ours"),
        ("follow_up_end", "ours"),
        ("index_date", "ours"),
        ("consent.waiver_reference", "ours"),
        ("allocation.method", "inferred"),
        ("allocation.strata", "inferred"),
        ("high_risk.percent", "registry"),
        ("minimum_age", "registry"),
        ("exclusions", "registry"),
    ],
)
def test_the_template_says_who_gave_each_value(opscan, path, origin):
    assert opscan.provenance[path].source == origin


def test_the_template_is_a_draft_that_approval_refuses(opscan):
    open_paths = [problem.path for problem in opscan.approval_problems()]
    assert open_paths == ["score.name", "score.version", "consent.waiver_reference", "score.weights_sha256"]


def test_a_completed_template_is_ready_for_approval(opscan):
    ready = opscan.amended(
        {
            "score.name": "risk network",
            "score.version": "1",
            "score.weights_sha256": "ab" * 32,
            "score.threshold": "0.4375",
            "consent.waiver_reference": "Ethics board 12, 2026-01-05",
        },
        note="Entered for this trial.",
    )
    assert ready.approval_problems() == []
    assert ready.score.threshold == Decimal("0.4375")
    assert ready.provenance["consent.waiver_reference"].note == "Entered for this trial."
    assert ready.sha256() != opscan.sha256()


def test_a_protocol_survives_json_whatever_the_order_of_names(opscan):
    def turned(value):
        if isinstance(value, dict):
            return {name: turned(value[name]) for name in sorted(value, reverse=True)}
        return [turned(item) for item in value] if isinstance(value, list) else value

    read = Protocol.from_dict(turned(json.loads(json.dumps(opscan.to_dict()))))
    assert read == opscan
    assert read.sha256() == opscan.sha256()
    assert read.allocation.arms == opscan.allocation.arms


def test_the_order_of_the_arms_is_part_of_the_checksum(values, opscan):
    turned = changed(values, "allocation.arms", list(reversed(values["allocation"]["arms"])))
    assert Protocol.from_dict(turned).sha256() != opscan.sha256()


def test_any_change_changes_the_checksum(values, opscan):
    for path, value in [
        ("minimum_age", 41),
        ("high_risk.operator", ">="),
        ("score.threshold", "0.50"),
        ("contact.hours_to", "20:30"),
        ("follow_up_end", "2024-01-01"),
    ]:
        assert Protocol.from_dict(changed(values, path, value)).sha256() != opscan.sha256(), path


def test_a_protocol_from_before_quality_control_keeps_its_checksum_and_holds(values):
    plain = dict(values) | {"provenance": dict(values["provenance"])}
    del plain["quality_control"], plain["provenance"]["quality_control"]
    before = Protocol.from_dict(plain)

    assert "quality_control" not in before.to_dict() and before.looks_at_pictures
    assert not before.amended({"quality_control": "off"}, note="A phantom study.").looks_at_pictures


GOALS = [{"by": "2023-03-01", "randomized": 100}, {"by": "2023-06-30", "randomized": 400}]


def test_a_protocol_without_planned_accrual_keeps_its_checksum_and_one_may_be_added(opscan):
    assert "accrual" not in opscan.to_dict() and opscan.accrual == ()

    planned = opscan.amended({"accrual": GOALS}, note="Four sites, a hundred people a month.")

    assert planned.to_dict()["accrual"] == GOALS and planned.sha256() != opscan.sha256()
    assert Protocol.from_dict(planned.to_dict()) == planned
    assert [str(goal.by) for goal in planned.shifted(1).accrual] == ["2023-03-02", "2023-07-01"]


@pytest.mark.parametrize(
    ("goals", "said"),
    [
        ([GOALS[1], GOALS[0]], "accrual[1] is '100 by 2023-03-01'; it must be after 2023-06-30 and more"),
        ([GOALS[0] | {"by": "2023-01-01"}], "it must be after 2023-01-01 and more than 0"),
        ([GOALS[0] | {"randomized": 0}], "accrual[0].randomized is 0"),
        ([{"by": "2023-03-01"}], "accrual[0].randomized"),
    ],
)
def test_planned_accrual_rises_from_the_index_date_on(opscan, goals, said):
    with pytest.raises(ProtocolError) as refused:
        opscan.amended({"accrual": goals}, note="A plan.")

    assert said in str(refused.value)


@given(days=st.integers(-4000, 4000))
def test_a_shifted_protocol_moves_every_date_and_nothing_else(days):
    opscan = template("opscan")
    moved, shift = opscan.shifted(days), timedelta(days=days)
    before, after = opscan.to_dict(), moved.to_dict()
    for path in ("film_window.first", "film_window.last", "index_date", "alive_on", "follow_up_end"):
        *parts, name = path.split(".")
        one, other = (before[parts[0]], after[parts[0]]) if parts else (before, after)
        assert date.fromisoformat(other[name]) == date.fromisoformat(one[name]) + shift
        other[name] = one[name]
    assert after == before
    assert Protocol.from_dict(moved.to_dict()) == moved


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("title", " ", "title is ' '; it must be a text of 1 to 200 characters. Write it out."),
        (
            "minimum_age",
            12,
            "minimum_age is 12; it must be a whole number from 18 to 100. Correct the number.",
        ),
        ("minimum_age", True, "minimum_age is True"),
        ("index_date", "2023-02-30", "it must be a date that exists, YYYY-MM-DD. Write 2023-01-01."),
        ("index_date", "20230101", "it must be a date that exists"),
        ("index_date", 20230101, "index_date is 20230101"),
        ("views", [], "views is []"),
        ("views", ["PA", "LATERAL"], "each one of PA, AP"),
        ("exclusions", ["osteoporosis", "osteoporosis"], "a list of different codes"),
        ("high_risk.percent", 166, "high_risk.percent is 166; it must be a whole number from 1 to 100"),
        ("high_risk.percent", 66.7, "high_risk.percent is 66.7"),
        ("high_risk.operator", "=>", "it must be one of >, >=. Choose one of them."),
        (
            "score.threshold",
            0.5,
            'score.threshold is 0.5; it must be a number between 0 and 1. Write it as text: "0.5".',
        ),
        ("score.threshold", "1", "score.threshold is '1'"),
        ("score.threshold", "NaN", "score.threshold is 'NaN'"),
        ("score.threshold", "half", "score.threshold is 'half'"),
        (
            "score.weights_sha256",
            "AB",
            "it must be 64 hexadecimal digits in lower case, or null. Copy it again.",
        ),
        ("quality_control", "never", "it must be one of hold, off. Choose one of them."),
        ("unknown_person", None, "unknown_person is None; it must be one of register, hold"),
        (
            "allocation.arms",
            [{"arm": "A", "ratio": 1}, {"arm": "B", "ratio": 1}],
            "it must be screening and control",
        ),
        ("allocation.block_sizes", [4], "block_sizes are [4]; only permuted blocks take them"),
        ("allocation.total", 0, "allocation.total is 0"),
        ("allocation.strata", ["height"], "each one of site, sex, age_group"),
        ("consent.waiver_reference", None, "it must be the reference of the waiver of consent"),
        ("referral_window_days", 0, "referral_window_days is 0"),
        ("referral_window_days", 400, "2024-02-05 (400 days past the index date) or later"),
        ("follow_up_end", "2023-06-29", "it must be 2023-06-30 (180 days past the index date) or later"),
        ("film_window.last", "2021-12-31", "it must be 2022-01-01 (film_window.first) or later"),
        ("film_window.last", "2023-01-02", "it must be 2023-01-02 (film_window.last) or later"),
        ("contact.hours_to", "09:00", "it must be after contact.hours_from, 09:00. Correct one of the two."),
        ("contact.hours_to", "24:30", "a time of day, HH:MM"),
        ("blinding.caller", ["arm"], "it may see worklist. Take it out."),
        ("blinding.nurse", ["arm"], "blinding.nurse is ['arm']; it must be absent"),
        ("age_groups", [75, 65], "the smallest first"),
        ("age_groups", [], "bounds in years, for age groups are used"),
        ("provenance.colour", {"source": "ours", "note": "?"}, "it must be about a field that exists"),
        ("provenance.views", {"source": "hearsay", "note": "?"}, "one of paper, registry, inferred, ours"),
        ("provenance.views", {"source": "ours", "note": ""}, "provenance.views.note is ''"),
        ("colour", "blue", "colour is 'blue'; it must be absent. Known here: "),
        ("contact", "by phone", "contact is 'by phone'; it must be an object with named fields"),
    ],
)
def test_a_bad_value_is_refused_with_path_value_limit_and_remedy(values, path, value, said):
    assert said in "\n".join(problems(changed(values, path, value)).values())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("film_window.last", "2022-01-01"),
        ("film_window.last", "2023-01-01"),
        ("follow_up_end", "2023-06-30"),
        ("high_risk.percent", 100),
        ("allocation.total", 1),
        ("referral_window_days", 1),
        ("contact.max_attempts", 1),
        ("contact.hours_to", "09:01"),
    ],
)
def test_the_limits_themselves_are_allowed(values, path, value):
    assert Protocol.from_dict(changed(values, path, value))


def test_the_first_and_last_day_of_the_film_window_count(opscan):
    inside = [date(2022, 1, 1), date(2022, 12, 31)]
    outside = [date(2021, 12, 31), date(2023, 1, 1)]
    assert [opscan.film_window.contains(day) for day in inside + outside] == [True, True, False, False]


def test_a_missing_field_is_named(values):
    del values["allocation"]["strata"]
    assert problems(values) == {
        "allocation.strata": "allocation.strata is missing; it must be a list of different codes, "
        "each one of site, sex, age_group. List none or more of them."
    }


def test_every_field_needs_its_provenance(values):
    del values["provenance"]["contact.max_attempts"], values["provenance"]["blinding"]
    found = problems(values)
    assert (
        "provenance.contact.max_attempts is missing; it must be one of paper"
        in found["provenance.contact.max_attempts"]
    )
    assert {path for path in found if path.startswith("provenance.blinding.")} == {
        f"provenance.blinding.{role}" for role in values["blinding"]
    }


def test_all_problems_are_listed_at_once_and_none_follows_from_another(values):
    values = changed(values, "minimum_age", "forty")
    values = changed(values, "index_date", "soon")
    values = changed(values, "contact.hours_to", "08:00")
    values = changed(values, "allocation", None)
    assert set(problems(values)) == {"minimum_age", "index_date", "contact.hours_to", "allocation"}


@pytest.mark.parametrize("nothing", [None, [], "text", {}])
def test_nothing_at_all_is_refused(nothing):
    assert problems(nothing)


def test_an_unknown_template_lists_the_known_ones():
    with pytest.raises(ValueError, match="no protocol template 'opscam'"):
        template("opscam")


@pytest.mark.parametrize(
    ("age", "group"), [(40, "<65"), (64, "<65"), (65, "65-74"), (74, "65-74"), (75, ">=75")]
)
def test_age_groups_are_those_of_table_1(opscan, age, group):
    assert opscan.age_group(age) == group


def test_a_stratified_blocked_protocol_names_its_strata(values):
    values["allocation"] |= {"method": "permuted_blocks", "block_sizes": [4, 6], "strata": ["site", "sex"]}
    allocation = Protocol.from_dict(values).allocation
    assert allocation.stratum_label({"site": "1", "sex": "female"}) == "site=1|sex=female"
    assert allocation.rule(99).total is None
    with pytest.raises(ValueError, match="Not known: sex"):
        allocation.stratum_label({"site": "1", "sex": None})


def test_the_frozen_cohort_gives_the_total(opscan, values):
    assert opscan.allocation.rule(4912).total == 4912
    assert opscan.allocation.stratum_label({}) == "all"
    fixed = Protocol.from_dict(changed(values, "allocation.total", 100))
    assert fixed.allocation.rule(4912).total == 100
    stratified = changed(changed(values, "allocation.total", 100), "allocation.strata", ["sex"])
    assert "null in a stratified trial" in problems(stratified)["allocation.total"]


def test_blinded_roles_are_real_roles(opscan):
    assert set(opscan.blinding) <= set(Role)
    assert set(opscan.blinding[Role.OUTCOME_RECORDER]) >= {"arm", "risk", "route"}
