"""Outcome recorders' pages: find anybody registered; record scans, diagnoses and treatments.

Recorders are blind: nothing here may read or show risk, arm, referral, appointment or a participant's state,
which says whether they were randomized. Lists are ordered by study number, that is, by registration.
"""

from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.html import escape
from django.views.decorators.http import require_POST

from screening.densitometry import Measurement, MeasurementSite, MenopausalStatus, in_words
from screening.forms import (
    DiagnosisForm,
    DxaCorrectionForm,
    DxaForm,
    SearchForm,
    StrikeForm,
    TreatmentForm,
    typed,
)
from screening.models import Diagnosis, DxaExam, Treatment
from screening.services import outcomes
from screening.vocabulary import DrugClass
from trial import clock
from trial.models import Membership, Participant, Trial, TrialKind, User
from trial.pages import NOT_SAVED, SignedIn, may, page, refusals
from trial.partial_dates import PartialDate, parse
from trial.roles import Permission
from trial.services.people import Identity, as_spelled, issuers_of, numbered, reveal, reveal_all
from trial.study_numbers import FORM, check

KINDS: dict[str, Any] = {"dxa": DxaExam, "diagnosis": Diagnosis, "treatment": Treatment}
PAGE_SIZE = 25
NOTHING_YET = "Nothing measured yet: the class appears here as you type."
SHORTEST_PART = 3  # of a study number; less would list everybody


@page(Permission.SEARCH_PEOPLE)
def people(request: SignedIn) -> HttpResponse:
    """Find people. The search is posted: a hospital number must not stand in an address or a log."""
    form, found = SearchForm(request.POST or None), None
    if form.is_valid():
        number = form.cleaned_data["number"]
        found = _search(request.user, number, form.cleaned_data["issuer"])
        if (fault := _number_fault(number)) and not found:
            form.add_error("number", fault)
            found = None
    shown = _recorded_by(request) if found is None else found[:PAGE_SIZE]
    context = {
        "form": form,
        "searched": found is not None,
        "people": _named(list(shown), request.user),
        "may_open": Membership.objects.granting(request.user, Permission.SEE_OUTCOMES).exists(),
        "more": 0 if found is None else max(found.count() - PAGE_SIZE, 0),
    }
    return render(request, "screening/people.html", context, status=NOT_SAVED if form.errors else 200)


def _search(user: User, number: str, issuer: str) -> QuerySet[Participant]:
    everybody = Participant.objects.visible_to(user, Permission.SEARCH_PEOPLE).select_related("site", "trial")
    known = issuers_of(everybody)
    issuers = {as_spelled(issuer, known)} if issuer else known
    trials = Trial.objects.visible_to(user, Permission.SEARCH_PEOPLE)
    wanted = numbered(number, issuers=issuers, trials=trials)
    if len(number) >= SHORTEST_PART:
        wanted |= Q(study_number__icontains=number)
    found = everybody.filter(wanted).order_by("study_number")
    # A number of a test trial may end with that of somebody real, who is meant then.
    real = found.exclude(trial__kind=TrialKind.TEST)
    return real if real.exists() else found


def _number_fault(number: str) -> str:
    """Say where a whole study number was copied wrongly, or too little of one was."""
    if len(number) < SHORTEST_PART:
        return f"Write {SHORTEST_PART} characters of a study number or more, or a hospital number in full."
    plain = number.strip().upper()
    if FORM.fullmatch(plain) and not check(plain):
        return f"{plain}: the check digit at the end doesn't fit the number. Read it again."
    return ""


def _recorded_by(request: SignedIn) -> QuerySet[Participant]:
    """Return the people for whom this user recorded a scan last."""
    mine = DxaExam.objects.filter(recorded_by=request.user).order_by("-recorded_at")
    people = Participant.objects.visible_to(request.user, Permission.SEARCH_PEOPLE)
    lately = list(mine.values_list("participant", flat=True)[:50])
    return people.filter(pk__in=lately).select_related("site", "trial").order_by("study_number")


def _named(found: list[Participant], user: User) -> list[tuple[Participant, Identity | None, int | None]]:
    """Return people with name and age, the name only for eyes that may see it."""
    named = Participant.objects.visible_to(user, Permission.SEE_IDENTITY).filter(pk__in=[p.pk for p in found])
    identities = reveal_all(list(named), by=user)
    return [(p, identities.get(p.pk), _age_today(p)) for p in found]


def _age_today(participant: Participant) -> int | None:
    return outcomes.age_at(participant, PartialDate.of(clock.today(participant.site)))


