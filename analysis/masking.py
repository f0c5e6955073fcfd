"""What a blinded reader may hold in hand: pooled numbers, and rows with a dummy allocation."""

import csv
import hmac
import io
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from analysis.effects import DETECTED, EXAMINED, TREATED
from analysis.formats import events_of
from analysis.populations import INTENTION_TO_TREAT
from analysis.subjects import ARMS, CODEBOOK, HISTORY, SubjectRow

Row = Mapping[str, str]

_TELLS_ARM = (
    "called", "contact_outcome", "consented", "withdrawn", "allocation_error",
    "result_told", "treatment_referral", "score_told",
    "dxa_trial", "dxa_physician", "dxa_class_trial", "osteoporosis_trial", "dxa_on", "osteoporosis_on", "followed_to",
    "frax_major", "frax_hip", "frax_major_bmd", "frax_hip_bmd", "frax_model", "frax_trial",
)  # fmt: skip
# What a report by letter tells of each arm: beside outcomes it would let the arms of few people be worked out.
_HISTORY = (variable.name for variable in CODEBOOK if variable.source == HISTORY)
DEALT_APART = ("sex", "age", "iscd_age_sex", "films_counted", *_HISTORY)
_TELLS_RISK = ("risk_class", "films_positive", "not_randomized_reason")
# Only the screening arm is called and scanned by the trial; only named roles may read a control score.
LEFT_OUT: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(_TELLS_ARM, "left out: it would tell the arm")
    | dict.fromkeys(_TELLS_RISK, "left out: it would tell a risk outside the screening arm")
)
REPLACED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "study_number": ("row", "replaced by row: numbers the rows, drawn in random order; it names nobody"),
        "arm": (
            "dummy_arm",
            "replaced by dummy_arm: A or B dealt at random to the randomized; it says nothing about the true arm",
        ),
    }
)


class Pooled(NamedTuple):
    """One line of the pooled report: an outcome in both arms together."""

    label: str
    counted: str


def pooled(rows: Sequence[SubjectRow]) -> list[Pooled]:
    """Count the main outcomes in both arms together."""
    people = INTENTION_TO_TREAT.select(rows)
    return [
        Pooled(endpoint.label, events_of(sum(map(endpoint.happened, people)), len(people)))
        for endpoint in (EXAMINED, DETECTED, TREATED)
    ]


def dummy_csv(text: str, key: bytes) -> str:
    """Return a frozen CSV to write programs on: the facts are true, the allocation is a dummy drawn by a key.

    In a row of the randomized the baseline is somebody else's than the outcomes. What is dealt depends on the key, on
    who was randomized and on how many are in each arm, never on who is in which; so the file carries no information
    about the true allocation beyond what the facts hint at.
    """
    people = by_lot(csv.DictReader(io.StringIO(text)), key, "row")
    letters, baselines = _dummy_allocation(people, key), _baselines_of_others(people, key)
    out = io.StringIO()
    names = [REPLACED.get(v.name, (v.name,))[0] for v in CODEBOOK if v.name not in LEFT_OUT]
    writer = csv.DictWriter(out, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for number, row in enumerate(people, 1):
        replaced = {"row": str(number), "dummy_arm": letters.get(row["study_number"], "")}
        writer.writerow({**row, **baselines.get(row["study_number"], {}), **replaced})
    return out.getvalue()


def _dummy_allocation(people: Iterable[Row], key: bytes) -> dict[str, str]:
    """Deal A and B to the study numbers of the randomized, as many of each as the arms have people.

    Which of the two sizes A has is a lot as well: with a report by letter, a size would name its arm.
    """
    dealt = by_lot((row for row in people if row["arm"]), key, "arm")
    sizes = sorted(sum(row["arm"] == arm for row in dealt) for arm in ARMS)
    size = sizes[hmac.digest(key, b"size of A", "sha256")[0] % 2]
    return {row["study_number"]: "A" if n < size else "B" for n, row in enumerate(dealt)}


def _baselines_of_others(people: Iterable[Row], key: bytes) -> dict[str, Row]:
    """Deal the baselines of the randomized among them."""
    randomized = [row for row in people if row["arm"]]
    dealt = by_lot(randomized, key, "baseline")
    return {
        row["study_number"]: {name: other[name] for name in DEALT_APART}
        for row, other in zip(randomized, dealt, strict=True)
    }


def by_lot(people: Iterable[Row], key: bytes, purpose: str) -> list[Row]:
    """Return people in an order that the key draws, whatever order they come in."""
    return sorted(
        people, key=lambda row: hmac.digest(key, f"{purpose}:{row['study_number']}".encode(), "sha256")
    )


def in_dummy(name: str) -> str:
    """Say what became of a column in the dataset with the dummy allocation."""
    if name in DEALT_APART:
        return "of somebody else among the randomized, dealt at random: no row is one person"
    return LEFT_OUT.get(name) or REPLACED.get(name, ("", "as it is"))[1]
