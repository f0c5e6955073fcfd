"""Analysis plans: listed, declared, read, signed; and the arms made known."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from analysis.forms import PasswordForm, PlanForm, UnblindForm
from analysis.models import AnalysisPlan, Unblinding
from analysis.plan import TEMPLATE
from analysis.plan_prose import prose
from analysis.services import plans
from trial.models import Trial
from trial.pages import SignedIn, may, page, refusals
from trial.roles import Permission

P = Permission


@page(P.SEE_TRIAL)
def all_plans(request: SignedIn) -> HttpResponse:
    """List the plans of the user's trials, and declare one."""
    may_write = Trial.objects.visible_to(request.user, P.WRITE_PLAN).exists()
    start = {"text": TEMPLATE.read_text(encoding="utf-8")}
    form = PlanForm(request.POST or None, user=request.user, initial=start) if may_write else None
    if request.method == "POST" and form and form.is_valid():
        with refusals(lambda message: form.add_error("text", message)):
            version = form.cleaned_data["trial"].protocol_version
            found = plans.declare_plan(version, text=form.cleaned_data["text"], by=request.user)
            messages.success(request, f"{found} is declared. It holds when two people have signed it.")
            return redirect("plan", found.pk)
    listed = AnalysisPlan.objects.visible_to(request.user).select_related(
        "protocol_version__trial", "declared_by"
    )
    in_force = {plans.plan_in_force(plan.protocol_version) for plan in listed}
    rows = [(plan, plan in in_force) for plan in listed]
    return render(request, "analysis/plans.html", {"plans": rows, "form": form})


@page(P.SEE_TRIAL)
def plan(request: SignedIn, pk: UUID) -> HttpResponse:
    """Show a plan in sentences with its signatures; sign it, or make the arms known by it."""
    found = get_object_or_404(
        AnalysisPlan.objects.visible_to(request.user).select_related("protocol_version__trial"), pk=pk
    )
    sign = PasswordForm(request.POST if "sign" in request.POST else None, prefix="sign")
    unblind = UnblindForm(request.POST if "unblind" in request.POST else None, prefix="unblind")
    if "sign" in request.POST and sign.is_valid():
        with refusals(lambda message: sign.add_error(None, message)):
            plans.sign_plan(found, by=request.user, password=sign.cleaned_data["password"])
            messages.success(request, f"You signed {found}.")
            return redirect("plan", found.pk)
    if "unblind" in request.POST and unblind.is_valid():
        with refusals(lambda message: unblind.add_error(None, message)):
            plans.unblind_results(found.trial, by=request.user, **unblind.cleaned_data)
            messages.success(request, "The arms are known to whoever reads the reports of this trial.")
            return redirect("plan", found.pk)
    return render(request, "analysis/plan.html", _shown(request, found) | {"sign": sign, "unblind": unblind})


def _shown(request: SignedIn, found: AnalysisPlan) -> dict[str, object]:
    given = list(plans.signatures_of(found))
    known = Unblinding.objects.filter(trial=found.trial).first()
    in_force = plans.plan_in_force(found.protocol_version) == found
    signed = request.user.pk in {signature.signer_id for signature in given}
    return {
        "plan": found,
        "prose": prose(found.plan),
        "signatures": given,
        "in_force": in_force,
        "known": known,
        "may_sign": not (known or signed) and may(request.user, P.SIGN_PLAN, found.trial),
        "may_unblind": in_force and not known and may(request.user, P.UNBLIND_RESULTS, found.trial),
    }
