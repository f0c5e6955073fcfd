"""What is done to a site once films are known of."""

from collections.abc import Callable
from typing import Any

from screening.services.site_intake import accept_secondary_captures, accepts_secondary_captures
from trial.acts import Act
from trial.admin_forms import ReasonForm
from trial.models import Site, User
from trial.roles import Permission
from trial.states import FINAL


def _accept(accepted: bool) -> Callable[[Site, dict[str, Any], User], str]:
    def run(site: Site, data: dict[str, Any], by: User) -> str:
        accept_secondary_captures(site, accepted=accepted, by=by, **data)
        return f"Secondary captures of {site} are {'taken from now on' if accepted else 'no longer taken'}."

    return run


def _may(accepted: bool) -> Callable[[Site], bool]:
    return lambda site: site.trial.state not in FINAL and accepts_secondary_captures(site) is not accepted


INTAKE_ACTS = (
    Act(
        name="take-captures",
        label="Take secondary captures",
        permission=Permission.SET_INTAKE,
        says="Chest films that this site sends as Secondary Capture are taken, marked as such. They may lack the "
        "original gray scale and header: do this only where the originals can't be had.",
        run=_accept(True),
        form=ReasonForm,
        possible=_may(True),
    ),
    Act(
        name="refuse-captures",
        label="Take no secondary captures",
        permission=Permission.SET_INTAKE,
        says="Secondary captures of this site are set aside from now on. Those that came before stay as they are.",
        run=_accept(False),
        form=ReasonForm,
        possible=_may(False),
    ),
)
