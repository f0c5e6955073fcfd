"""The people of these stories."""

from datetime import timedelta

import pytest

from screening.services import cohort
from tests.browsing import set_clock
from tests.factories import freeze_and_sign, high_risk, in_arm, make_participant
from trial import clock


@pytest.fixture(autouse=True)
def noon(monkeypatch):
    """Let it be noon at the site."""
    set_clock(monkeypatch)


@pytest.fixture
def pair(world):
    """A woman of each arm, alike in everything else: (screening, control)."""
    high_risk(world, 4)
    frozen = freeze_and_sign(world)
    back = clock.now(world.trial) - timedelta(days=20)
    made = cohort.randomize_cohort(frozen, by=world.coordinator, occurred_at=back)
    return in_arm(made, "screening"), in_arm(made, "control")


@pytest.fixture
def woman(world):
    """Somebody registered and no more."""
    return make_participant(world, name="Opal Quill", number="H-4711")
