"""Steps of a participant through the trial: lists are filtered and the dashboard counts by the same."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from django.db.models import Q

from trial.states import State

# Name -> what it is called, and the condition on a row.
Steps: TypeAlias = Mapping[str, tuple[str, Q | Callable[[], Q]]]

PARTICIPANT_STEPS: Steps = {
    # Whoever was allocated stays in the flow, whatever happened to them afterwards.
    "eligible": ("found eligible", Q(state=State.ELIGIBLE) | Q(allocation__isnull=False)),
    "randomized": ("randomized", Q(allocation__isnull=False)),
}


def condition(steps: Steps, name: str) -> Q:
    """Return the condition of a step."""
    found = steps[name][1]
    return found if isinstance(found, Q) else Q(found())
