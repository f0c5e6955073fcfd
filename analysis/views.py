"""Freezes, their reports, and the files of each."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from analysis.downloads import CSV, DATASET, DOWNLOADS, Download
from analysis.forms import FreezeForm
from analysis.masking import pooled
from analysis.models import Freeze
from analysis.services.documents import document, status
from analysis.services.freezes import freeze, subjects_csv
from analysis.services.plans import sees_arms
from analysis.services.reports import report as report_of
from trial.blinding import arm_shown
from trial.models import Trial, User
from trial.pages import SignedIn, page, refusals
from trial.roles import Permission
from trial.services.trials import Refused

P = Permission


@page(P.SEE_REPORT_POOLED)
def reports(request: SignedIn) -> HttpResponse:
    """List the freezes the user may read, and freeze a dataset."""
    may_freeze = Trial.objects.visible_to(request.user, P.FREEZE_DATASET).exists()
    form = FreezeForm(request.POST or None, user=request.user) if may_freeze else None
    if request.method == "POST" and form and form.is_valid():
        with refusals(lambda message: form.add_error(None, message)):
            frozen = freeze(form.cleaned_data["trial"], purpose=form.cleaned_data["purpose"], by=request.user)
            messages.success(
                request, f"{frozen} is frozen: {frozen.people} people, SHA-256 {frozen.sha256[:12]}…"
            )
            return redirect("report", frozen.pk)
    freezes = Freeze.objects.visible_to(request.user).select_related("trial", "frozen_by").defer("subjects")
    return render(request, "analysis/reports.html", {"freezes": freezes, "form": form})


@page(P.SEE_REPORT_POOLED)
def report(request: SignedIn, pk: UUID) -> HttpResponse:
    """Show the report of one freeze: by arm for those who may, pooled for everybody else."""
    frozen = get_object_or_404(
        Freeze.objects.visible_to(request.user).select_related("trial", "protocol_version"), pk=pk
    )
    context = {
        "freeze": frozen,
        "status": list(status(frozen)),
        "downloads": _downloads(request.user, frozen),
    }
    if not sees_arms(request.user, frozen):
        found = report_of(frozen)
        stem = [(box, found.flow.left.get(box.key)) for box in found.flow.stem]
        return render(
            request, "analysis/report_pooled.html", context | {"pooled": pooled(found.rows), "stem": stem}
        )
    arm_shown(request.user, f"report {frozen.pk}")
    return render(request, "analysis/report.html", context | {"blocks": document(frozen).blocks})


@page(P.SEE_REPORT_POOLED)
def download(request: SignedIn, pk: UUID, name: str) -> HttpResponse:
    """Send one file of a report to whoever may have it."""
    frozen = get_object_or_404(Freeze.objects.visible_to(request.user).select_related("trial"), pk=pk)
    chosen = _downloads(request.user, frozen).get(name)
    if chosen is None:
        raise Http404
    if chosen.permission is P.SEE_REPORT_BY_ARM or name == DATASET:
        arm_shown(request.user, f"{name} of report {frozen.pk}")
    try:
        made = chosen.make(frozen)
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect("report", frozen.pk)
    response = HttpResponse(made, content_type=chosen.content_type)
    response["Content-Disposition"] = (
        f'attachment; filename="{frozen.trial.code}-freeze-{frozen.number}-{name}"'
    )
    return response


def _downloads(user: User, frozen: Freeze) -> dict[str, Download]:
    """Return the files of this freeze that the user may have."""
    held = {P.DOWNLOAD_DATASET} if _sees(user, frozen, P.DOWNLOAD_DATASET) else set()
    held |= {P.SEE_REPORT_BY_ARM} if sees_arms(user, frozen) else set()
    found = {name: d for name, d in DOWNLOADS.items() if d.permission in held}
    if {P.DOWNLOAD_DATASET, P.SEE_REPORT_BY_ARM} <= held:
        found[DATASET] = Download("Dataset", CSV, P.DOWNLOAD_DATASET, subjects_csv)
    return found


def _sees(user: User, frozen: Freeze, permission: Permission) -> bool:
    return Freeze.objects.visible_to(user, permission).filter(pk=frozen.pk).exists()
