"""The lists of a trial: begun, gone on with, uploaded; and the key behind them, changed."""

import hashlib
import json
from collections.abc import Mapping, Sequence

from django.db.models import Count

from trial import audit
from trial.allocation_rules import Method
from trial.chances import STRATUM, Margins, Tally
from trial.crypto import open_with, seal_for
from trial.keys import current_epoch, ensure_key, trial_key
from trial.models import Allocation, KeyEpoch, Stratum, Trial, TrialKind, UploadedList, User
from trial.protocol_parts import Allocation as Plan
from trial.randomization import Draw, ListExhausted, draw, uploaded_faults
from trial.roles import Permission
from trial.services.conduct import stamp
from trial.services.trials import Refused, require
from trial.statements import Read, send, together
from trial.streams import RuleError

OF_A_LABEL = "WHERE it.trial_id = %s AND it.label = %s AND it.key_epoch = %s AND it.arms = %s"
LOCKED = Read(Stratum, rest=f"{OF_A_LABEL} ORDER BY it.list_version FOR UPDATE")
LAST = f"""SELECT it.id, a.arm, a.counts_before FROM trial_stratum it
             JOIN trial_allocation a ON a.stratum_id = it.id AND a.sequence = it.drawn {OF_A_LABEL}"""  # noqa: S608


def list_in_use(trial: Trial, plan: Plan, *, label: str, epoch: int, cohort_size: int | None) -> Stratum:
    """Lock and return the list that the next draw of a stratum is taken from; one used up where there is no other.

    Everybody who draws from this stratum waits here, so slots are used in order and none twice. Lists made under
    an earlier key are never drawn from again.
    """
    if found := _with_room(trial, plan, label, epoch):
        return found
    # Lists are begun by one after the other: who waited here finds the one that was begun meanwhile.
    Trial.objects.select_for_update(no_key=True).get(pk=trial.pk)
    if found := _with_room(trial, plan, label, epoch):
        return found
    made = trial.strata.filter(label=label, key_epoch=epoch, arms=arms_of(plan))
    last = made.order_by("-list_version").first()
    whole = plan.drawn_by is Method.RANDOM_ALLOCATION_RULE
    if last and not (whole and cohort_size and not plan.total):
        return last
    if plan.drawn_by is Method.UPLOADED_LIST:
        raise RuleError(
            f"This protocol draws from an uploaded list and none was given for {label}. Upload it first"
        )
    return _begin(trial, plan, label, epoch, (plan.total or cohort_size) if whole else None)


def arms_of(plan: Plan) -> str:
    """Return the arms of a list begun now: when one is dropped, every stratum goes on with another list."""
    return ",".join(sorted(arm for arm, _ in plan.open_arms))


def _with_room(trial: Trial, plan: Plan, label: str, epoch: int) -> Stratum | None:
    wanted = (trial.pk, label, epoch, arms_of(plan))
    with together():  # one after the other: what was drawn last is asked when the lists are locked
        lists, last = LOCKED.send(*wanted), send(LAST, *wanted)
    found = next((row for row in LOCKED.rows(lists) if row.total is None or row.drawn < row.total), None)
    if found:
        found.trial = trial
        found.last_draw = next(((arm, counts) for of, arm, counts in last.fetchall() if of == found.pk), None)
    return found


def _begin(trial: Trial, plan: Plan, label: str, epoch: int, total: int | None) -> Stratum:
    last = trial.strata.filter(label=label).order_by("-list_version").first()
    version = last.list_version + 1 if last else 1
    return Stratum.objects.create(
        trial=trial, label=label, list_version=version, key_epoch=epoch, total=total, arms=arms_of(plan)
    )


def tally_of(stratum: Stratum, plan: Plan) -> Tally:
    """Count who was allocated in a stratum so far, from whichever of its lists."""
    if not plan.factors and stratum.last_draw and (counted := _counted_on(*stratum.last_draw, plan)):
        return counted
    tally = Tally(plan.arms)
    made = Allocation.objects.filter(stratum__trial=stratum.trial, stratum__label=stratum.label)
    for arm, used, people in made.values_list("arm", "strata_values").annotate(people=Count("pk")):
        tally.add(arm, used, people)
    return tally


def _counted_on(arm: str, said: str, plan: Plan) -> Tally | None:
    """Count on from what the last draw of a list went by: every draw takes as long as the first."""
    before = json.loads(said)
    if STRATUM not in before:  # drawn by an engine that kept no counts
        return None
    tally = Tally(plan.arms)
    tally.add(arm, {})
    for counted, people in before[STRATUM].items():
        tally.add(counted, {}, people)
    return tally