@page(Permission.SEE_OUTCOMES)
def person(request: SignedIn, pk: UUID) -> HttpResponse:
    """Show what is recorded of one person."""
    participant = _participant(request, pk, Permission.SEE_OUTCOMES)
    exams = participant.dxa_exams.prefetch_related("measurements").order_by("-exam_date", "recorded_at")
    begun = participant.treatments.order_by("-started_on")
    context = _frame(request, participant) | {
        "exams": [(exam, said_of(participant, exam)) for exam in exams],
        "diagnoses": participant.diagnoses.order_by("-diagnosed_on"),
        "treatments": [(DrugClass(t.drug_class).words, t) for t in begun],
    }
    return render(request, "screening/person.html", context)


def said_of(participant: Participant, exam: DxaExam) -> str:
    """Return an exam's class in words, or why it has none."""
    measured = [
        Measurement(MeasurementSite(m.site), m.t_score, m.z_score, m.bmd, m.vertebrae)
        for m in exam.measurements.all()
    ]
    menopause = MenopausalStatus(exam.menopausal_status) if exam.menopausal_status else None
    age = outcomes.age_at(participant, parse(exam.exam_date))
    return in_words(measured, sex=participant.sex, age=age, menopause=menopause)


@page(Permission.RECORD_OUTCOME)
def add_dxa(request: SignedIn, pk: UUID) -> HttpResponse:
    """Record a DXA exam; the form is the same whoever ordered the scan."""
    participant = _participant(request, pk, Permission.RECORD_OUTCOME)
    form = DxaForm(request.POST or None, initial=_last_device(request, participant), **_facts(participant))
    question = ""
    if form.is_valid():
        question = _save(form, request, partial(_record, request, participant, form))
        if not (question or form.errors):
            return redirect("person", participant.pk)
    return _dxa_page(request, participant, form, question)


def _record(request: SignedIn, participant: Participant, form: DxaForm, confirmed: bool) -> DxaExam:
    return outcomes.record_dxa(participant, by=request.user, confirmed=confirmed, **_exam_values(form))


@page(Permission.RECORD_OUTCOME)
def change_dxa(request: SignedIn, pk: UUID) -> HttpResponse:
    """Correct an exam on record, with the reason."""
    rows = DxaExam.objects.visible_to(request.user, Permission.RECORD_OUTCOME)
    exam = get_object_or_404(rows.select_related("participant__site__trial", "participant__trial"), pk=pk)
    participant = exam.participant
    form = DxaCorrectionForm(request.POST or None, initial=typed(exam), **_facts(participant))
    question = ""
    if form.is_valid():
        question = _save(form, request, partial(_correct, request, exam, form))
        if not (question or form.errors):
            return redirect("person", participant.pk)
    return _dxa_page(request, participant, form, question, exam=exam)


def _correct(request: SignedIn, exam: DxaExam, form: DxaCorrectionForm, confirmed: bool) -> DxaExam:
    seen, why = form.cleaned_data["seen"], form.reason
    return outcomes.change_dxa(
        exam, by=request.user, why=why, seen=seen, confirmed=confirmed, **_exam_values(form)
    )


def _exam_values(form: DxaForm) -> dict[str, Any]:
    found = form.cleaned_data
    return {
        "exam_date": found["exam_date"],
        "device": found["device"],
        "reference_database": found["reference_database"],
        "menopausal_status": found["menopausal_status"] or "",
        "measurements": form.measurements(),
        "frax": form.frax(),
    }


def _save(form: DxaForm, request: SignedIn, write: Any) -> str:
    """Save a valid form; return the question to be answered first, if the values are unusual.

    The tick that confirms carries the question itself, so that an answer never passes for another one.
    """
    with refusals(tell=partial(form.add_error, None)):
        try:
            exam = write(confirmed=False)
        except outcomes.PleaseConfirm as question:
            if request.POST.get("confirm") != str(question):
                return str(question)
            exam = write(confirmed=True)
        messages.success(request, f"Saved: DXA of {exam.exam_date}. {said_of(exam.participant, exam)}")
    return ""


def _last_device(request: SignedIn, participant: Participant) -> dict[str, str]:
    """Return the device this user entered last at the site: most exams come from the same one."""
    mine = DxaExam.objects.filter(recorded_by=request.user, participant__site=participant.site)
    last = mine.order_by("-recorded_at").first()
    return {"device": last.device, "reference_database": last.reference_database} if last else {}


