"""Electronic signatures: a password again, a meaning, bound to the content's hash (21 CFR 11.50, 11.70, 11.200)."""

import logging

from django.db.models import QuerySet

from trial import audit
from trial.models import Cohort, Meaning, ProtocolVersion, Signature, Trial, TrialKind, User
from trial.roles import Permission
from trial.services.trials import Refused, require, require_unlocked

SIGNERS = 2  # different people, before a cohort is randomized or a protocol version takes effect
NEEDS = {Meaning.COHORT: Permission.SIGN_COHORT, Meaning.PROTOCOL: Permission.SIGN_PROTOCOL}
access_log = logging.getLogger("screentrial.access")


class NotSigned(Refused):
    """What must be signed first is not, or not as it stands now; the message says by how many."""

    code = "not_signed"


def sign(subject: Cohort | ProtocolVersion, *, by: User, password: str | None) -> Signature:
    """Sign a frozen cohort or a protocol version as it stands; signing twice is signing once."""
    trial, meaning = subject.trial, _meaning(subject)
    require(by, NEEDS[meaning], trial)
    require_unlocked(trial)
    require_own_password(by, password, trial)
    with audit.context(by=by, why=meaning.label):
        return Signature.objects.get_or_create(
            trial=trial, meaning=meaning, subject_id=subject.pk, content_sha256=subject.sha256, signer=by
        )[0]


def require_own_password(by: User, password: str | None, trial: Trial) -> None:
    """Ask for the signer's password again; None is taken outside live trials, where the staff is played."""
    if password is not None or trial.kind == TrialKind.LIVE:
        require_password(by, password, "Nothing was signed")


def require_password(by: User, password: str | None, otherwise: str) -> None:
    """Raise Refused unless this is the user's password; an attempt is logged."""
    if not by.check_password(password or ""):
        access_log.warning("act of user %s refused: wrong password", by.pk)
        raise Refused(f"This is not your password. {otherwise}; type it again.")


def _meaning(subject: Cohort | ProtocolVersion) -> Meaning:
    return Meaning.COHORT if isinstance(subject, Cohort) else Meaning.PROTOCOL


def signatures_of(subject: Cohort | ProtocolVersion) -> QuerySet[Signature]:
    """Return the signatures under a cohort or protocol version as it stands; for another content none counts."""
    given = Signature.objects.filter(subject_id=subject.pk, content_sha256=subject.sha256)
    return given.filter(meaning=_meaning(subject)).select_related("signer")


def given_under(subject: Cohort | ProtocolVersion) -> list[dict[str, str]]:
    """Return who signed, when, and what it says."""
    return [
        {
            "signer": s.signer.shown_name,
            "at": s.recorded_at.isoformat(timespec="seconds"),
            "meaning": str(s.get_meaning_display()),
        }
        for s in signatures_of(subject)
    ]


def require_signed(cohort: Cohort) -> None:
    """Raise NotSigned unless two different people have signed the cohort as it stands."""
    given = [s.signer.shown_name for s in signatures_of(cohort)]
    if len(given) < SIGNERS and cohort.trial.takes_signatures:
        so_far = f"{given[0]} has" if given else "nobody has yet"
        raise NotSigned(
            f"A cohort is randomized when {SIGNERS} people have signed it; {so_far}. Nobody was randomized."
        )
