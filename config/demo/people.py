"""The made-up people of the demonstration: their bones, their films, their past. Nobody here is real."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
from numpy.random import Generator, default_rng

from screening import phantoms
from screening.phantoms import Anatomy, Header

ISSUER = "PHANTOM"
YEAR = 2022
UNUSABLE = ("black", "truncated", "ct")
# How often the made-up people have what; ours, of the order that hospitals see.
FRACTURES = {
    "fracture_hip": 0.03,
    "fracture_wrist": 0.04,
    "fracture_vertebra": 0.03,
    "fracture_shoulder": 0.02,
    "fracture_lower_leg": 0.03,
}
CAUSES = {
    "hyperparathyroidism": 0.02,
    "hyperthyroidism": 0.04,
    "multiple_myeloma": 0.01,
    "cushing_disease": 0.01,
    "celiac_disease": 0.01,
}
OTHERS = {"rheumatoid_arthritis": 0.03, "glucocorticoids": 0.11}
UNASKED = 0.05  # of any one thing: charts have gaps


@dataclass(frozen=True)
class MadeUp:
    """One made-up person. `t_score` is the density their films show; history items are ISO dates or empty."""

    place: int
    sex: str
    birth_date: date
    t_score: float
    films: int
    earlier_dxa: str = ""
    diagnosis: tuple[str, str] = ("", "")
    drug: tuple[str, str] = ("", "")
    died_on: str = ""
    history: Mapping[str, str] = field(default_factory=dict)

    @property
    def number(self) -> str:
        """Return the hospital number."""
        return f"P{self.place:05d}"

    @property
    def name(self) -> str:
        """Return a name that nobody can take for a person's."""
        return f"PHANTOM^{self.place:05d}"

    @property
    def phone(self) -> str:
        """Return a telephone number that reaches nobody (0900-000-xxx is not given out)."""
        return f"0900-000-{self.place % 1000:03d}"


def population(count: int) -> list[MadeUp]:
    """Return the first `count` people; the same count gives the same people."""
    return [_person(place) for place in range(1, count + 1)]


def _person(place: int) -> MadeUp:
    rng = default_rng([20220101, place])
    sex = "female" if rng.random() < 0.72 else "male"
    age = int(rng.integers(34, 90))  # some are too young for the trial
    made_up = MadeUp(
        place=place,
        sex=sex,
        birth_date=date(YEAR - age, int(rng.integers(1, 13)), int(rng.integers(1, 29))),
        t_score=float(np.clip(rng.normal(-0.5 - 0.035 * (age - 40) - 0.4 * (sex == "female"), 1.0), -5, 3)),
        films=int(rng.choice([1, 2, 3, 4, 5, 6], p=[0.5, 0.22, 0.12, 0.08, 0.05, 0.03])),
        **_past(rng),
    )
    return replace(made_up, history=_history(made_up))


def _past(rng: Generator) -> dict:
    before = str(date(2021, 1, 1) - timedelta(days=int(rng.integers(0, 1500))))
    what = rng.random()
    if what < 0.05:
        return {"earlier_dxa": before}
    if what < 0.08:
        return {"diagnosis": ("osteoporosis", before[:7])}
    if what < 0.10:
        return {"diagnosis": ("osteoporotic_fracture", before[:4])}
    if what < 0.13:
        return {"drug": (str(rng.choice(["denosumab", "bisphosphonate"])), before)}
    if what < 0.18:
        return {"drug": ("vitamin_d", before)}
    return {"died_on": "2022-12-09"} if what < 0.19 else {}


def _history(person: MadeUp) -> dict[str, str]:
    """Make up the baseline variables, as a chart would say them; what it doesn't say is left out."""
    rng = default_rng([20220104, person.place])
    found = {name: bool(rng.random() < often) for name, often in (FRACTURES | CAUSES | OTHERS).items()}
    found["fracture_osteoporotic"] = person.diagnosis[0] == "osteoporotic_fracture"
    found["fracture"] = any(has for name, has in found.items() if name.startswith("fracture_"))
    found["secondary_osteoporosis"] = any(found[name] for name in CAUSES)
    told = {name: "yes" if has else "no" for name, has in found.items()}
    told["bmi"] = f"{np.clip(rng.normal(23.5, 3.6), 15, 40):.1f}"
    return {name: said for name, said in told.items() if rng.random() > UNASKED}


def films_of(person: MadeUp) -> list[bytes]:
    """Make a person's films as DICOM files: mostly PA, some lateral, some unusable."""
    return list(_films(person))


def _films(person: MadeUp) -> Iterator[bytes]:
    rng = default_rng([20220102, person.place])
    build = Anatomy.draw(rng)
    for film in range(person.films):
        day = date(YEAR, 1, 1) + timedelta(days=int(rng.integers(0, 365)))
        header = _header(person, day, film)
        kind = rng.random()
        if kind < 0.05 and film:
            yield phantoms.unusable(str(rng.choice(UNUSABLE)), header)
        elif kind < 0.14 and film:
            yield phantoms.to_bytes(
                phantoms.to_dataset(phantoms.render_lateral(build, person.t_score, rng), header, view="LL")
            )
        else:
            picture = phantoms.render_pa(build, person.t_score, rng)
            yield phantoms.to_bytes(phantoms.to_dataset(picture, header, inverted=kind > 0.9))


def _header(person: MadeUp, day: date, film: int) -> Header:
    return Header(
        patient_id=person.number,
        patient_name=person.name,
        issuer=ISSUER,
        sex=person.sex[0].upper(),
        birth_date=person.birth_date,
        study_date=day,
        number=film,
    )
