"""Films that are kept but count for nobody until something is known or somebody has looked."""

import logging

from django.db.models import Exists, OuterRef

from screening import sandbox
from screening.models import FilmDecision, Radiograph
from screening.quality import BY_A_LOOK, HOLDING, Code
from screening.services.duplicates import Held, check_study, move, queue_up, twin_of
from screening.services.identification import Claim, owner, settled
from screening.vocabulary import FilmState, IntakeReason, Look
from trial import audit
from trial.models import Participant, ScopedQuerySet, Site, Trial, User
from trial.roles import Permission
from trial.services import people
from trial.services.trials import Refused, require, require_open

SHOWN_SIDE = 1024  # pixels of the longer side: enough to tell a frontal chest and to read what is burned in
NOTHING_TO_DECIDE = (IntakeReason.WITHDRAWN, IntakeReason.IDENTITY_ERASED)
access_log = logging.getLogger("screentrial.access")


def check_picture(row: Radiograph) -> None:
    """Raise Held where something is wrong with the picture for which a person must look."""
    for code in Code:
        if code in HOLDING and code in row.findings:
            raise Held(code)


def reconsider(row: Radiograph, *, by: User | None) -> bool:
    """Take in a film that was held for lack of a registration, if it can count now; tell whether it does."""
    if row.state != FilmState.SET_ASIDE or row.reason not in (
        IntakeReason.UNKNOWN_PERSON,
        IntakeReason.IDENTITY_MISMATCH,
    ):
        return False
    owner = Participant.objects.filter(trial=row.trial, person=row.person_id).first()
    if owner is None:
        return False
    with audit.context(by=by, why="A held film is looked at again"):
        try:
            if twin_of(row, by):
                return False
            check_study(row, by)
            row.participant = settled(Claim.stored(row), owner, by)
        except Held as doubt:
            move(row, FilmState.SET_ASIDE, doubt.reason)
            return False
        row.save(update_fields=["participant"])
        move(row, FilmState.ELIGIBLE, "")
    return True


def release_held(trial: Trial, *, by: User | None) -> int:
    """Take in the films that were held for people who are registered by now; return how many."""
    held = Radiograph.objects.filter(
        trial=trial,
        state=FilmState.SET_ASIDE,
        reason=IntakeReason.UNKNOWN_PERSON,
        person__participations__trial=trial,
    )
    return sum(reconsider(film, by=by) for film in held.select_related("person"))


def to_decide(user: User) -> ScopedQuerySet:
    """Return the films that this user may decide, held or not."""
    films = Radiograph.objects.visible_to(user, Permission.DECIDE_FILMS)
    # A film of somebody who is not registered belongs to no site yet but the one that it came to.
    here = Site.objects.visible_to(user, Permission.DECIDE_FILMS)
    return films | Radiograph.objects.filter(participant=None, site__in=here)


def held(films: ScopedQuerySet) -> ScopedQuerySet:
    """Keep the films that a person may look at and decide: held, with a picture."""
    return films.filter(state=FilmState.SET_ASIDE).exclude(file="").exclude(reason__in=NOTHING_TO_DECIDE)


def waiting(films: ScopedQuerySet) -> ScopedQuerySet:
    """Keep the held films that wait for a person, the oldest first."""
    return held(films).filter(~Exists(_KEPT_OUT)).order_by("received_at")


def kept_out(films: ScopedQuerySet) -> ScopedQuerySet:
    """Keep the held films that somebody kept out for the reason they have now, the latest first."""
    return held(films).filter(Exists(_KEPT_OUT)).order_by("-received_at")


_KEPT_OUT = FilmDecision.objects.filter(
    radiograph=OuterRef("pk"), decision=Look.KEEP_OUT, held_for=OuterRef("reason")
)


def look_at(film: Radiograph, *, by: User) -> bytes:
    """Return a held film's picture as a PNG, and log that `by` looked: a name may be burned into it."""
    with film.file.open("rb") as file:
        data = file.read()
    access_log.info("picture of film %s seen by user %s", film.pk, by.pk)
    return sandbox.read_picture(data, side=SHOWN_SIDE)


def decide(
    film: Radiograph,
    *,
    decision: Look,
    reason: str,
    by: User,
    view: str | None = None,
    after_all: bool = False,
) -> Radiograph:
    """Record what somebody decided of a held film; one that is taken counts if no other rule holds it.

    A film that was kept out may be taken `after_all`, by whoever knows that it was; both decisions stay on record.
    """
    site = film.participant.site if film.participant else film.site
    require(by, Permission.DECIDE_FILMS, film.trial, site)
    require_open(film.trial)
    if not reason.strip():
        raise Refused("Write what you saw.")
    with audit.context(by=by, why=f"A held film: {Look(decision).value.replace('_', ' ')}. {reason}"):
        queue_up(film.trial, film.pixel_sha256)
        rows = Radiograph.objects.select_for_update(of=("self",))
        film = rows.select_related("trial", "site", "person").get(pk=film.pk)
        may_be = held if after_all and decision == Look.TAKE else waiting
        if not may_be(Radiograph.objects.filter(pk=film.pk)).exists():
            raise Refused("This film was decided already. Load the page again.")
        if decision == Look.TAKE:
            _check_may_be_taken(film, view)
        seen = "" if film.view else view or ""
        FilmDecision.objects.create(
            radiograph=film, decision=decision, held_for=film.reason, view=seen, reason=reason, decided_by=by
        )
        if decision == Look.TAKE:
            _take(film, seen, by)
    return film


def _check_may_be_taken(film: Radiograph, view: str | None) -> None:
    if film.reason not in BY_A_LOOK:
        raise Refused("A look can't settle what this film is held for. " + remedy(film.reason))
    views = [str(wanted) for wanted in film.trial.protocol.views]
    if (film.view or view) not in views:
        raise Refused(
            f"The trial takes these views: {', '.join(views)}. Say which this is, or keep the film out."
        )


def remedy(reason: str) -> str:
    """Say what to do about a film that no look can settle."""
    if reason == IntakeReason.UNKNOWN_PERSON:
        return "Register the person, then have the film sent again."
    if reason == IntakeReason.IDENTITY_MISMATCH:
        return "If it is the registration that is wrong, correct that and have the film sent again."
    return "Have it corrected where it came from and sent again; then keep this one out."


def _take(film: Radiograph, seen: str, by: User) -> None:
    """Take a film in by every rule of intake but the one that it was held by."""
    film.view = film.view or seen
    claim = Claim.stored(film)
    try:
        twin = twin_of(film, by)
        # Of two held pictures that are alike, the first that is taken counts.
        if twin and twin[1].reason not in HOLDING:
            raise Refused("The same picture of this person counts already. Keep this one out.")
        check_study(film, by)
        new = _person_of(film, claim)
        film.participant = owner(claim, film.person, new=new, trial=film.trial, site=film.site, by=by)
    except Held as doubt:
        film.save(update_fields=["view"])
        move(film, FilmState.SET_ASIDE, doubt.reason)
        return
    film.save(update_fields=["view", "participant"])
    move(film, FilmState.ELIGIBLE, "")


def _person_of(film: Radiograph, claim: Claim) -> people.NewPerson:
    known = people.identity_of(film.person)
    if not known.readable:
        raise Held(IntakeReason.IDENTITY_ERASED)
    return people.NewPerson(
        issuer=known.issuer,
        number=known.number,
        sex=claim.sex,
        birth_date=claim.partial_birth_date,
        birth_bounds=claim.age_bounds,
        name=known.name,
    )
