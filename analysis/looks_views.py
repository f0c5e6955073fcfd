"""Interim looks: what they found for those who compare the arms, what was recommended for everybody else."""

from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe

from analysis.figures import boundaries
from analysis.formats import fixed
from analysis.forms import LookForm, PasswordForm, RecommendationForm
from analysis.models import InterimLook, LookRecommendation
from analysis.plan_prose import ENDPOINT_LABELS
from analysis.services import looks
from analysis.services.plans import sees_arms, signatures_of
from trial.blinding import arm_shown
from trial.pages import SignedIn, may, page, refusals
from trial.roles import Permission

P = Permission


@page(P.SEE_TRIAL)
@require_safe
def all_looks(request: SignedIn) -> HttpResponse:
    """List the recommendations, and the looks with their results for those who compare the arms."""
    released = LookRecommendation.objects.visible_to(request.user).select_related("look__trial")
    found = [look for look in _looks(request) if sees_arms(request.user, look.freeze)]
    if found:
        arm_shown(request.user, "list of interim looks")
    context = {"released": released, "looks": found, "may_take": _takes(request)}
    return render(request, "analysis/looks.html", context)


@page(P.SEE_TRIAL)
def look(request: SignedIn, pk: UUID) -> HttpResponse:
    """Show what a look found and release a recommendation; others read the recommendation alone."""
    found = get_object_or_404(_looks(request), pk=pk)
    released = LookRecommendation.objects.filter(look=found).select_related("look__trial", "by").first()
    if not sees_arms(request.user, found.freeze):
        if released is None:
            raise Http404
        return render(request, "analysis/look_released.html", {"released": released})
    form = RecommendationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals(lambda message: form.add_error(None, message)):
            looks.recommend(found, by=request.user, **form.cleaned_data)
            messages.success(request, "The recommendation is released to everybody of the trial.")
            return redirect("look", found.pk)
    arm_shown(request.user, f"interim look {found.pk}")
    recommends = released is None and may(request.user, P.RELEASE_RECOMMENDATION, found.trial)
    context = {"released": released, "signatures": signatures_of(found), "form": form if recommends else None}
    return render(request, "analysis/look.html", context | _results(found))


@page(P.TAKE_LOOK)
def take(request: SignedIn) -> HttpResponse:
    """Choose a freeze, see what would be stored, and take the look."""
    asked = request.POST or request.GET or None
    form = LookForm(asked, user=request.user)
    sign = PasswordForm(request.POST or None, prefix="sign")
    context: dict = {"form": form, "sign": sign}
    if form.is_valid():
        given = form.cleaned_data | {"by": request.user}
        frozen = given.pop("freeze")
        with refusals(lambda message: form.add_error(None, message)):
            if request.method == "POST" and sign.is_valid():
                with refusals(lambda message: sign.add_error(None, message)):
                    taken = looks.take_look(frozen, password=sign.cleaned_data["password"], **given)
                    messages.success(request, f"{taken} is taken.")
                    return redirect("look", taken.pk)
            context |= _results(looks.propose(frozen, **given))
            arm_shown(request.user, f"interim look at report {frozen.pk}")
    return render(request, "analysis/look_take.html", context)


def _looks(request: SignedIn) -> QuerySet[InterimLook]:
    seen = InterimLook.objects.visible_to(request.user, P.SEE_TRIAL)
    return seen.select_related("trial", "freeze__trial", "plan", "taken_by").defer("freeze__subjects")


def _takes(request: SignedIn) -> bool:
    return bool(LookForm(user=request.user).fields["freeze"].queryset.exists())  # type: ignore[attr-defined]


def _results(found: InterimLook) -> dict[str, object]:
    """Return a look's results in words, and its boundaries drawn."""
    design = looks.design_of(found)
    drawn = boundaries(
        [(due.information, due.z) for due in design.looks],
        title="Boundaries by information, and the z that was seen",
        seen=(found.information, found.z),
    )
    return {"look": found, "told": _told(found), "figure": mark_safe(drawn.decode())}  # noqa: S308  our own drawing


def _told(found: InterimLook) -> list[tuple[str, str]]:
    planned = f" of {found.people_planned} planned" if found.people_planned else ""
    reason = f" ({found.information_reason})" if found.information_reason else ""
    boundary = "none: too little alpha is spent here" if found.boundary is None else f"±{found.boundary:.4f}"
    return [
        ("Primary endpoint", ENDPOINT_LABELS[found.endpoint]),
        ("People compared", f"{found.people}{planned}"),
        ("Information", f"{found.information:.4g}{reason}"),
        ("Alpha spent so far, two-sided", fixed(found.alpha_spent, 6)),
        ("Boundary for z", boundary),
        ("z", f"{found.z:.4f} ({found.z_method})"),
        ("Boundary crossed", "yes" if found.crossed else "no"),
        ("Conditional power, current trend", _power(found)),
    ]


def _power(found: InterimLook) -> str:
    if found.conditional_power is None:
        return "none: the boundary is crossed" if found.crossed else "none: this is the last look"
    return f"{found.conditional_power:.1%}, to cross in favor of screening"
