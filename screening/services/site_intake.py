"""What a site may send: secondary captures are taken only where somebody said so, and why."""

from screening.models import SiteIntake
from trial import audit
from trial.models import Site, User
from trial.roles import Permission
from trial.services.trials import Refused, require, require_unlocked


def accept_secondary_captures(site: Site, *, accepted: bool, reason: str, by: User) -> SiteIntake:
    """Let a site send its chest films as secondary captures from now on, or no longer."""
    require(by, Permission.SET_INTAKE, site.trial, site)
    if not reason.strip():
        raise Refused("Write why: a secondary capture may lack what the original radiograph has.")
    said = "are taken" if accepted else "are no longer taken"
    with audit.context(by=by, why=f"Secondary captures of {site} {said}: {reason}"):
        require_unlocked(site.trial)
        return SiteIntake.objects.update_or_create(site=site, defaults={"secondary_capture": accepted})[0]


def accepts_secondary_captures(site: Site) -> bool:
    """Tell whether a site may send secondary captures; by default it may not."""
    return SiteIntake.objects.filter(site=site, secondary_capture=True).exists()
