"""Two freezes of a trial beside each other, row by row."""

from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from analysis.comparison import Person, compare, counted, to_csv
from analysis.models import Freeze
from analysis.services.freezes import subjects_csv
from analysis.services.plans import sees_arms
from trial.blinding import arm_shown
from trial.crypto import derived_key
from trial.models import User
from trial.pages import SignedIn, page
from trial.roles import Permission

P = Permission
SHOWN = 500  # people on the page; the file has all


def comparable(user: User, frozen: Freeze) -> QuerySet[Freeze]:
    """Return the trial's other freezes whose rows the user may have."""
    seen = Freeze.objects.visible_to(user, P.DOWNLOAD_DATASET).filter(trial=frozen.trial_id)
    if not seen.filter(pk=frozen.pk).exists():
        return seen.none()
    return seen.exclude(pk=frozen.pk).defer("subjects").select_related("trial")


@page(P.DOWNLOAD_DATASET)
def chosen(request: SignedIn, pk: UUID) -> HttpResponse:
    """Go from a report to its comparison with the freeze that was chosen there."""
    frozen = get_object_or_404(Freeze.objects.visible_to(request.user, P.DOWNLOAD_DATASET), pk=pk)
    number = request.GET.get("with", "")
    other = comparable(request.user, frozen).filter(number=number if number.isdecimal() else 0).first()
    return redirect("compare", other.pk, frozen.pk) if other else redirect("report", frozen.pk)


@page(P.DOWNLOAD_DATASET)
def comparison(request: SignedIn, pk: UUID, other: UUID) -> HttpResponse:
    """Show who was added, removed and changed from one freeze to the other."""
    old, new, people, arms = _compared(request, pk, other)
    context = {
        "old": old,
        "new": new,
        "people": people[:SHOWN],
        "all": len(people),
        "counted": counted(people),
        "arms": arms,
        "comparable": old.codebook == new.codebook,
    }
    return render(request, "analysis/comparison.html", context)


@page(P.DOWNLOAD_DATASET)
def comparison_file(request: SignedIn, pk: UUID, other: UUID) -> HttpResponse:
    """Send the differences as CSV."""
    old, new, people, _ = _compared(request, pk, other)
    response = HttpResponse(to_csv(people), content_type="text/csv; charset=utf-8")
    name = f"{old.trial.code}-freeze-{old.number}-to-{new.number}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _compared(request: SignedIn, pk: UUID, other: UUID) -> tuple[Freeze, Freeze, list[Person], bool]:
    """Compare two freezes of one trial as far as the user may: without arms where they are not to be known."""
    seen = Freeze.objects.visible_to(request.user, P.DOWNLOAD_DATASET).select_related("trial")
    old = get_object_or_404(seen, pk=pk)
    new = get_object_or_404(seen, pk=other, trial=old.trial_id)
    arms = sees_arms(request.user, old) and sees_arms(request.user, new)
    if arms:
        arm_shown(request.user, f"comparison of reports {old.pk} and {new.pk}")
    # A key of the pair: the same person has another number in each comparison.
    key = None if arms else derived_key(f"comparison:{old.pk}:{new.pk}")
    return old, new, compare(subjects_csv(old), subjects_csv(new), key), arms
