"""Which registrations are one person: those that a hospital merged, until that is taken back."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from trial.models import Participant, PersonMerge, Trial
from trial.services.trials import Refused
from trial.statements import run

IN_A_MERGE = """
SELECT true FROM trial_personmerge WHERE undone_at IS NULL AND (participant_id = %s OR into_id = %s) LIMIT 1
"""


class Merges(NamedTuple):
    """The merges of a trial that stand: who counts for whom, by the key of either."""

    survivors: Mapping[UUID, Participant]
    merged: Mapping[UUID, Sequence[Participant]]


def merges_in(trial: Trial) -> Merges:
    """Read the merges of a trial that stand."""
    rows = PersonMerge.objects.standing().filter(participant__trial=trial)
    survivors: dict[UUID, Participant] = {}
    merged: dict[UUID, list[Participant]] = defaultdict(list)
    for row in rows.select_related("participant__site", "into__site", "into__person"):
        survivors[row.participant_id] = row.into
        merged[row.into_id].append(row.participant)
    return Merges(survivors, dict(merged))


def survivor(participant: Participant) -> Participant:
    """Return the registration that counts for a participant: the one they were merged into, or their own."""
    row = PersonMerge.objects.standing().filter(participant=participant).select_related("into").first()
    return row.into if row else participant


def of_one_person(participant: Participant) -> list[Participant]:
    """Return all registrations of a person in their trial, the one that counts first."""
    if not run(IN_A_MERGE, participant.pk, participant.pk):
        return [participant]  # as nearly everybody is
    first = survivor(participant)
    rows = PersonMerge.objects.standing().filter(into=first).select_related("participant")
    return [first, *(row.participant for row in rows)]


def require_counting(participant: Participant) -> None:
    """Raise Refused for a registration that is merged away: what happens to the person is told of the other."""
    if (first := survivor(participant)) != participant:
        raise Refused(f"{participant} is merged into {first}. Record it of {first}; nothing was recorded.")
