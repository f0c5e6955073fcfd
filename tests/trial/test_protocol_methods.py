"""A protocol may name any method; what it needs is asked for, what it doesn't is refused."""

import json

import pytest

from trial.allocation_rules import AllocationRule, Method
from trial.chances import Measure
from trial.protocol import Protocol, ProtocolError, template
from trial.protocol_parts import Factor, Timing

OPSCAN = template("opscan")
MINIMIZATION = {
    "allocation.method": "minimization",
    "allocation.p": "4/5",
    "allocation.measure": "range",
    "allocation.factors": {"sex": 2, "site": 1},
}


def amended(changes):
    return OPSCAN.amended(changes, note="A test.")


def test_a_protocol_without_these_parts_is_what_it_was():
    written = OPSCAN.to_dict()["allocation"]
    assert list(written) == ["method", "arms", "block_sizes", "total", "strata"]
    assert OPSCAN.allocation.when is Timing.COHORT
    assert OPSCAN.sha256() == Protocol.from_dict(json.loads(json.dumps(OPSCAN.to_dict()))).sha256()


@pytest.mark.parametrize(
    ("changes", "method"),
    [
        ({"allocation.method": "simple"}, Method.SIMPLE),
        ({"allocation.method": "big_stick", "allocation.limit": 3}, Method.BIG_STICK),
        ({"allocation.method": "biased_coin", "allocation.p": "2/3"}, Method.BIASED_COIN),
        (MINIMIZATION, Method.MINIMIZATION),
    ],
)
def test_every_method_is_named_and_read_back(changes, method):
    protocol = amended(changes)
    again = Protocol.from_dict(json.loads(json.dumps(protocol.to_dict(), sort_keys=True)))
    assert again == protocol and again.sha256() == protocol.sha256()
    assert again.allocation.method is method and again.allocation.when is Timing.ON_REQUEST
    assert isinstance(again.allocation.rule(), AllocationRule)


def test_minimization_is_drawn_by_its_factors():
    allocation = amended(MINIMIZATION).allocation
    assert allocation.used == (Factor.SITE, Factor.SEX)
    assert allocation.rule().weights == (("site", 1), ("sex", 2))
    assert allocation.rule().measure is Measure.RANGE
    assert allocation.stratum_label({"site": "1", "sex": "female"}) == "all"
    with pytest.raises(ValueError, match="Not known: sex"):
        allocation.stratum_label({"site": "1", "sex": None})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"allocation.method": "big_stick"}, "allocation.limit"),
        ({"allocation.p": "2/3"}, "allocation.p"),
        (MINIMIZATION | {"allocation.p": "1/2"}, "above 1/2"),
        (MINIMIZATION | {"allocation.factors": {"size": 1}}, "allocation.factors.size"),
        (MINIMIZATION | {"allocation.factors": {}}, "allocation.factors"),
        (MINIMIZATION | {"allocation.strata": ["sex"]}, "no strata as well"),
        ({"allocation.method": "biased_coin", "allocation.p": "2/3", "allocation.arms": [
            {"arm": "screening", "ratio": 2}, {"arm": "control", "ratio": 1}]}, "unequal"),
        ({"allocation.timing": "tomorrow"}, "allocation.timing"),
        (MINIMIZATION | {"allocation.factors": {"age_group": 1}, "age_groups": [], "subgroups": []}, "age_groups"),
    ],
)  # fmt: skip
def test_what_a_method_lacks_or_can_not_take_is_refused_at_its_place(changes, said):
    with pytest.raises(ProtocolError, match=said):
        amended(changes)


def test_an_amendment_takes_a_part_away_with_its_source():
    minimized = amended(MINIMIZATION)
    none = dict.fromkeys(("allocation.p", "allocation.measure", "allocation.factors"))
    simple = minimized.amended(none | {"allocation.method": "simple"}, note="Simpler.")
    assert "p" not in simple.to_dict()["allocation"] and "allocation.p" not in simple.provenance
