"""What a protocol says of its allocation: method, arms and what the method needs; and what is wrong with it."""

from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

from trial.chances import Arms, Measure


class Method(StrEnum):
    """How a stratum's list is made."""

    SIMPLE = "simple"
    PERMUTED_BLOCKS = "permuted_blocks"
    RANDOM_ALLOCATION_RULE = "random_allocation_rule"
    BIG_STICK = "big_stick"
    BIASED_COIN = "biased_coin"
    MINIMIZATION = "minimization"
    UPLOADED_LIST = "uploaded_list"


# The next arm is fixed by key and index alone.
LISTED = (Method.PERMUTED_BLOCKS, Method.RANDOM_ALLOCATION_RULE)
TWO_EQUAL_ARMS = (Method.BIG_STICK, Method.BIASED_COIN)


@dataclass(frozen=True)
class AllocationRule:
    """A method, arms with their ratio in order, and what the method needs.

    Permuted blocks take block sizes, the allocation rule its total, the big stick a limit, the biased coin p, and
    minimization p, a measure and each factor's weight.
    """

    method: Method
    arms: Arms
    block_sizes: tuple[int, ...] = ()
    total: int | None = None
    limit: int | None = None
    p: Fraction | None = None
    measure: Measure | None = None
    weights: tuple[tuple[str, int], ...] = ()

    def with_total(self, total: int) -> "AllocationRule":
        """Return the rule for a cohort of known size."""
        return replace(self, total=total)

    @property
    def unit(self) -> int:
        """Sum of the ratio: 2 for 1:1, 3 for 2:1."""
        return sum(share for _, share in self.arms)


def rule_faults(rule: AllocationRule) -> dict[str, str]:
    """Return field -> fault of a rule as written in a protocol (a total may still be open)."""
    names = [name for name, _ in rule.arms]
    shares = {share for _, share in rule.arms}
    least = 1 if rule.method is Method.SIMPLE else 2  # one alone is what is left when the others were dropped
    if len(names) < least or len(set(names)) < len(names) or min(shares) < 1:
        return {"arms": "must be two or more different names, each with a share of 1 or more"}
    if rule.method in TWO_EQUAL_ARMS and (len(names), len(shares)) != (2, 1):
        return {"arms": f"are {len(names)} or unequal; {rule.method} takes two arms of equal share"}
    faults = {
        "block_sizes": _size_fault(rule),
        "total": _total_fault(rule),
        "limit": _limit_fault(rule),
        "p": _p_fault(rule),
        "measure": _measure_fault(rule),
        "weights": _weights_fault(rule),
    }
    return {name: fault for name, fault in faults.items() if fault}


def _size_fault(rule: AllocationRule) -> str:
    sizes = rule.block_sizes
    if rule.method is not Method.PERMUTED_BLOCKS:
        return f"are {list(sizes)}; only permuted blocks take them, leave them empty" if sizes else ""
    # The order of the sizes is part of the draw, so there is one way to write them.
    if not sizes or list(sizes) != sorted(set(sizes)):
        return f"are {list(sizes)}; give one or more different sizes in rising order, such as [4, 6]"
    if any(size < 1 or size % rule.unit for size in sizes):
        return f"are {list(sizes)}; each must be a multiple of {rule.unit}, the sum of the ratio"
    return ""


def _total_fault(rule: AllocationRule) -> str:
    if rule.total is not None and (rule.total < 1 or rule.method is not Method.RANDOM_ALLOCATION_RULE):
        return f"is {rule.total}; only the random allocation rule takes one, of 1 or more"
    return ""


def _limit_fault(rule: AllocationRule) -> str:
    if (rule.limit is not None) != (rule.method is Method.BIG_STICK) or (rule.limit or 1) < 1:
        return f"is {rule.limit}; the big stick alone takes one, of 1 or more"
    return ""


def _p_fault(rule: AllocationRule) -> str:
    takes = rule.method in (Method.BIASED_COIN, Method.MINIMIZATION)
    least = Fraction(1, len(rule.arms))
    # At 1 the next arm would be certain, at 1/K nothing would be balanced, below it the worse arm preferred.
    if takes and (rule.p is None or not least < rule.p < 1):
        given = "not given" if rule.p is None else f"{float(rule.p):g}"
        return f"is {given}; {rule.method} takes a probability above {least} (one by number of arms), below 1"
    return f"is {float(rule.p):g}; {rule.method} takes none" if not takes and rule.p is not None else ""


def _measure_fault(rule: AllocationRule) -> str:
    if (rule.measure is not None) != (rule.method is Method.MINIMIZATION):
        return f"is {rule.measure}; minimization alone takes one: {', '.join(Measure)}"
    return ""


def _weights_fault(rule: AllocationRule) -> str:
    factors = [factor for factor, _ in rule.weights]
    if (rule.method is Method.MINIMIZATION) != bool(factors):
        return f"name {', '.join(factors) or 'no factor'}; minimization alone takes factors, one or more"
    if len(set(factors)) < len(factors) or any(weight < 1 for _, weight in rule.weights):
        return "must be of different factors, each a whole number of 1 or more"
    return ""
