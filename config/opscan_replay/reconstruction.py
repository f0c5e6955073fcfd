"""Rebuild a cohort, person by person, from the published counts alone. It is no patient data.

The counts are whole-number equations (counts.py) solved exactly (solving.py); traits of Tables 1 and 2 are
dealt within them (traits.py), and what no count says is filled in (filling.py). Sex, age and films of the
low-risk people, and every date, T-score and body mass index, are such fillings.
"""

import json
from pathlib import Path
from typing import Any

from config.opscan_replay import filling
from config.opscan_replay.counts import Arm, Kind, Paper, kinds, oddity, of_arm, usual_care
from config.opscan_replay.people import Group, ReplayPerson, Route
from config.opscan_replay.solving import expand, shuffled, solve
from config.opscan_replay.traits import conditions, deal, drugs

ROUTES: dict[Arm, tuple[Route, ...]] = {"screening": ("trial", "physician"), "control": ("physician",)}
Draft = tuple[Group, Kind, dict[str, Any]]


def read(path: Path) -> Paper:
    """Read the published numbers."""
    return json.loads(path.read_text(encoding="utf-8"))


def build(paper: Paper) -> list[ReplayPerson]:
    """Return the cohort, numbered from 1, its groups mixed. Raises Contradiction naming counts at odds."""
    drafts = [*_arm(paper, "screening"), *_arm(paper, "control"), *_low_risk(paper)]
    return [_person(number, draft) for number, draft in enumerate(shuffled(drafts, "order"), start=1)]


def _arm(paper: Paper, arm: Arm) -> list[Draft]:
    options = kinds(ROUTES[arm])
    people = shuffled(expand(options, solve(options, of_arm(paper, arm), oddity)), arm)
    dealt = zip(people, deal(paper, arm, people), drugs(paper, arm, people), strict=True)
    return [(arm, kind, traits | {"drugs": given}) for kind, traits, given in dealt]


def _low_risk(paper: Paper) -> list[Draft]:
    options = kinds(("physician",), with_age=False)
    counts = usual_care(paper, "low_risk")
    people = shuffled(expand(options, solve(options, counts, oddity)), "low_risk")
    # The paper names no drugs for low-risk people; the commonest of the trial stands for all.
    return [("low_risk", kind, {"drugs": ("denosumab",) if kind.treated else ()}) for kind in people]


def _person(number: int, draft: Draft) -> ReplayPerson:
    group, kind, traits = draft
    key = f"person {number}"
    years = filling.age(key, kind)
    exam = filling.exam(key, kind)
    sex = kind.sex or filling.sex(key)
    counted, positive = traits.get("films") or filling.low_risk_films(key)
    return ReplayPerson(
        number=number,
        sex=sex,
        birth_date=filling.birth_date(key, years),
        age=years,
        group=group,
        films_counted=counted,
        films_positive=positive,
        bmi=filling.bmi(key, traits["bmi_group"]) if "bmi_group" in traits else None,
        conditions=conditions(traits) if "fracture" in traits else {},
        postmenopausal=sex == "female" and years >= filling.YOUNGEST_WITH_CLASS,
        exams=(exam,) if exam else (),
        diagnosed_on=filling.diagnosis(exam),
        treatments=filling.treatments(key, traits["drugs"], exam.on if exam else None),
    )
