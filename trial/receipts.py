"""The receipt of a cohort's randomization: who was drawn, by what rule, under which key; to be replayed by anyone
who holds the key, without this installation.

A receipt is plain JSON. It holds arms, and what a rule needs to be drawn from (block sizes too), so it is given to
roles that may know both. Its ``sha256`` is of everything else in it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from fractions import Fraction
from typing import Any

from trial.allocation_rules import AllocationRule, Method
from trial.canonical import checksum
from trial.chances import Measure
from trial.randomization import ENGINE_VERSION, ListExhausted, draw
from trial.streams import RuleError

KIND = "screentrial randomization receipt 1"


class ReceiptRefused(ValueError):
    """Raised with what makes a text no receipt that can be replayed."""


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a receipt's content with its kind, the engine that drew it and its checksum."""
    whole = {"kind": KIND, "engine": ENGINE_VERSION, **content}
    return whole | {"sha256": checksum(whole)}


def rule_values(rule: AllocationRule) -> dict[str, Any]:
    """Return a rule as plain values that ``_rule`` reads back."""
    values = asdict(rule) | {"p": str(rule.p) if rule.p is not None else None}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def replay(receipt: Any, *, key: bytes) -> Iterator[str]:
    """Draw everybody of a receipt again and yield a sentence for each difference; none means it is genuine.

    Raises ReceiptRefused for what is no receipt.
    """
    if not isinstance(receipt, Mapping) or receipt.get("kind") != KIND:
        raise ReceiptRefused(
            "This is no receipt of a randomization. Choose the file that the cohort's page gave."
        )
    content = {name: value for name, value in receipt.items() if name != "sha256"}
    if checksum(content) != receipt.get("sha256"):
        yield "the receipt was changed: its checksum is another"
    try:
        for lists in receipt["lists"]:
            yield from _differences(lists, key)
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        raise ReceiptRefused(f"This receipt can't be read: {fault}.") from None


def _differences(drawn_list: Mapping[str, Any], key: bytes) -> Iterator[str]:
    rule, label = _rule(drawn_list["rule"]), drawn_list["stream"]
    if rule.method is Method.UPLOADED_LIST:
        raise ReceiptRefused(
            f"{drawn_list['stream']}: taken from an uploaded list, which no key draws. Compare with the file whose "
            f"SHA-256 is {drawn_list['uploaded_sha256']}."
        )
    for row in drawn_list["draws"]:
        before = row["counts_before"]
        try:
            again = draw(rule, key=key, label=label, index=row["index"], before=before)
        except (ListExhausted, RuleError):
            yield f"{row['participant']} (place {row['index']}): the list has no such place"
            continue
        if (again.arm, again.uniform) != (row["arm"], row["uniform"]):
            yield f"{row['participant']} (place {row['index']}): the key draws otherwise"


def _rule(values: Mapping[str, Any]) -> AllocationRule:
    return AllocationRule(
        Method(values["method"]),
        arms=_pairs(values["arms"]),
        block_sizes=tuple(values["block_sizes"]),
        total=values["total"],
        limit=values["limit"],
        p=Fraction(values["p"]) if values["p"] else None,
        measure=Measure(values["measure"]) if values["measure"] else None,
        weights=_pairs(values["weights"]),
    )


def _pairs(values: list[list[Any]]) -> tuple[tuple[str, int], ...]:
    return tuple((str(name), int(number)) for name, number in values)
