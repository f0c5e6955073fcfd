"""Interim looks: taken by the monitoring committee's statistician, and what the committee recommends to the others."""

from collections.abc import Sequence

from analysis import interim, looks
from analysis.models import AnalysisMeaning, Course, Freeze, InterimLook, LookRecommendation, Unblinding
from analysis.plan import Interim
from analysis.services.plans import plan_in_force, put_signature
from analysis.services.reports import Report, report
from trial import audit
from trial.models import Trial, User
from trial.roles import Permission
from trial.services.signatures import require_own_password
from trial.services.trials import Refused, require

NOT_TAKEN = "No look was taken."


def take_look(
    frozen: Freeze, *, information: float | None = None, reason: str = "", by: User, password: str | None
) -> InterimLook:
    """Take the next look of a trial at a freeze and sign what it finds; it stays."""
    require(by, Permission.TAKE_LOOK, frozen.trial)
    require_own_password(by, password, frozen.trial)
    with audit.context(by=by, why="An interim look is taken"):
        Trial.objects.select_for_update(no_key=True).get(pk=frozen.trial_id)  # two at once get two numbers
        look = propose(frozen, information=information, reason=reason, by=by)
        look.save(force_insert=True)
        put_signature(look, AnalysisMeaning.LOOK, by=by)
        return look


def propose(frozen: Freeze, *, information: float | None = None, reason: str = "", by: User) -> InterimLook:
    """Return the look that would be stored, with all it finds; nothing is stored."""
    require(by, Permission.TAKE_LOOK, frozen.trial)
    planned, taken = _planned(frozen), looks_before(frozen.trial)
    _require_next(frozen, planned, taken)
    seen, reason = report(frozen), reason.strip()
    people = seen.primary.counts.n + seen.primary.counts.control_n
    reached = _information(people, planned, information, reason)
    look = InterimLook(
        trial=frozen.trial,
        freeze=frozen,
        plan=frozen.plan,
        number=len(taken) + 1,
        planned_looks=len(planned.information),
        endpoint=seen.plan.primary,
        people=people,
        people_planned=planned.people,
        information=reached,
        information_reason=reason,
        taken_by=by,
        **_found(seen, planned, taken, reached)._asdict(),
    )
    look.sha256 = look.content_sha256
    return look


def _found(seen: Report, planned: Interim, taken: Sequence[InterimLook], reached: float) -> looks.Found:
    if len(taken) + 1 == len(planned.information) and reached != 1:
        raise Refused(
            f"This is the last of {len(planned.information)} looks: its information is 1. If not everybody"
            f" planned is in it, declare 1 and say why. {NOT_TAKEN}"
        )
    try:
        return looks.find(seen.primary, planned, as_boundaries(taken), reached)
    except interim.BadDesign as no:
        raise Refused(f"{no} {NOT_TAKEN}") from None


def looks_before(trial: Trial, number: int | None = None) -> list[InterimLook]:
    """Return the looks of a trial in their order: those before a number, or all."""
    taken = InterimLook.objects.filter(trial=trial).select_related("freeze").defer("freeze__subjects")
    return list((taken if number is None else taken.filter(number__lt=number)).order_by("number"))


def as_boundaries(taken: Sequence[InterimLook]) -> list[interim.Look]:
    """Return looks as the boundaries that they had."""
    return [
        interim.Look(
            look.information,
            look.alpha_spent,
            look.boundary,
            None if look.boundary is None else interim.two_sided_p(look.boundary),
        )
        for look in taken
    ]


def design_of(look: InterimLook) -> interim.Design:
    """Return the boundaries of all looks, as they stood at this one."""
    planned = look.plan.plan.interim
    assert planned  # no look is taken by a plan without
    before = looks_before(look.trial, look.number)
    return looks.design_at(planned, as_boundaries(before), look.information)


def _planned(frozen: Freeze) -> Interim:
    plan = frozen.plan
    if plan is None or plan_in_force(plan.protocol_version) != plan:
        raise Refused(f"No signed analysis plan was in force when {frozen} was made. {NOT_TAKEN}")
    if plan.plan.interim is None:
        raise Refused(f"{plan} has no interim looks. {NOT_TAKEN}")
    return plan.plan.interim


def _require_next(frozen: Freeze, planned: Interim, taken: Sequence[InterimLook]) -> None:
    if Unblinding.objects.filter(trial=frozen.trial).exists():
        raise Refused(f"The arms are known: there is nothing interim any more. {NOT_TAKEN}")
    if found := next((look for look in taken if look.freeze_id == frozen.pk), None):
        raise Refused(
            f"{frozen} was looked at: {found}. Freeze the record anew for the next look. {NOT_TAKEN}"
        )
    if len(taken) >= len(planned.information) or (taken and taken[-1].information == 1):
        raise Refused(f"All looks of the plan were taken. {NOT_TAKEN}")
    if taken and frozen.cut_off <= taken[-1].freeze.cut_off:
        raise Refused(f"{frozen} is older than the last look. Choose a later freeze. {NOT_TAKEN}")


def _information(people: int, planned: Interim, declared: float | None, reason: str) -> float:
    share = people / planned.people if planned.people else None
    reached = share if declared is None else float(declared)
    if reached is None:
        raise Refused(
            f"The plan doesn't say how many people there will be: declare the share of the information, and say"
            f" what it was taken from. {NOT_TAKEN}"
        )
    if reached != share and not reason:
        known = "the plan doesn't say" if share is None else f"{people} of {planned.people} are {share:.4g}"
        raise Refused(f"Say why the information is {reached:g} ({known}). {NOT_TAKEN}")
    return reached


def recommend(
    look: InterimLook, *, course: Course | str, words: str, by: User, password: str | None
) -> LookRecommendation:
    """Release what the committee recommends after a look, to everybody who may see the trial; it stays."""
    trial = look.trial
    require(by, Permission.RELEASE_RECOMMENDATION, trial)
    if not words.strip():
        raise Refused("Write what the others are to read, without results. Nothing was released.")
    if LookRecommendation.objects.filter(look=look).exists():
        raise Refused(f"A recommendation after {look} is released, and it stays. Nothing was released.")
    require_own_password(by, password, trial)
    with audit.context(by=by, why="A recommendation is released"):
        released = LookRecommendation(look=look, course=course, words=words.strip(), by=by)
        released.sha256 = released.content_sha256
        released.save(force_insert=True)
        put_signature(released, AnalysisMeaning.RECOMMENDATION, by=by)
        return released
