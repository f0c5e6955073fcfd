"""Trying a protocol version on test data before it takes effect, in a trial of its own that is kept as evidence."""

from collections.abc import Mapping
from itertools import product
from string import ascii_uppercase
from typing import NamedTuple

from django.db.models import Count
from django.utils import timezone

from trial import audit
from trial.allocation_log import OnHold
from trial.keys import KeyUnusable
from trial.models import Allocation, Membership, ProtocolVersion, Sex, SiteDay, Trial, TrialKind, User
from trial.protocol import Protocol
from trial.roles import Permission
from trial.services.trials import Refused, add_site, create_trial, require, require_unlocked
from trial.services.verification import Differs, verify
from trial.states import (
    ProtocolEvent,
    ProtocolState,
    TrialEvent,
    TrialState,
    next_protocol_state,
    next_trial_state,
)

LONGEST_CODE = 12
OLDEST = 120
MOST_EACH = 20  # made-up people in a combination of strata at once

Combination = Mapping[str, str]  # factor -> level


def try_draft(version: ProtocolVersion, *, by: User) -> Trial:
    """Make a test trial of this version: same sites, same people at work; a key, a log and films of its own."""
    require(by, Permission.EDIT_PROTOCOL, version.trial)
    require_unlocked(version.trial)
    _require_triable(version)
    with audit.context(by=by, why=f"{version} is tried on test data"):
        trial = Trial.objects.select_for_update(no_key=True).get(
            pk=version.trial_id
        )  # one code after the other
        made = create_trial(
            _code(version),
            title=f"TEST of {version}: {trial.title}"[:200],
            kind=TrialKind.TEST,
            clock_offset_days=trial.clock_offset_days,
            tries=version,
            by=by,
        )
        _copy_sites_and_staff(trial, made, by)
        return _opened(made, version)


def _require_triable(version: ProtocolVersion) -> None:
    if version.trial.is_test:
        raise Refused(f"{version} is tried here already. To change it, amend {version.trial.tries}.")
    if version.state not in (ProtocolState.DRAFT, ProtocolState.APPROVED):
        raise Refused(f"{version} is {version.state}: a version is tried before it takes effect.")
    if places := version.protocol.approval_problems():
        raise Refused(" ".join(["This version can't be tried yet.", *map(str, places)]))


def _code(version: ProtocolVersion) -> str:
    """Return the code of the next test trial of a version, such as TEST3OPSCAN, then TEST3BOPSCAN."""
    for again in ("", *ascii_uppercase[1:]):
        start = f"TEST{version.number}{again}"
        code = start + version.trial.code[: LONGEST_CODE - len(start)]
        if not Trial.objects.filter(code=code).exists():
            return code
    raise Refused(
        f"{version} was tried {len(ascii_uppercase)} times. Amend it, or go on with a test there is."
    )


def _copy_sites_and_staff(trial: Trial, made: Trial, by: User) -> None:
    same = ("number", "name", "time_zone", "calendar")
    sites = {
        site.pk: add_site(made, **{name: getattr(site, name) for name in same}, by=by)
        for site in trial.sites.all()
    }
    for day in SiteDay.objects.filter(site__trial=trial):
        SiteDay.objects.create(site=sites[day.site_id], day=day.day, opening=day.opening, reason=day.reason)
    for held in Membership.objects.in_force().filter(trial=trial):
        Membership.objects.create(
            user_id=held.user_id,
            role=held.role,
            trial=made,
            site=sites[held.site_id] if held.site_id else None,
            since=timezone.now(),
            until=held.until,
            given_by=by,
        )


def _opened(made: Trial, version: ProtocolVersion) -> Trial:
    """Put the definition in force in the test trial and open it: nobody approves or signs what binds nobody."""
    tried = ProtocolVersion.objects.create(
        trial=made,
        number=version.number,
        definition=version.definition,
        sha256=version.sha256,
        drafted_by=version.drafted_by,
    )
    for event in (ProtocolEvent.APPROVE, ProtocolEvent.ACTIVATE):
        tried.state = next_protocol_state(ProtocolState(tried.state), event)
        tried.save()
    made.state = next_trial_state(TrialState(made.state), TrialEvent.ACTIVATE)
    made.save()
    return made


def combinations(trial: Trial, protocol: Protocol) -> list[Combination]:
    """Return every combination of the strata and factors that a draw of the trial can go by."""
    ages = range(protocol.minimum_age, OLDEST)
    levels = {
        "site": [str(site.number) for site in trial.sites.all()],
        "sex": list(Sex.values),
        "age_group": list(dict.fromkeys(map(protocol.age_group, ages))),
    }
    used = [str(factor) for factor in protocol.allocation.used]
    return [dict(zip(used, values, strict=True)) for values in product(*(levels[name] for name in used))]


class Evidence(NamedTuple):
    """What was done in a test trial: people registered, allocations by combination, and what verification said."""

    trial: Trial
    sha256: str
    registered: int
    allocated: Mapping[str, int]
    fault: str  # of the verification; empty where key and history draw what is on record

    @property
    def least(self) -> int:
        """Return how many were allocated in the combination with the fewest."""
        return min(self.allocated.values(), default=0)

    @property
    def holds(self) -> bool:
        """Tell whether somebody was allocated in every combination and every draw was drawn again."""
        return self.least > 0 and not self.fault

    def __str__(self) -> str:
        open_ = [name for name, count in self.allocated.items() if not count]
        counts = "; ".join(f"{name}: {count}" for name, count in self.allocated.items())
        lacking = f"{len(open_)} of {len(self.allocated)} combinations without an allocation" if open_ else ""
        drawn = f"{sum(self.allocated.values())} allocated ({counts})"
        verified = self.fault or "every allocation verified"
        return f"{self.trial}: " + "; ".join(
            filter(None, [f"{self.registered} registered", drawn, lacking, verified])
        )


def tests_of(version: ProtocolVersion) -> list[Evidence]:
    """Return what was done in the tests of this very definition."""
    tests = Trial.objects.filter(tries__trial=version.trial_id, versions__sha256=version.sha256)
    return [evidence_of(test) for test in tests.order_by("code")]


def evidence_of(test: Trial) -> Evidence:
    """Count what was done in a test trial, and draw every allocation of it again."""
    version = test.protocol_version
    assert test.tries
    # The sites are those that the trial has now: one that joined since has to be tried too.
    counted = {_words(c): 0 for c in combinations(test.tries.trial, version.protocol)}
    drawn = Allocation.objects.filter(participant__trial=test).values_list("strata_values")
    for values, people in drawn.annotate(people=Count("pk")):
        counted[_words(values)] = counted.get(_words(values), 0) + people
    return Evidence(test, version.sha256, test.participants.count(), counted, _fault(test))


def _words(values: Combination) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {values[name]}" for name in sorted(values)) or "all"


def _fault(test: Trial) -> str:
    try:
        verify(test)
    except (Differs, KeyUnusable, OnHold) as found:
        return str(found)
    return ""
