"""The tests print the published p values, each with the method that the paper used there."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.estimators import two_by_two
from analysis.significance import (
    equal_variance_t,
    fisher,
    interaction,
    mean,
    pearson,
    smallest_expected,
)
from tests.analysis import published
from tests.analysis.test_estimators import PRIMARY, counts_of

PAPER = published.load()
DERIVED = PAPER["derived_not_published"]["primary"]
ALTERNATIVES = PAPER["derived_not_published"]["interaction_alternatives"]
CATEGORICAL = [v for v in PAPER["table1"]["variables"] if v["type"] == "categorical"]
QUESTIONS = ("dxa_by_opscan", "osteoporosis_given_dxa", "treatment_given_osteoporosis")


def strata_of(outcome: dict):
    return [counts_of(group) for group in outcome["subgroups"]]


@pytest.mark.parametrize("outcome", PAPER["fig4a"]["outcomes"], ids=lambda outcome: outcome["key"])
def test_interaction_gives_the_printed_wald_and_the_other_answer(outcome):
    found = interaction(strata_of(outcome))
    assert f"p-value = {found.wald.p:.3f}" == outcome["p_interaction_printed"]
    assert "Wald" in found.wald.method
    assert found.likelihood_ratio.p == pytest.approx(ALTERNATIVES[outcome["key"]]["lrt"], abs=5e-6)
    assert "likelihood ratio" in found.likelihood_ratio.method


def test_medication_is_where_the_two_interaction_tests_part():
    outcome = next(o for o in PAPER["fig4a"]["outcomes"] if o["key"] == "medication_all")
    found = interaction(strata_of(outcome))
    assert found.likelihood_ratio.p < 0.05 < found.wald.p


def test_interaction_needs_two_strata_with_people_and_no_empty_cell():
    assert "fewer than two" in interaction([PRIMARY]).wald.why
    assert "nobody in the control arm" in interaction([PRIMARY, two_by_two(1, 5, 0, 0)]).wald.why
    found = interaction([two_by_two(0, 10, 3, 10), two_by_two(5, 10, 6, 10)])
    assert found.wald.p is None
    assert "empty cell" in found.wald.why
    assert 0 < found.likelihood_ratio.p < 1
    found = interaction([two_by_two(0, 10, 0, 10), two_by_two(5, 10, 6, 10)])
    assert found.likelihood_ratio.p is None
    assert "stratum" in found.likelihood_ratio.why


def test_three_strata_have_two_degrees_of_freedom():
    tables = [two_by_two(8, 20, 4, 20), two_by_two(5, 20, 5, 20), two_by_two(3, 20, 9, 20)]
    found = interaction(tables)
    assert found.wald.df == found.likelihood_ratio.df == 2
    assert found.wald.p == pytest.approx(found.likelihood_ratio.p, abs=0.02)


@settings(deadline=None)
@given(st.lists(st.integers(1, 40), min_size=8, max_size=8))
def test_interaction_does_not_care_which_arm_comes_first(cells):
    a, b, c, d, e, f, g, h = cells
    tables = [two_by_two(a, a + b, c, c + d), two_by_two(e, e + f, g, g + h)]
    found, other = interaction(tables), interaction([table.swapped() for table in tables])
    assert found.wald.statistic == pytest.approx(other.wald.statistic, abs=1e-8)
    assert found.likelihood_ratio.statistic == pytest.approx(other.likelihood_ratio.statistic, abs=1e-6)


@pytest.mark.parametrize("variable", CATEGORICAL, ids=lambda v: v["variable"])
def test_baseline_p_is_pearson_without_yates_or_fisher_for_few_expected(variable):
    table = [[level[arm]["n"] for level in variable["levels"]] for arm in ("screening", "control")]
    few = smallest_expected(table) < 5
    found = fisher(table) if few else pearson(table, yates=False)
    assert f"{found.p:.3f}{'#' if few else ''}" == variable["p"]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("variable", PAPER["table2"]["variables"], ids=lambda v: v["variable"])
def test_uptake_p_has_yates_for_two_by_two_only(variable, question):
    cells = [level[question] for level in variable["levels"]]
    found = pearson([[c["events"], c["n"] - c["events"]] for c in cells], yates=True)
    text = f"{found.p:.3f}"
    assert ("p < 0.001" if text == "0.000" else f"p = {text}") == variable["p"][question]
    assert ("Yates" in found.method) == (len(cells) == 2)


def test_primary_endpoint_has_the_p_values_verified_in_r():
    a, b, c, d = PRIMARY.cells
    assert pearson([[a, b], [c, d]], yates=False).statistic == pytest.approx(DERIVED["pearson_chi2"])
    assert pearson([[a, b], [c, d]], yates=False).p == pytest.approx(DERIVED["pearson_p"])
    assert pearson([[a, b], [c, d]], yates=True).p == pytest.approx(DERIVED["yates_p"])
    assert fisher([[a, b], [c, d]]).p == pytest.approx(DERIVED["fisher_p"])


def test_an_empty_row_has_no_chi_square():
    found = pearson([[0, 0], [3, 4]], yates=False)
    assert found.p is None
    assert "empty" in found.why
    assert smallest_expected([[0, 0], [0, 0]]) == 0


def test_means_and_their_test():
    """Student, Biometrika 1908;6:1-25; R: t.test(extra ~ group, sleep, var.equal = TRUE): t = -1.8608."""
    mine = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    theirs = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    found = equal_variance_t(mine, theirs)
    assert (found.statistic, found.df, found.p) == pytest.approx((-1.8608, 18, 0.07919), abs=5e-5)
    assert mean(mine).mean == pytest.approx(0.75)
    assert mean([4.0]).sd is None
    assert mean([]).mean is None
    assert equal_variance_t([1.0], [2.0, 3.0]).p is None
