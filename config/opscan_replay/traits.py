"""Deal out what the tables count beyond sex and age: films, body mass index, fractures, conditions, drugs."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from config.opscan_replay.counts import Arm, Kind, Paper, subsets
from config.opscan_replay.solving import Count, expand, shuffled, solve

FRACTURES = {
    "Fracture-Hip": "fracture_hip",
    "Fracture-Wrist": "fracture_wrist",
    "Fracture-Vertebra": "fracture_vertebra",
    "Fracture-Shoulder": "fracture_shoulder",
    "Fracture-LowerLeg": "fracture_lower_leg",
}
CAUSES = {
    "Hyperparathyroidism": "hyperparathyroidism",
    "Hyperthyroidism": "hyperthyroidism",
    "MultipleMyeloma": "multiple_myeloma",
    "CushingDisease": "cushing_disease",
    "CeliacDisease": "celiac_disease",
}
OTHERS = {
    "RheumatoidArthritis": "rheumatoid_arthritis",
    "Steroid": "glucocorticoids",
    "Fracture-Osteoporosis": "fracture_osteoporotic",
}
DRUGS = {
    "medication_denosumab": "denosumab",
    "medication_romosozumab": "romosozumab",
    "medication_bisphosponate": "bisphosphonate",
    "medication_pth": "parathyroid_hormone",
    "medication_serm": "serm",
}
FILMS = [(n, k) for n in range(1, 10) for k in range(1, n + 1) if 100 * k > 66 * n]
Condition = Mapping[str, bool]


class Trait(NamedTuple):
    """Something dealt to people: the options, and at which level of which published variable each stands."""

    name: str
    options: Sequence[Any]
    levels: Mapping[str, Callable[[Any], str]]


def _films_group(option: tuple[int, int]) -> str:
    return ("n = 1", "n = 2 or 3", "n = 2 or 3", "n = 4 or 5", "n = 4 or 5", "n > 5")[min(option[0], 6) - 1]


def _share_group(option: tuple[int, int]) -> str:
    return "≥80%" if 100 * option[1] >= 80 * option[0] else "66-79%"


def _has(name: str) -> Callable[[tuple[str, ...]], str]:
    return lambda option: str(int(name in option))


def _any(option: tuple[str, ...]) -> str:
    return str(int(bool(option)))


def _several(name: str, variable: str, parts: Mapping[str, str]) -> Trait:
    """Deal a set of findings, of which the published variable says whether there is any."""
    levels = {variable: _any} | {published: _has(part) for published, part in parts.items()}
    return Trait(name, subsets(tuple(parts.values())), levels)


TRAITS = (
    Trait("films", FILMS, {"total_CXR_group": _films_group, "positive_prop_group": _share_group}),
    Trait("bmi_group", ("<18.5", "18.5-23.9", "≥24"), {"BMI_group": str}),
    _several("fracture", "Fracture", FRACTURES),
    _several("secondary_osteoporosis", "SecondaryOsteoporosis", CAUSES),
    *(Trait(name, ((), (name,)), {variable: _any}) for variable, name in OTHERS.items()),
)


def status(kind: Kind) -> int:
    """Say how far Table 2 follows a person: 0 not examined by the trial, 1 so, 2 osteoporosis, 3 treated."""
    if kind.route != "trial":
        return 0
    return (2 + kind.treated) if kind.bone == "osteoporosis" else 1


def deal(paper: Paper, arm: Arm, people: Sequence[Kind]) -> list[dict[str, Any]]:
    """Give each person one option of every trait, so that each published count of the arm holds."""
    dealt: list[dict[str, Any]] = [{} for _ in people]
    statuses = [status(kind) for kind in people]
    for trait in TRAITS:
        for person, option in zip(dealt, _deal_one(paper, arm, statuses, trait), strict=True):
            person[trait.name] = option
    return dealt


def _deal_one(paper: Paper, arm: Arm, statuses: Sequence[int], trait: Trait) -> Iterator[Any]:
    kinds = list(product(range(4), trait.options))
    numbers = solve(kinds, [*_totals(statuses), *_table_1(paper, arm, trait), *_table_2(paper, arm, trait)])
    hands = [
        iter(
            shuffled(
                [option for at, option in expand(kinds, numbers) if at == reached],
                f"{arm} {trait.name} {reached}",
            )
        )
        for reached in range(4)
    ]
    return (next(hands[reached]) for reached in statuses)


def _totals(statuses: Iterable[int]) -> list[Count]:
    reached = Counter(statuses)
    return [Count(f"people of step {at}", reached[at], _stands(lambda *_: True, at, at)) for at in range(4)]


def _stands(level: Callable[..., bool], least: int, most: int = 3) -> Callable[[tuple[int, Any]], bool]:
    return lambda kind: least <= kind[0] <= most and level(kind[1])


def _at(place: Callable[[Any], str], level: str) -> Callable[[Any], bool]:
    return lambda option: place(option) == level


def _table_1(paper: Paper, arm: Arm, trait: Trait) -> Iterator[Count]:
    for variable in paper["table1"]["variables"]:
        name = variable["variable"]
        for i, level in enumerate(variable.get("levels", []) if name in trait.levels else []):
            stands = _stands(_at(trait.levels[name], level["level"]), 0)
            yield Count(f"table1.variables.{name}.levels.{i}.{arm}.n", level[arm]["n"], stands)


def _table_2(paper: Paper, arm: Arm, trait: Trait) -> Iterator[Count]:
    for variable in paper["table2"]["variables"] if arm == "screening" else []:
        name = variable["variable"]
        for i, level in enumerate(variable["levels"] if name in trait.levels else []):
            path, here = f"table2.variables.{name}.levels.{i}", _at(trait.levels[name], level["level"])
            for least, step in enumerate(paper["table2"]["denominators"]):
                yield Count(f"{path}.{step}.n", level[step]["n"], _stands(here, least))
                yield Count(f"{path}.{step}.events", level[step]["events"], _stands(here, least + 1))


def conditions(dealt: Mapping[str, Any]) -> Condition:
    """Turn dealt findings into yes/no facts by the names of the codebook."""
    found = {name: True for trait in TRAITS[2:] for name in dealt[trait.name]}
    for name in ("fracture", "secondary_osteoporosis"):
        found[name] = bool(dealt[name])
    names = [*FRACTURES.values(), *CAUSES.values(), *OTHERS.values(), "fracture", "secondary_osteoporosis"]
    return {name: found.get(name, False) for name in sorted(names)}


def drugs(paper: Paper, arm: Arm, people: Sequence[Kind]) -> list[tuple[str, ...]]:
    """Give the treated their drugs: each at least one, some two, for the published rows overlap."""
    options = subsets(tuple(DRUGS.values()), least=1)
    treated = sum(kind.treated for kind in people)
    counts = [Count(f"fig3.rows.medication_all.{arm}.events", treated, lambda option: True)]
    for row in paper["fig3"]["rows"]:
        if row["key"] in DRUGS:
            given = _contains(DRUGS[row["key"]])
            counts.append(Count(f"fig3.rows.{row['key']}.{arm}.events", row[arm]["events"], given))
    numbers = solve(options, counts, cost=lambda option: max(0, len(option) - 2))
    hand = iter(shuffled(expand(options, numbers), f"{arm} drugs"))
    return [next(hand) if kind.treated else () for kind in people]


def _contains(name: str) -> Callable[[tuple[str, ...]], bool]:
    return lambda option: name in option
