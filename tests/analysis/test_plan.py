"""Analysis plans as text: read whole or refused with every fault and its place, and told in sentences."""

import platform

import numpy
import pytest

from analysis.methods import ODDS_RATIOS, RISK_DIFFERENCES, RISK_RATIOS, TESTS
from analysis.plan import LARGEST, UNPLANNED, Interim, PlanError, read
from analysis.plan_prose import METHODS, methods_text, prose
from analysis.plan_prose import TESTS as TEST_WORDS
from tests.analysis.people import person
from tests.analysis.plans import PLAN, SHORT


def test_the_shipped_plan_is_the_paper_s():
    plan = read(PLAN)

    assert (plan.primary, plan.population, plan.subgroups) == (
        "osteoporosis",
        "intention_to_treat",
        ("iscd_age_sex",),
    )
    assert (plan.methods.odds_ratio, plan.methods.interaction, plan.baseline_tests) == ("woolf", "wald", True)
    assert len(plan.endpoints) == 14  # the rows of Figure 3


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("plan: 1", "plan: [", "This is no YAML: line 5"),
        ("plan: 1", "plan: 2", "plan: 1 was expected"),
        ("primary: osteoporosis", "primary: lungs", "endpoints.primary: 'lungs' is not known; choose from"),
        ("primary: osteoporosis", "primary: dxa", "the primary endpoint is among the secondary ones"),
        ("    - dxa_trial\n", "    - dxa_trial\n    - dxa_trial\n", "endpoints.secondary: .*non-unique"),
        ("main: intention_to_treat", "main: per_protocol", "the main population is among the sensitivity"),
        ("rule: no_record_is_no_event", "rule: impute", "missing.rule: 'impute' is not known"),
        ("rule: no_record_is_no_event", "rules: x", "missing: .*'rules' was unexpected"),
        ("odds_ratio: woolf", "odds_ratio: cornfield", "methods.odds_ratio: 'cornfield'"),
        ("endpoints: [dxa, osteoporosis, treated]", "endpoints: [drug_serm, dxa]", None),
        ("    - drug_serm\n", "", None),
        ("title: Stat", "title: ''\nnothing: Stat", "title: .*'nothing' was unexpected|'nothing' was unexp"),
    ],
)
def test_a_fault_is_told_with_its_place(before, after, told):
    text = PLAN.replace(before, after, 1)
    assert text != PLAN

    if told is None:
        read(text)
        return
    with pytest.raises(PlanError, match=told):
        read(text)


def test_all_faults_are_told_at_once():
    with pytest.raises(PlanError) as told:
        read(PLAN.replace("woolf", "best").replace("rule: no_record_is_no_event", "rule: guess"))

    assert len(told.value.problems) == 2


def test_a_subgroup_is_shown_for_endpoints_of_the_plan_only():
    with pytest.raises(PlanError, match="subgroups: drug_serm is no endpoint of this plan"):
        read(PLAN.replace("    - drug_serm\n", "").replace("treated]", "drug_serm]"))


@pytest.mark.parametrize(
    ("information", "alpha", "said"),
    [
        ("[0.5, 0.4, 1]", "0.05", "each fraction is larger than the one before"),
        ("[0.5]", "0.05", "the last is 1"),
        ("[0.5, 0.5, 1]", "0.05", "each fraction is larger than the one before"),
        ("[0.5, 0.5002, 1]", "0.05", "by 0.001 or more"),
        ("[.nan, 1]", "0.05", "fractions lie above 0"),
        ("[0.5, 1]", ".nan", "Alpha nan"),
        ("[0.5, 1]", "0.9", "Alpha 0.9"),
    ],
)
def test_looks_whose_boundaries_can_t_be_found_are_no_plan(information, alpha, said):
    looks = f"interim: {{information: {information}, spending: pocock, alpha: {alpha}}}\n"

    with pytest.raises(PlanError, match=f"(?s)interim.*{said}|alpha"):
        read(SHORT + looks)


def test_looks_are_read_and_told():
    plan = read(SHORT + "interim: {information: [0.5, 1], spending: obrien-fleming, alpha: 0.05}\n")

    assert plan.interim == Interim((0.5, 1), "obrien-fleming", 0.05)
    assert "50 % and 100 % of the information" in sentences(plan, "Interim looks")
    whole = read(SHORT + "interim: {information: [1], spending: pocock, alpha: 0.05, people: 4912}\n")
    assert "that of 4912 people in both arms" in sentences(whole, "Interim looks")
    assert "no interim comparison" in sentences(read(SHORT), "Interim looks")


def test_text_that_is_no_plan_is_not_read_for_ever():
    for text in ("x" * (LARGEST + 1), "", "- 1", "!!python/object/apply:os.system ['true']"):
        with pytest.raises(PlanError):
            read(text)


def test_per_protocol_is_who_the_plan_says():
    members = read(PLAN).analysis_set("per_protocol")

    kept = [person(arm="screening", dxa=True, dxa_trial=True), person(arm="control")]
    strayed = [
        person(arm="screening"),
        person(arm="control", score_told=True),
        person(arm="control", dxa=True, dxa_trial=True),
        person(),
    ]
    assert members.select(kept + strayed) == kept
    assert "control arm: without “DXA examination by the trial” or “Told a risk score" in members.definition


def test_who_leaves_per_protocol_open_is_asked():
    with pytest.raises(PlanError, match="say under per_protocol who of each arm"):
        read(SHORT.replace("main: intention_to_treat", "main: per_protocol"))


def test_every_method_has_words():
    assert {*ODDS_RATIOS, *RISK_RATIOS, *RISK_DIFFERENCES} <= set(METHODS)
    assert set(TESTS) == set(TEST_WORDS)


def test_a_plan_reads_as_sentences():
    told = prose(read(PLAN))

    assert [section.title for section in told][:3] == ["Endpoints", "Populations", "Methods"]
    assert all(sentence.endswith(".") for section in told for sentence in section.sentences)
    assert "exclusion restriction" in sentences(read(PLAN), "Compliance")
    assert "They are not tested" in sentences(read(SHORT), "Baseline and uptake")


def test_the_methods_name_what_computed_them_and_whether_they_were_planned():
    told = methods_text(read(SHORT), planned=True, code_version="9.9")
    unplanned = methods_text(UNPLANNED, planned=False, code_version="9.9")

    assert (
        f"Screentrial 9.9 with Python {platform.python_version()}, NumPy {numpy.__version__}"
        in told[-1].sentences[0]
    )
    assert "post hoc" in unplanned[0].sentences[0] and told[0].title == "Endpoints"


def sentences(plan, title):
    return " ".join(next(section.sentences for section in prose(plan) if section.title == title))
