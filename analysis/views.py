"""Freezes, their reports, and the files of each."""

from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe

from analysis.calculator_forms import CALCULATIONS
from analysis.comparison_views import comparable
from analysis.document import Block
from analysis.downloads import DATASETS, DOWNLOADS, Download
from analysis.forms import FreezeForm, PasswordForm
from analysis.models import Freeze
from analysis.services.blinded import blinded_blocks, blinded_document
from analysis.services.documents import IN_ENGLISH, document, status
from analysis.services.freezes import freeze
from analysis.services.languages import languages, wording
from analysis.services.plans import sees_arms, sign_freeze, signatures_of
from analysis.services.prechecks import Check, Unsettled
from analysis.wording import Wording, partly
from trial.blinding import arm_shown
from trial.models import Trial, User
from trial.pages import NOT_SAVED, SignedIn, may, page, refusals
from trial.roles import Permission
from trial.services.trials import Refused

P = Permission


@page(P.SEE_REPORT_POOLED)
def reports(request: SignedIn) -> HttpResponse:
    """List the freezes the user may read, and freeze a dataset."""
    may_freeze = Trial.objects.visible_to(request.user, P.FREEZE_DATASET).exists()
    form = FreezeForm(request.POST or None, user=request.user) if may_freeze else None
    open_points: Sequence[Check] = ()
    if request.method == "POST" and form and form.is_valid():
        with refusals(lambda message: form.add_error(None, message)):
            try:
                return _frozen(request, **form.cleaned_data)
            except Unsettled as no:
                open_points = no.findings
    freezes = Freeze.objects.visible_to(request.user).select_related("trial", "frozen_by").defer("subjects")
    shown = {"freezes": freezes, "form": form, "open_points": open_points}
    return render(request, "analysis/reports.html", shown)


def _frozen(request: SignedIn, trial: Trial, **told: Any) -> HttpResponse:
    """Freeze a dataset and go to its report."""
    made = freeze(trial, by=request.user, **told)
    messages.success(request, f"{made} is frozen: {made.people} people, SHA-256 {made.sha256[:12]}…")
    return redirect("report", made.pk)


@page(P.SEE_REPORT_POOLED)
def report(request: SignedIn, pk: UUID) -> HttpResponse:
    """Show the report of one freeze: by arm for those who may, pooled for everybody else."""
    frozen = get_object_or_404(
        Freeze.objects.visible_to(request.user).select_related("trial", "protocol_version"), pk=pk
    )
    sign = PasswordForm(request.POST if "sign" in request.POST else None, prefix="sign")
    if "sign" in request.POST and sign.is_valid():
        with refusals(lambda message: sign.add_error(None, message)):
            sign_freeze(frozen, by=request.user, password=sign.cleaned_data["password"])
            messages.success(request, f"You signed {frozen}.")
            return redirect("report", frozen.pk)
    words = _words(request)
    context = _about(request.user, frozen) | {"sign": sign}
    if not sees_arms(request.user, frozen):
        context |= _said(words, status=status(frozen), **_blinded(frozen))
        return render(request, "analysis/report_pooled.html", context)
    arm_shown(request.user, f"report {frozen.pk}")
    context |= _said(words, status=status(frozen), blocks=document(frozen).blocks)
    return render(request, "analysis/report.html", context)


def _words(request: SignedIn) -> Wording:
    """Return the words of the language that was asked for; English where its catalog can't be read."""
    language = request.GET.get("language", IN_ENGLISH.language)
    if language not in languages():
        raise Http404(f"There is no report in {language!r}.")
    with refusals(lambda message: messages.error(request, message)):
        return wording(language)
    return IN_ENGLISH


def _said(
    words: Wording, *, status: Iterable[Block], blocks: Iterable[Block], **told: object
) -> dict[str, object]:
    """Return what the page shows in a language, and which others there are."""
    shown, said = list(map(words.block, blocks)), list(map(words.block, status))
    found = languages()
    return told | {
        "blocks": shown,
        "status": [*partly(words), *said],
        "language": words.language,
        "languages": found if len(found) > 1 else {},
    }


def _blinded(frozen: Freeze) -> dict[str, Any]:
    """Return the report for whoever sees no arm: with letters, or without and why."""
    try:
        return {"blocks": blinded_document(frozen).blocks}
    except Refused as no:
        return {"blocks": list(blinded_blocks(frozen)), "no_letters": str(no)}


def _about(user: User, frozen: Freeze) -> dict[str, object]:
    """Return what the page says of a freeze whoever reads it."""
    given = list(signatures_of(frozen))
    signed = user.pk in {signature.signer_id for signature in given}
    return {
        "freeze": frozen,
        "downloads": _downloads(user, frozen),
        "protocol": frozen.protocol_version.protocol,
        "signatures": given,
        "may_sign": not signed and may(user, P.FREEZE_DATASET, frozen.trial),
        "others": comparable(user, frozen),
    }


@page(P.SEE_REPORT_POOLED)
def download(request: SignedIn, pk: UUID, name: str) -> HttpResponse:
    """Send one file of a report to whoever may have it."""
    frozen = get_object_or_404(Freeze.objects.visible_to(request.user).select_related("trial"), pk=pk)
    chosen = _downloads(request.user, frozen).get(name)
    if chosen is None:
        raise Http404
    if chosen.permission is P.SEE_REPORT_BY_ARM or name in DATASETS:
        arm_shown(request.user, f"{name} of report {frozen.pk}")
    try:
        made = chosen.make(frozen, words := _words(request))
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect("report", frozen.pk)
    response = HttpResponse(made, content_type=chosen.content_type)
    saved = f"{frozen.trial.code}-freeze-{frozen.number}-{_named(name, words)}"
    response["Content-Disposition"] = f'attachment; filename="{saved}"'
    return response


def _named(name: str, words: Wording) -> str:
    """Name the language of a file that has words of it."""
    file = PurePath(name)
    return f"{file.stem}-{words.language}{file.suffix}" if words.met else name


def _downloads(user: User, frozen: Freeze) -> dict[str, Download]:
    """Return the files of this freeze that the user may have."""
    held = {P.SEE_REPORT_POOLED}  # or the freeze would not be seen
    held |= {P.DOWNLOAD_DATASET} if _sees(user, frozen, P.DOWNLOAD_DATASET) else set()
    held |= {P.SEE_REPORT_BY_ARM} if sees_arms(user, frozen) else set()
    found = {name: d for name, d in DOWNLOADS.items() if d.permission in held}
    if {P.DOWNLOAD_DATASET, P.SEE_REPORT_BY_ARM} <= held:
        found |= DATASETS
    return found


def _sees(user: User, frozen: Freeze, permission: Permission) -> bool:
    return Freeze.objects.visible_to(user, permission).filter(pk=frozen.pk).exists()


@page(P.SEE_REPORT_POOLED)
@require_safe
def calculator(request: SignedIn) -> HttpResponse:
    """Compute what is asked by the address; no trial is read."""
    asked = request.GET.get("ask", "")
    asked = asked if asked in CALCULATIONS else next(iter(CALCULATIONS))
    typed = request.GET if request.GET.keys() - {"ask"} else None
    form = CALCULATIONS[asked][1](typed)
    names = [(name, label) for name, (label, _) in CALCULATIONS.items()]
    context: dict = {"asked": asked, "names": names, "form": form}
    if form.is_valid():
        figure = form.figure()
        context["tables"] = form.tables()
        context["figure"] = figure and mark_safe(figure.decode())  # noqa: S308  our own drawing
    return render(request, "analysis/calculator.html", context, status=NOT_SAVED if form.errors else None)
