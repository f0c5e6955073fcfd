"""Answers of the calculator about a trial to be planned: plain values by name, and the same as tables.

Numbers keep their full precision; what there is no answer to is None, beside a `why`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from analysis import design, interim
from analysis.formats import fixed
from analysis.tables import Footnotes, Row, Table

Answer = dict[str, Any]


def boundaries(
    *,
    looks: int | None = None,
    information: Sequence[float] | None = None,
    spending: str | None = None,
    classical: str | None = None,
    alpha: float = 0.05,
    power: float = 0.9,
    at: int | None = None,
    z: float | None = None,
) -> Answer:
    """Answer with the boundaries of a design, what it does, and what a z seen at a look leaves to hope for."""
    if (spending is None) == (classical is None):
        raise interim.BadDesign("Choose one: a spending function, or classical boundaries.")
    times = _times(looks, information)
    found = (
        interim.spending_design(times, spending=spending, alpha=alpha)
        if spending
        else interim.classical_design(times, shape=classical or "", alpha=alpha)
    )
    null, hoped = interim.course(found, 0.0), interim.course(found, interim.drift_for(found, power))
    return {
        "method": found.method,
        "alpha": alpha,
        "sides": 2,
        "looks": [
            {"look": number, **look._asdict(), "stops_without_effect": 2 * none, "power_so_far": sum(above)}
            for number, (look, none, above) in enumerate(
                zip(found.looks, null.above, _so_far(hoped.above), strict=True), start=1
            )
        ],
        "power": power,
        "drift": hoped.drift,
        "inflation": interim.inflation(found, power),
        "expected_information_without_effect": null.expected_information,
        "expected_information_with_effect": hoped.expected_information,
        "seen": _seen(found, hoped.drift, at, z),
    }


def _times(looks: int | None, information: Sequence[float] | None) -> tuple[float, ...]:
    if information is not None:
        if looks not in (None, len(information)):
            raise interim.BadDesign(
                f"{looks} looks, but {len(information)} information fractions: give one each."
            )
        return interim.check_information(information)
    if looks is None:
        raise interim.BadDesign("Say how many looks there are, or their information fractions.")
    return interim.equal_information(looks)


def _so_far(chances: Sequence[float]) -> list[Sequence[float]]:
    return [chances[: end + 1] for end in range(len(chances))]


def _seen(found: interim.Design, hoped: float, at: int | None, z: float | None) -> Answer | None:
    if at is None and z is None:
        return None
    if at is None or z is None:
        raise interim.BadDesign("Give both the number of the look and the z seen there, or neither.")
    trend = interim.current_trend(found, at, z) if 1 <= at <= len(found.looks) else 0.0
    drifts = {"current_trend": trend, "design_effect": hoped, "no_effect": 0.0}
    chances = {name: interim.conditional_power(found, at, z, drift) for name, drift in drifts.items()}
    predicted = interim.predictive_power(found, at, z)
    limit = found.looks[at - 1].z
    if limit is None or abs(z) < limit:
        return {"look": at, "z": z, "conditional_power": chances, "predictive_power": predicted, "why": None}
    why = f"z {z:g} has reached the boundary {limit:.4f}: the trial may stop, there is nothing left to expect"
    nothing = dict.fromkeys(chances)
    return {"look": at, "z": z, "conditional_power": nothing, "predictive_power": None, "why": why}


def boundaries_table(answer: Answer) -> Table:
    """Lay out one look a line."""
    notes = Footnotes()
    rows = tuple(
        Row(
            f"Look {look['look']}",
            (
                f"{look['information']:.4g}",
                f"{look['alpha_spent']:.6f}",
                fixed(look["z"], 4) + notes.mark(look["why"]),
                fixed(look["p"], 6),
                fixed(100 * look["power_so_far"], 1) + "%",
            ),
        )
        for look in answer["looks"]
    )
    columns = ("Look", "Information", "Alpha spent", "z", "p (two-sided)", "Power so far")
    title = f"{answer['method']}, two-sided alpha {answer['alpha']:g}"
    return Table("boundaries", title, columns, rows, (*_said_of(answer), *notes.listed()))


def _said_of(answer: Answer) -> Iterator[str]:
    yield "Boundaries for z and its negative. Method: recursive numerical integration (Jennison and Turnbull, ch. 19)."
    yield (
        f"For a power of {answer['power']:.1%} the trial needs at most {answer['inflation']:.4f} times the people "
        f"of one without looks (expected z at the end: {answer['drift']:.4f}). Expected at the stop: "
        f"{answer['expected_information_with_effect']:.1%} of its information with that effect, "
        f"{answer['expected_information_without_effect']:.1%} without any."
    )
    if seen := answer["seen"]:
        yield _said_of_seen(seen)


def _said_of_seen(seen: Answer) -> str:
    if seen["why"]:
        return f"Look {seen['look']}: {seen['why']}."
    chances = seen["conditional_power"]
    return (
        f"z = {seen['z']:g} at look {seen['look']}: conditional power {chances['current_trend']:.1%} under the current "
        f"trend, {chances['design_effect']:.1%} under the design's effect, {chances['no_effect']:.1%} without any; "
        f"predictive power (flat prior) {seen['predictive_power']:.1%}."
    )


def sample_size(plan: design.Plan, *, power: float | None = None, people: int | None = None) -> Answer:
    """Answer with the people that give a power, or with the power that people in the control arm give."""
    if (power is None) == (people is None):
        raise design.BadPlan("Give one: the power wanted, or the people in the control arm.")
    sizes = design.sizes_with(plan, people) if people is not None else design.sizes_for(plan, power or 0.0)
    return {
        "asked": "people" if people is None else "power",
        "plan": plan._asdict(),
        "risk_difference": plan.screening - plan.control,
        "odds_ratio": plan.screening * (1 - plan.control) / (plan.control * (1 - plan.screening)),
        "design_effect": design.design_effect(plan),
        "power_wanted": power,
        **_size(sizes[0]),
        "methods": [_size(size) for size in sizes],
    }


def _size(size: design.Size) -> Answer:
    clusters = size.clusters or (None, None)
    return {
        "method": size.method,
        "control": size.control,
        "screening": size.screening,
        "total": size.total,
        "control_clusters": clusters[0],
        "screening_clusters": clusters[1],
        "control_unrounded": size.unrounded,
        "power": size.power,
        "exact_power": size.exact_power,
        "why": size.why,
    }


def sample_size_table(answer: Answer) -> Table:
    """Lay out one method a line."""
    notes = Footnotes()
    clustered = answer["plan"]["cluster_size"] is not None
    clusters = ("Clusters (control + screening)",) if clustered else ()
    columns = ("Method", "Control", "Screening", "Both arms", *clusters, "Power", "Exact power")
    rows = tuple(_size_row(size, notes, clustered) for size in answer["methods"])
    wanted = "People needed" if answer["asked"] == "people" else "Power"
    footnotes = (*_assumed(answer), *notes.listed())
    return Table("sample-size", f"{wanted}: {_question(answer['plan'])}", columns, rows, footnotes)


def _size_row(size: Answer, notes: Footnotes, clustered: bool) -> Row:
    people = (str(size["control"]), str(size["screening"]), str(size["total"]))
    clusters = (f"{size['control_clusters']} + {size['screening_clusters']}",) if clustered else ()
    exact = fixed(size["exact_power"], 4) + notes.mark(size["why"])
    return Row(size["method"], (*people, *clusters, fixed(size["power"], 4), exact))


def _assumed(answer: Answer) -> Iterator[str]:
    plan = answer["plan"]
    yield (
        f"Risk {plan['control']:g} in the control arm, {plan['screening']:.6g} in the screening arm "
        f"(difference {answer['risk_difference']:.6g}, odds ratio {answer['odds_ratio']:.4g}); "
        f"{plan['ratio']:g} to the screening arm for 1 to the control arm; two-sided alpha {plan['alpha']:g}."
    )
    if plan["cluster_size"] is not None:
        yield (
            f"Clusters of {plan['cluster_size']:g}, ICC {plan['icc']:g}, sizes varying by {plan['cluster_cv']:g}: "
            f"design effect {answer['design_effect']:.4f}."
        )
    if plan["dropout"]:
        yield f"People to randomize, of whom {plan['dropout']:.1%} are lost; power is that of the others."


def _question(plan: Answer) -> str:
    if plan["margin"] is None:
        return "are the risks different?"
    worse = "higher" if plan["harm"] else "lower"
    return f"is the screening arm's risk {worse} by less than {plan['margin']:g}?"
