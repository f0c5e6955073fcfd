"""Analysis plans: declared, signed before the arms are known, and in force; and the moment the arms are known."""

from django.db.models import Count, QuerySet

from analysis import plan as plans
from analysis.guards import SIGNERS
from analysis.models import (
    AnalysisMeaning,
    AnalysisPlan,
    AnalysisSignature,
    Freeze,
    InterimLook,
    LookRecommendation,
    Unblinding,
)
from trial import audit
from trial.models import ProtocolVersion, Trial, User
from trial.roles import Permission
from trial.services.signatures import require_own_password
from trial.services.trials import Refused, require
from trial.states import TrialState

Signed = AnalysisPlan | Freeze | InterimLook | LookRecommendation


def declare_plan(version: ProtocolVersion, *, text: str, by: User) -> AnalysisPlan:
    """Write down a plan for a protocol version; until one is signed, the newest is the one to be signed."""
    require(by, Permission.WRITE_PLAN, version.trial)
    try:
        plans.read(text)
    except plans.PlanError as no:
        raise Refused(" ".join(["This is no plan yet; nothing was saved.", *no.problems])) from None
    if plan_in_force(version):
        raise Refused(f"{version} has a signed plan, and it stays. Amend the protocol to have another.")
    with audit.context(by=by, why="An analysis plan is declared"):
        last = version.plans.order_by("-number").first()
        if last and last.text == text:
            return last
        return AnalysisPlan.objects.create(
            protocol_version=version,
            number=last.number + 1 if last else 1,
            text=text,
            sha256=plans.sha256_of(text),
            declared_by=by,
        )


def sign_plan(plan: AnalysisPlan, *, by: User, password: str | None) -> AnalysisSignature:
    """Sign a plan as it stands, before the arms are known; signing twice is signing once."""
    trial = plan.trial
    require(by, Permission.SIGN_PLAN, trial)
    if Unblinding.objects.filter(trial=trial).exists():
        raise Refused(
            "The arms of this trial are known: what is planned now is post hoc. Nothing was signed."
        )
    newest = plan.protocol_version.plans.order_by("-number").first()
    if newest != plan:
        raise Refused(f"{newest} took the place of this plan. Nothing was signed; sign that one.")
    require_own_password(by, password, trial)
    return put_signature(plan, AnalysisMeaning.PLAN, by=by)


def sign_freeze(freeze: Freeze, *, by: User, password: str | None) -> AnalysisSignature:
    """Sign that a frozen dataset is what is analyzed."""
    require(by, Permission.FREEZE_DATASET, freeze.trial)
    require_own_password(by, password, freeze.trial)
    return put_signature(freeze, AnalysisMeaning.FREEZE, by=by)


def put_signature(subject: Signed, meaning: AnalysisMeaning, *, by: User) -> AnalysisSignature:
    """Write the signature of somebody who may give it and has typed the password."""
    with audit.context(by=by, why=meaning.label):
        return AnalysisSignature.objects.get_or_create(
            subject_id=subject.pk,
            meaning=meaning,
            signer=by,
            defaults={"trial": subject.trial, "content_sha256": subject.sha256},
        )[0]


def signatures_of(subject: Signed) -> QuerySet[AnalysisSignature]:
    """Return the signatures under a plan, freeze, look or recommendation as it stands."""
    given = AnalysisSignature.objects.filter(subject_id=subject.pk, content_sha256=subject.sha256)
    return given.select_related("signer")


def plan_in_force(version: ProtocolVersion) -> AnalysisPlan | None:
    """Return the plan that two people have signed; where nobody signs anything, the newest one."""
    if not version.trial.takes_signatures:
        return version.plans.order_by("-number").first()
    signed = AnalysisSignature.objects.filter(meaning=AnalysisMeaning.PLAN).values("subject_id")
    enough = signed.annotate(signers=Count("signer", distinct=True)).filter(signers__gte=SIGNERS)
    return version.plans.filter(pk__in=enough.values("subject_id")).first()


def unblind_results(trial: Trial, *, reason: str, by: User, password: str | None) -> Unblinding:
    """Let the arms be known to whoever reads the reports of a locked trial; it can't be taken back."""
    require(by, Permission.UNBLIND_RESULTS, trial)
    if not reason.strip():
        raise Refused("Say why the arms are made known, such as “final analysis”. Nothing was changed.")
    if known := Unblinding.objects.filter(trial=trial).first():
        return known
    if trial.state != TrialState.LOCKED:
        raise Refused(
            f"Trial {trial} is {trial.state}. Lock it first: then nothing can change that is compared."
        )
    plan = plan_in_force(trial.protocol_version)
    if plan is None or signatures_of(plan).count() < SIGNERS:
        raise Refused(
            f"No analysis plan is signed by {SIGNERS} people. Declare one and have it signed first."
        )
    require_own_password(by, password, trial)
    with audit.context(by=by, why=f"The arms are made known: {reason}"):
        return Unblinding.objects.create(trial=trial, plan=plan, reason=reason, by=by)


def sees_arms(user: User, frozen: Freeze) -> bool:
    """Tell whether a report shows this user its arms: by role, or because the trial is unblinded."""

    def may(permission: Permission) -> bool:
        return Freeze.objects.visible_to(user, permission).filter(pk=frozen.pk).exists()

    if may(Permission.SEE_REPORT_BY_ARM):
        return True
    return Unblinding.objects.filter(trial=frozen.trial_id).exists() and may(Permission.SEE_REPORT_POOLED)
