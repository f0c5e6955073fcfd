"""Accounts and roles, for the system administrator, who sees no clinical facts."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet

from trial.acts import Act
from trial.admin_forms import AccountForm, PasswordForm, RoleForm
from trial.models import Membership, User
from trial.role_admin import RoleInline, RoleModelAdmin, of_seen
from trial.roles import Permission
from trial.services import accounts, trials

MANAGE = Permission.MANAGE_ACCOUNTS


def memberships_under(user: Any) -> QuerySet[Membership]:
    """Return the memberships whose ends a user may see to."""
    everywhere = Membership.objects.granting(user, MANAGE).filter(trial__isnull=True).exists()
    return Membership.objects.filter(Q() if everywhere else Q(trial__in=accounts.trials_kept(user)))


def users_under(user: Any) -> QuerySet[User]:
    """Return all accounts for whoever keeps the installation's, else those of their trials and new ones."""
    grants = Membership.objects.granting(user, MANAGE)
    if not grants.exists():
        return User.objects.none()
    if grants.filter(trial__isnull=True).exists():
        return User.objects.all()
    mine = Q(pk__in=memberships_under(user).values("user")) | Q(memberships__isnull=True)
    return User.objects.filter(mine).distinct()


def _create(_: None, data: dict[str, Any], by: User) -> str:
    made = trials.create_account(data["username"], password=data["password"], name=data["name"], by=by)
    return f"{made.username} can sign in. Give them a role: without one they see nothing."


def _give(user: User, data: dict[str, Any], by: User) -> str:
    given = trials.give_role(user, **data, by=by)
    return f"{given} in {given.trial or 'the installation'}."


def _password(user: User, data: dict[str, Any], by: User) -> str:
    accounts.set_password(user, password=data["password"], by=by)
    return f"{user.username} has a new password."


def _end(membership: Membership, _: dict[str, Any], by: User) -> str:
    accounts.end_role(membership, by=by)
    return f"Ended: {membership}."


class RoleOfUserInline(RoleInline):
    """The roles of one account."""

    model = Membership
    permission = MANAGE
    fields = ("role", "trial", "site", "since", "until")

    def rows(self, user: Any) -> QuerySet:
        return memberships_under(user)


@admin.register(User)
class UserAdmin(RoleModelAdmin):
    """Accounts."""

    permission = MANAGE
    list_display = ("username", "first_name", "is_active", "last_login")
    list_filter = ("is_active",)
    search_fields = ("username", "first_name")
    ordering = ("username",)
    fields = ("username", "first_name", "is_active", "last_login", "date_joined")
    inlines = (RoleOfUserInline,)
    acts = (
        Act(
            "create",
            "Create an account",
            MANAGE,
            "The account has no role at first.",
            _create,
            AccountForm,
            alone=True,
        ),
        Act(
            "give",
            "Give a role",
            MANAGE,
            "From now on they see and do what the role says. One that would end their blindness is refused.",
            _give,
            RoleForm,
            possible=lambda user: user.is_active,
        ),
        Act(
            "password",
            "Set a new password",
            MANAGE,
            "Tell it to them yourself. It also lifts a lock.",
            _password,
            PasswordForm,
        ),
        Act(
            "unlock",
            "Unlock sign-in",
            MANAGE,
            "They may try to sign in again at once.",
            lambda user, _, by: f"{accounts.unlock(user, by=by)} may sign in again.",
        ),
        Act(
            "close",
            "Close the account",
            MANAGE,
            "They can't sign in any more and all their roles end. What they did stays under their name.",
            lambda user, _, by: f"The account of {accounts.close_account(user, by=by)} is closed.",
            possible=lambda user: user.is_active,
        ),
        Act(
            "reopen",
            "Reopen the account",
            MANAGE,
            "They can sign in again, without any role.",
            lambda user, _, by: f"The account of {accounts.reopen_account(user, by=by)} is open again.",
            possible=lambda user: not user.is_active,
        ),
    )

    def rows(self, user: Any) -> QuerySet:
        return users_under(user)

    def granted(self, user: Any, permission: Permission) -> QuerySet:
        return users_under(user) if permission == MANAGE else User.objects.none()


@admin.register(Membership)
class MembershipAdmin(RoleModelAdmin):
    """Who holds which role, where and when."""

    permission = MANAGE
    list_display = ("user", "role", "trial", "site", "since", "until")
    list_filter = (of_seen("trial"), "role")
    list_select_related = ("user", "trial", "site__trial")
    search_fields = ("user__username", "user__first_name")
    ordering = ("user__username", "since")
    fields = ("user", "role", "trial", "site", "since", "until")
    acts = (Act("end", "End the role", MANAGE, "It ends now. That it was held stays on record.", _end,
                possible=lambda held: held.until is None, together=True),)  # fmt: skip

    def rows(self, user: Any) -> QuerySet:
        return memberships_under(user)

    def granted(self, user: Any, permission: Permission) -> QuerySet:
        return memberships_under(user) if permission == MANAGE else Membership.objects.none()