@require_POST
@page(Permission.RECORD_OUTCOME)
def dxa_line(request: SignedIn, pk: UUID) -> HttpResponse:
    """Answer with the class of what is typed so far; nothing is saved."""
    participant = _participant(request, pk, Permission.RECORD_OUTCOME)
    form = DxaForm(request.POST, **_facts(participant))
    form.full_clean()
    day = form.cleaned_data.get("exam_date") or PartialDate.of(form.today)
    said = in_words(
        form.measurements(),
        sex=participant.sex,
        age=outcomes.age_at(participant, day),
        menopause=form.cleaned_data.get("menopausal_status"),
    )
    return HttpResponse(escape(said if form.measurements() else NOTHING_YET))


@page(Permission.RECORD_OUTCOME)
def add_diagnosis(request: SignedIn, pk: UUID) -> HttpResponse:
    """Record a diagnosis."""
    participant = _participant(request, pk, Permission.RECORD_OUTCOME)
    form = DiagnosisForm(request.POST or None, today=clock.today(participant.site))
    if form.is_valid():
        with refusals(tell=partial(form.add_error, None)):
            made = outcomes.record_diagnosis(participant, by=request.user, **form.cleaned_data)
            messages.success(request, f"On record: {made.code.replace('_', ' ')}, {made.diagnosed_on}.")
            return redirect("person", participant.pk)
    return _short_page(request, participant, form, "Add diagnosis")


@page(Permission.RECORD_OUTCOME)
def add_treatment(request: SignedIn, pk: UUID) -> HttpResponse:
    """Record one or several drugs begun together; all of them or none."""
    participant = _participant(request, pk, Permission.RECORD_OUTCOME)
    form = TreatmentForm(request.POST or None, today=clock.today(participant.site))
    if form.is_valid():
        begun = form.cleaned_data["started_on"]
        drugs = [DrugClass(name) for name in form.cleaned_data["drug_classes"]]
        with refusals(tell=partial(form.add_error, None)), transaction.atomic():
            for drug in drugs:
                outcomes.record_treatment(participant, drug_class=drug, started_on=begun, by=request.user)
            messages.success(request, f"On record: {', '.join(d.words for d in drugs)}, begun {begun}.")
            return redirect("person", participant.pk)
    return _short_page(request, participant, form, "Add treatment")


@page(Permission.RECORD_OUTCOME)
def strike(request: SignedIn, kind: str, pk: UUID) -> HttpResponse:
    """Mark an exam, a diagnosis or a treatment as entered in error, with the reason."""
    if kind not in KINDS:
        raise Http404
    rows = KINDS[kind].objects.visible_to(request.user, Permission.RECORD_OUTCOME)
    outcome = get_object_or_404(rows.select_related("participant__site__trial", "participant__trial"), pk=pk)
    form = StrikeForm(request.POST or None)
    if form.is_valid():
        with refusals(tell=partial(form.add_error, None)):
            outcomes.strike(outcome, by=request.user, **form.cleaned_data)
            messages.success(request, "Marked as entered in error. Add the right one, if there is one.")
            return redirect("person", outcome.participant_id)
    return _short_page(request, outcome.participant, form, "Entered in error")


def _participant(request: SignedIn, pk: UUID, permission: Permission) -> Participant:
    rows = Participant.objects.visible_to(request.user, permission).select_related("site__trial", "trial")
    return get_object_or_404(rows, pk=pk)


def _facts(participant: Participant) -> dict[str, Any]:
    return {"today": clock.today(participant.site), "sex": participant.sex}


def _frame(request: SignedIn, participant: Participant) -> dict[str, Any]:
    """Return what every page about a person shows on top."""
    user, scope = request.user, (participant.trial, participant.site)
    return {
        "participant": participant,
        "identity": reveal(participant, by=user) if may(user, Permission.SEE_IDENTITY, *scope) else None,
        "age": _age_today(participant),
        "may_record": may(user, Permission.RECORD_OUTCOME, *scope),
    }


def _dxa_page(
    request: SignedIn, participant: Participant, form: DxaForm, question: str, exam: DxaExam | None = None
) -> HttpResponse:
    rows = form.rows()
    context = _frame(request, participant) | {
        "form": form,
        "question": question,
        "exam": exam,
        "seen": outcomes.fingerprint(exam) if exam else "",
        "common": [row for row in rows if row.common],
        "frax": form.frax_rows(),
        "frax_used": any(field.value() not in (None, "") for field in form.frax_rows()),
        "further": [row for row in rows if not row.common],
        "further_used": any(row.used for row in rows if not row.common),
    }
    return render(request, "screening/dxa_form.html", context, status=NOT_SAVED if form.is_bound else 200)


def _short_page(request: SignedIn, participant: Participant, form: Any, title: str) -> HttpResponse:
    context = _frame(request, participant) | {"form": form, "title": title}
    return render(request, "screening/short_form.html", context, status=NOT_SAVED if form.is_bound else 200)
