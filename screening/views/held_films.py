"""Films held for a person to look at: the list, each film with its picture, and what is decided of it."""

from functools import partial
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from screening import tasks
from screening.film_forms import LookForm
from screening.models import Radiograph
from screening.quality import BY_A_LOOK, LIMITS, Code, Finding
from screening.reasons import Rejected
from screening.services import held_films as service
from screening.steps import intake_sentence
from screening.vocabulary import FilmState, Look
from trial.models import ScopedQuerySet, User
from trial.pages import NOT_SAVED, SignedIn, page, refusals
from trial.roles import Permission

MOST_KEPT_OUT = 50  # of those that were kept out, the latest


def _films(user: User) -> ScopedQuerySet:
    return service.to_decide(user).select_related("trial", "site", "participant__site")


@page(Permission.DECIDE_FILMS)
def held_films(request: SignedIn) -> HttpResponse:
    """List the films that wait for a person, the oldest first, and those that were kept out."""
    films = _films(request.user)
    waiting = [(film, intake_sentence(film.reason)) for film in service.waiting(films)]
    kept_out = service.kept_out(films)[:MOST_KEPT_OUT]
    return render(request, "screening/held_films.html", {"films": waiting, "kept_out": kept_out})


@page(Permission.DECIDE_FILMS)
def held_film(request: SignedIn, pk: UUID) -> HttpResponse:
    """Show a held film and take down what is decided of it."""
    film = get_object_or_404(_films(request.user), pk=pk)
    if not service.held(Radiograph.objects.filter(pk=pk)).exists():
        if not film.decisions.exists():
            raise Http404
        messages.info(request, f"{str(film).capitalize()} has been decided and is held no longer.")
        return redirect("held-films")
    kept_out = film.decisions.filter(decision=Look.KEEP_OUT, held_for=film.reason).last()
    form = LookForm(request.POST or None, view=film.view, initial={"after_all": bool(kept_out)})
    if form.is_bound and form.is_valid():
        with refusals(tell=partial(form.add_error, None)):
            film = service.decide(film, **form.cleaned_data, by=request.user)
            if film.state == FilmState.ELIGIBLE:
                tasks.enqueue(film.pk)
            messages.success(request, _said(film))
            return redirect("held-films")
    context = {
        "film": film,
        "form": form,
        "sentence": intake_sentence(film.reason),
        "findings": [
            Finding(code, film.findings[code], LIMITS[code]) for code in Code if code in film.findings
        ],
        "by_a_look": film.reason in BY_A_LOOK,
        "remedy": service.remedy(film.reason),
        "kept_out": kept_out,
        "looks": [Look.TAKE] if kept_out else list(Look),
    }
    return render(request, "screening/held_film.html", context, status=NOT_SAVED if form.is_bound else 200)


def _said(film: Radiograph) -> str:
    """Say what became of a film by the decision."""
    name = str(film).capitalize()
    if film.state == FilmState.ELIGIBLE:
        return f"{name} is taken; it waits for its score."
    if film.decisions.latest("recorded_at").decision == Look.KEEP_OUT:
        return f"{name} is kept out."
    return f"{name} is still held, for another reason. {intake_sentence(film.reason)}"


@page(Permission.DECIDE_FILMS)
def held_picture(request: SignedIn, pk: UUID) -> HttpResponse:
    """Send the picture of a held film, made now; nothing keeps it."""
    film = get_object_or_404(service.held(_films(request.user)), pk=pk)
    try:
        picture = service.look_at(film, by=request.user)
    except (Rejected, OSError) as gone:
        raise Http404("This film's file can't be read. Restore it from the archive.") from gone
    return HttpResponse(picture, content_type="image/png", headers={"Cache-Control": "no-store"})