def upload_list(trial: Trial, *, arms: Sequence[str], by: User, label: str = "all") -> UploadedList:
    """Seal a list made elsewhere with the trial's key; the database keeps ciphertext and its hash alone.

    A stratum that has a list goes on with this one when that is used up.
    """
    plan = _plan_of_uploads(trial, by)
    if faults := uploaded_faults(arms, plan.arms):
        raise Refused(" ".join(faults))
    if plan.strata_of(label) is None:
        raise Refused(
            f"This protocol has no stratum {label!r}. Write it as it stands beside the allocations."
        )
    if UploadedList.objects.filter(sha256=_sha256(arms)).exists():
        raise Refused(
            "This very list was uploaded before, here or in a test. Draw a new one: this one may be known."
        )
    return _seal(trial, plan, label, arms, by)


def record_list(trial: Trial, *, arms: Sequence[str], by: User, label: str) -> UploadedList:
    """Seal the arms that a recorded trial drew, by place; short lists may be alike, and keep no ratio yet."""
    plan = _plan_of_uploads(trial, by)
    if trial.kind != TrialKind.RECORDED:
        raise Refused("Only a recorded trial brings its allocations along. Nothing was recorded.")
    return _seal(trial, plan, label, arms, by)


def _plan_of_uploads(trial: Trial, by: User) -> Plan:
    require(by, Permission.UPLOAD_ALLOCATION_LIST, trial)
    plan = trial.protocol.allocation
    if plan.drawn_by is not Method.UPLOADED_LIST:
        raise Refused("This trial draws from its own list. A trial has a list or a method, never both.")
    return plan


def _sha256(arms: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(arms).encode()).hexdigest()


def _seal(trial: Trial, plan: Plan, label: str, arms: Sequence[str], by: User) -> UploadedList:
    with audit.context(by=by, why=f"An allocation list of {len(arms)} is uploaded"):
        Trial.objects.select_for_update(no_key=True).get(pk=trial.pk)
        stratum = _begin(trial, plan, label, current_epoch(trial), len(arms))
        return UploadedList.objects.create(
            stratum=stratum,
            sealed=seal_for(trial_key(trial), "\n".join(arms), f"allocation-list:{stratum.pk}"),
            sha256=_sha256(arms),
            length=len(arms),
        )


def counts_before(plan: Plan, tally: Tally, levels: Mapping[str, str | None]) -> Margins:
    """Return the counts that the draw for somebody with these levels goes by."""
    found = tally.margins([str(factor) for factor, _ in plan.factors], levels)
    still = dict(plan.open_arms)
    return {factor: {arm: n for arm, n in counts.items() if arm in still} for factor, counts in found.items()}


def draw_place(
    stratum: Stratum, plan: Plan, *, key: bytes, index: int, before: Margins, uploaded: Sequence[str] | None
) -> Draw:
    """Draw a place of a stratum's list; raise ListExhausted past its end."""
    rule = plan.rule(stratum.total)
    return draw(rule, key=key, label=stratum.stream, index=index, uploaded=uploaded, before=before)


def draw_again(
    stratum: Stratum, plan: Plan, *, key: bytes, index: int, before: Margins, uploaded: Sequence[str] | None
) -> Draw | None:
    """Draw a place that was drawn before; None where the list has no such place."""
    try:
        return draw_place(stratum, plan, key=key, index=index, before=before, uploaded=uploaded)
    except (ListExhausted, RuleError):
        return None


def uploaded_arms(stratum: Stratum, plan: Plan, key: bytes) -> list[str] | None:
    """Open the list of a stratum, where the protocol draws from an uploaded one."""
    if plan.drawn_by is not Method.UPLOADED_LIST:
        return None
    sealed = UploadedList.objects.filter(stratum=stratum).first()
    return open_with(key, sealed.sealed, f"allocation-list:{stratum.pk}").split("\n") if sealed else None


def change_key(trial: Trial, *, reason: str, by: User) -> KeyEpoch:
    """Make a new sealed key: every stratum goes on with a list of its own under it; what was drawn stays."""
    require(by, Permission.UPLOAD_ALLOCATION_LIST, trial)
    if not reason.strip():
        raise Refused("Write why the key is changed: it may have been seen, an officer left, other.")
    with audit.context(by=by, why=reason):
        trial = Trial.objects.select_for_update().get(pk=trial.pk)
        number = current_epoch(trial) + 1
        return KeyEpoch.objects.create(
            trial=trial,
            number=number,
            key_fingerprint=ensure_key(trial.code, number),
            reason=reason,
            begun_by=by,
            **stamp(trial, None),
        )
