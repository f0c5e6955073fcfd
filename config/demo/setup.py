"""The demonstration's trial, sites and accounts."""

import secrets
from dataclasses import dataclass

from django.utils import timezone

from analysis.plan import TEMPLATE
from analysis.services import plans
from screening.models import ModelVersion
from screening.services import registry, setup
from screening.services.setup import pin_model, with_waiver
from trial.models import Membership, Site, Trial, TrialKind, User
from trial.protocol import Protocol, template
from trial.protocol_parts import Weekday
from trial.roles import UNDELEGATED, Role
from trial.services import delegation, protocols, signatures, trials

CODE = "DEMO"
SITES = ((1, "North hospital (made up)", "Asia/Taipei"), (2, "South hospital (made up)", "Asia/Taipei"))
# The trial's calendar stands on this day of the offer's window, so that calls are open whenever this runs.
DAYS_AFTER_INDEX = 135
WAIVER = "none: a demonstration, nobody in it is real"


@dataclass(frozen=True)
class Account:
    """An account and, where it was made just now, its password."""

    user: User
    role: Role
    password: str | None


def accounts() -> list[Account]:
    """Return one account for each role; passwords exist only in this answer, the first time."""
    return [_account(role) for role in Role]


def _account(role: Role) -> Account:
    known = User.objects.filter(username=role.value).first()
    if known:
        return Account(known, role, None)
    password = secrets.token_urlsafe(9)
    user = trials.create_account(
        role.value, password=password, name=role.words[0].upper() + role.words[1:], by=None
    )
    return Account(user, role, password)


def ensure_roles(trial: Trial, cast: list[Account]) -> None:
    """Give each account its role in the trial, and let the investigator, who is the first, sign them."""
    investigator = by_role(cast)[Role.INVESTIGATOR]
    for account in cast:
        where = None if account.role is Role.SYSTEM_ADMINISTRATOR else trial
        if not Membership.objects.active(account.user).filter(role=account.role, trial=where).exists():
            entry = trials.give_role(account.user, role=account.role, trial=where, by=None)
            if account.role not in UNDELEGATED:
                delegation.sign_entry(entry, by=investigator, password=None)


def by_role(cast: list[Account]) -> dict[Role, User]:
    """Return the users by role."""
    return {account.role: account.user for account in cast}


def ensure_trial(cast: list[Account]) -> Trial:
    """Return trial DEMO, made from the OPSCAN template and active."""
    model = registry.register_model()
    protocol = demonstration_protocol(model)
    offset = (timezone.now().date() - protocol.index_date).days - DAYS_AFTER_INDEX
    trial = Trial.objects.filter(code=CODE).first() or trials.create_trial(
        CODE,
        title="Demonstration of AI screening for osteoporosis",
        kind=TrialKind.DEMONSTRATION,
        clock_offset_days=offset,
        by=None,
    )
    for number, name, time_zone in SITES:
        if not Site.objects.filter(trial=trial, number=number).exists():
            trials.add_site(trial, number=number, name=name, time_zone=time_zone, by=None)
    ensure_roles(trial, cast)
    return ensure_active(trial, protocol, by_role(cast))


def ensure_active(trial: Trial, protocol: Protocol, who: dict[Role, User]) -> Trial:
    """Draft, approve and activate the protocol by the people who may, unless that is done."""
    if trial.state == "draft":
        version = protocols.draft_protocol(trial, protocol=protocol, by=who[Role.COORDINATOR])
        signatures.sign(version, by=who[Role.COORDINATOR], password=None)
        version = protocols.approve_protocol(version, by=who[Role.RANDOMIZATION_STATISTICIAN])
        trial = setup.put_in_force(version, by=who[Role.INVESTIGATOR])
    return trial


def ensure_plan(trial: Trial, who: dict[Role, User]) -> None:
    """Declare the template as the trial's analysis plan and have it signed, unless that is done."""
    version = trial.protocol_version
    if plans.plan_in_force(version) is None:
        text = TEMPLATE.read_text(encoding="utf-8")
        plan = plans.declare_plan(version, text=text, by=who[Role.TRIAL_STATISTICIAN])
        for signer in (who[Role.TRIAL_STATISTICIAN], who[Role.INVESTIGATOR]):
            plans.sign_plan(plan, by=signer, password=None)


def demonstration_protocol(model: ModelVersion) -> Protocol:
    """Return the OPSCAN template fixed to a model, its threshold and the demonstration's waiver."""
    ready = with_waiver(pin_model(template("opscan"), model), WAIVER)
    # Whoever tries it may sit in any time zone, and nobody is really called.
    at_any_hour = {
        "contact.hours_from": "00:00",
        "contact.hours_to": "23:59",
        "contact.weekdays": list(Weekday),
    }
    return ready.amended(at_any_hour, note="So that the demonstration can be tried at any hour.")
