"""Accounts after their creation: passwords, the end of an account."""

from axes.utils import reset
from django.db.models import QuerySet
from django.utils import timezone

from trial import audit
from trial.models import Membership, Trial, User
from trial.roles import Permission
from trial.services.delegation import end_entry
from trial.services.trials import Refused


def trials_kept(user: User) -> QuerySet[Trial]:
    """Return the trials whose accounts a user keeps: all, if their grant names none."""
    grants = Membership.objects.granting(user, Permission.MANAGE_ACCOUNTS)
    if grants.filter(trial__isnull=True).exists():
        return Trial.objects.all()
    return Trial.objects.filter(pk__in=grants.values("trial"))


def set_password(user: User, *, password: str, by: User) -> User:
    """Give a user a new password and lift a lock on their sign-in."""
    with audit.context(by=by, why=f"{user.username} is given a new password"):
        user.set_password(password)
        user.save(update_fields=["password"])
        return unlock(user, by=by)


def unlock(user: User, *, by: User) -> User:
    """Let a user sign in again who typed a wrong password too often."""
    with audit.context(by=by, why=f"{user.username} may try to sign in again"):
        user.access_restored_at = timezone.now()
        user.save(update_fields=["access_restored_at"])
        reset(username=user.username)
    return user


def close_account(user: User, *, by: User) -> User:
    """Shut an account and end its roles; what its owner did stays under their name."""
    if user.pk == by.pk:
        raise Refused("This is your own account. Ask another system administrator to close it.")
    with audit.context(by=by, why=f"The account of {user.username} is closed"):
        for entry in Membership.objects.current().filter(user=user):
            end_entry(entry, reason="The account is closed.", by=by)
        user.is_active = False
        user.save(update_fields=["is_active"])
    return user


def reopen_account(user: User, *, by: User) -> User:
    """Let a closed account sign in again; it has no role until it is given one."""
    with audit.context(by=by, why=f"The account of {user.username} is reopened"):
        user.is_active = True
        user.save(update_fields=["is_active"])
    return user
