"""The delegation log: an entry grants from the signature of an investigator until it ends (ICH E6(R3) 2.3.3)."""

from django.db.models import Q
from django.utils import timezone

from trial import audit
from trial.models import Meaning, Membership, Signature, User
from trial.models.trials import not_ended, signed
from trial.roles import UNDELEGATED, Permission, Role
from trial.services.signatures import require_own_password
from trial.services.trials import Refused
from trial.steps import Steps

ENTRY_STEPS: Steps = {
    "waiting": ("waiting for a signature", lambda: not_ended() & ~signed()),
    "standing": ("in force, or yet to begin", lambda: not_ended() & signed()),
    "ended": ("ended", lambda: ~not_ended()),
}


def sign_entry(entry: Membership, *, by: User, password: str | None) -> Membership:
    """Sign an entry, which grants from now on; signing it again changes nothing.

    It may be done after the trial is locked, for inspectors come then too.
    """
    _require_may_sign(entry, by)
    trial = entry.trial
    assert trial  # an entry of the installation is nobody's to sign
    require_own_password(by, password, trial)
    with audit.context(by=by, why=Meaning.DELEGATION.label):
        entry = Membership.objects.select_for_update(of=("self",)).get(pk=entry.pk)
        _require_open(entry)
        if entry.signature_id is None:
            entry.signature = Signature.objects.create(
                trial=trial,
                meaning=Meaning.DELEGATION,
                subject_id=entry.subject_id,
                content_sha256=entry.sha256,
                signer=by,
            )
            entry.save(update_fields=["signature"])
    return entry


def _require_may_sign(entry: Membership, by: User) -> None:
    if entry.role in UNDELEGATED:
        raise Refused(f"{entry} is in force without a signature: nobody delegates this role.")
    if entry.user_id == by.pk:
        raise Refused("This entry is your own. Another investigator of the trial must sign it.")
    here = Q(site__isnull=True) | Q(site=entry.site_id)
    grants = Membership.objects.granting(by, Permission.SIGN_DELEGATION)
    if not grants.filter(here, trial=entry.trial).exists():
        place = entry.site or f"all sites of trial {entry.trial}"
        raise Refused(f"An investigator of {place} signs this entry, and nobody else.")


def _require_open(entry: Membership) -> None:
    ended = entry.ended_at or entry.until
    if ended and ended <= timezone.now():
        raise Refused(f"This entry ended on {ended:%Y-%m-%d} already. Enter the role anew if it is needed.")


def end_entry(entry: Membership, *, reason: str, by: User) -> Membership:
    """End an entry now; that it was held, by whom, until when and why it ended stays on record."""
    with audit.context(by=by, why=f"{entry.user.username} is no longer {Role(entry.role).words}: {reason}"):
        entry = Membership.objects.select_for_update(of=("self",)).get(pk=entry.pk)
        _require_open(entry)
        entry.ended_at, entry.ended_by, entry.end_reason = timezone.now(), by, reason
        entry.save(update_fields=["ended_at", "ended_by", "end_reason"])
    return entry
