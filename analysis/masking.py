"""What a blinded reader may hold in hand: pooled numbers, and rows whose arms are scrambled."""

import csv
import hmac
import io
from collections.abc import Sequence
from typing import NamedTuple

from analysis.effects import DETECTED, EXAMINED, TREATED
from analysis.formats import events_of
from analysis.populations import INTENTION_TO_TREAT
from analysis.subjects import CODEBOOK, SubjectRow

# Columns that tell the arm to whoever knows how the trial works: only the screening arm is called and scanned by it.
REVEALING = frozenset(
    {
        "called", "contact_outcome", "consented", "withdrawn", "dxa_trial", "dxa_physician", "dxa_class_trial",
        "osteoporosis_trial", "randomized_in_error",
    }
)  # fmt: skip


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


def scrambled_csv(text: str, key: bytes) -> str:
    """Return a frozen CSV with arms as A and B, by keyed choice, without the columns that tell the arm."""
    names = [v.name for v in CODEBOOK if v.name not in REVEALING]
    codes = _codes(key)
    out = io.StringIO()
    writer = csv.DictWriter(out, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(row | {"arm": codes[row["arm"]]} for row in csv.DictReader(io.StringIO(text)))
    return out.getvalue()


def _codes(key: bytes) -> dict[str, str]:
    first = hmac.digest(key, b"which arm is A", "sha256")[0] % 2
    arms = ("screening", "control") if first else ("control", "screening")
    return {"": "", arms[0]: "A", arms[1]: "B"}
