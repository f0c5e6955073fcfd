"""Accounts and roles, for the system administrator, who sees no clinical facts."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet

from trial.acts import Act
from trial.admin_forms import AccountForm, PasswordForm, ReasonForm, RoleForm, SignForm
from trial.history import NOTHING
from trial.models import Membership, User
from trial.role_admin import RoleInline, RoleModelAdmin, StepFilter, of_seen
from trial.roles import MATRIX, UNDELEGATED, Permission, Role
from trial.services import accounts, delegation, trials

MANAGE = Permission.MANAGE_ACCOUNTS


def users_under(user: Any) -> QuerySet[User]:
    """Return all accounts for whoever keeps the installation's, else those of their trials and new ones."""
    grants = Membership.objects.granting(user, MANAGE)
    if not grants.exists():
        return User.objects.none()
    if grants.filter(trial__isnull=True).exists():
        return User.objects.all()
    mine = Q(pk__in=Membership.objects.visible_to(user, MANAGE).values("user")) | Q(memberships__isnull=True)
    return User.objects.filter(mine).distinct()


def _create(_: None, data: dict[str, Any], by: User) -> str:
    made = trials.create_account(data["username"], password=data["password"], name=data["name"], by=by)
    return f"{made.username} can sign in. Give them a role: without one they see nothing."


def _give(user: User, data: dict[str, Any], by: User) -> str:
    given = trials.give_role(user, **data, by=by)
    waits = "" if given.role in UNDELEGATED else " It grants nothing until the investigator has signed it."
    return f"{given} in {given.trial or 'the installation'}.{waits}"


def _password(user: User, data: dict[str, Any], by: User) -> str:
    accounts.set_password(user, password=data["password"], by=by)
    return f"{user.username} has a new password."


def _sign(entry: Membership, data: dict[str, Any], by: User) -> str:
    delegation.sign_entry(entry, by=by, password=data["password"])
    return f"You have signed: {entry}. They can begin."


def _end(entry: Membership, data: dict[str, Any], by: User) -> str:
    delegation.end_entry(entry, reason=data["reason"], by=by)
    return f"Ended: {entry}."


def signed_by(entry: Membership) -> str:
    """Return by whose signature an entry is in force, or why without."""
    if entry.signature:
        return f"{entry.signature.signer.shown_name}, {entry.signature.recorded_at:%Y-%m-%d %H:%M} UTC"
    if entry.role in UNDELEGATED:
        return "needs no signature"
    return "in force before entries were signed" if entry.carried_over else "nobody yet"


def _facts(entry: Membership) -> Mapping[str, str]:
    """Return what a signature of the entry stands for."""
    return {
        "Person": f"{entry.user.shown_name} ({entry.user.username})",
        "Tasks": entry.tasks,
        "Where": str(entry.site or entry.trial or "the installation"),
        "Since": f"{entry.since:%Y-%m-%d %H:%M} UTC",
        "Until": f"{entry.until:%Y-%m-%d %H:%M} UTC" if entry.until else "open",
    }


def _stops(entry: Membership) -> Mapping[str, str]:
    stopped = ", ".join(sorted(p.words for p in MATRIX[Role(entry.role)]))
    return {**_facts(entry), "By this entry they can no longer": stopped}


class RoleOfUserInline(RoleInline):
    """The roles of one account."""

    model = Membership
    fk_name = "user"
    permission = MANAGE
    fields = ("role", "trial", "site", "since", "until", "signed", "ended_at")

    def rows(self, user: Any) -> QuerySet:
        return Membership.objects.visible_to(user, MANAGE).select_related("signature__signer")

    @admin.display(description="signed by")
    def signed(self, entry: Membership) -> str:
        return signed_by(entry)


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
            "It is entered into the delegation log. An investigator's own role holds at once; any other grants "
            "nothing until the investigator has signed it. One that would end their blindness is refused.",
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


class EntrySteps(StepFilter):
    steps = delegation.ENTRY_STEPS


@admin.register(Membership)
class MembershipAdmin(RoleModelAdmin):
    """The delegation log: who holds which role, where, when and by whose signature."""

    list_display = ("person", "role", "trial", "site", "since", "until", "signed", "ended_at")
    list_filter = (of_seen("trial"), EntrySteps, "role")
    list_select_related = ("user", "trial", "site__trial", "signature__signer")
    search_fields = ("user__username", "user__first_name")
    ordering = ("user__username", "since")
    fields = (
        *("person", "role", "trial", "site", "since", "until"),
        *("given", "signed", "ended_at", "ended", "end_reason"),
    )
    tells = {"person": "user", "given": "given_by", "signed": "signature", "ended": "ended_by"}
    acts = (
        Act(
            "sign",
            "Sign",
            Permission.SIGN_DELEGATION,
            "With your name, the date and your password you confirm: I delegate these tasks to this person. Each entry "
            "grants from now on, until it ends.",
            _sign,
            SignForm,
            possible=lambda entry: (
                entry.signature_id is None and entry.ended_at is None and entry.role not in UNDELEGATED
            ),
            facts=_facts,
            together=True,
        ),
        Act(
            "end",
            "End the role",
            Permission.END_DELEGATION,
            "It ends now, in the middle of their session too. That it was held stays on record.",
            _end,
            ReasonForm,
            possible=lambda entry: entry.ended_at is None,
            facts=_stops,
            together=True,
        ),
    )

    @admin.display(ordering="user__username")
    def person(self, entry: Membership) -> str:
        return f"{entry.user.shown_name} ({entry.user.username})"

    @admin.display(description="entered by")
    def given(self, entry: Membership) -> str:
        return entry.given_by.shown_name if entry.given_by else NOTHING

    @admin.display(description="signed by")
    def signed(self, entry: Membership) -> str:
        return signed_by(entry)

    @admin.display(description="ended by")
    def ended(self, entry: Membership) -> str:
        return entry.ended_by.shown_name if entry.ended_by else NOTHING
