"""Merging two registrations of one person, and taking that back; an allocation never moves."""

from collections.abc import Iterator

from django.utils import timezone

from trial import audit
from trial.models import Allocation, ConsentKind, Participant, PersonKey, PersonMerge, TrialKind, User
from trial.roles import Permission
from trial.services import conduct
from trial.services.trials import Refused, require, require_open
from trial.states import State


def merge(participant: Participant, *, into: Participant, reason: str, by: User) -> PersonMerge:
    """Record that a participant is the same person as another, whose registration counts for both from now on."""
    _require(participant, into, reason, by)
    with audit.context(by=by, why=f"{participant} is merged into {into}: {reason}"):
        participant, into = _locked(participant, into)
        for fault in _faults(participant, into):
            raise Refused(f"{fault} Nothing was merged.")
        return PersonMerge.objects.create(
            participant=participant,
            into=into,
            reason=reason,
            merged_by=by,
            **conduct.stamp(participant.trial, None),
        )


def take_back(participant: Participant, *, reason: str, by: User) -> PersonMerge:
    """Record that a merge was wrong: each registration counts for itself again, with the films of its own number."""
    standing = PersonMerge.objects.standing().filter(participant=participant)
    known = standing.select_related("into__site").first()
    _require(participant, known.into if known else participant, reason, by)
    with audit.context(by=by, why=f"A merge is taken back: {reason}"):
        row = standing.select_for_update(of=("self",)).select_related("into").first()
        if row is None:
            raise Refused(f"{participant} is not merged into anybody. Nothing was changed.")
        _locked(participant, row.into)
        row.undone_by, row.undone_at, row.undone_reason = by, timezone.now(), reason
        row.save(update_fields=["undone_by", "undone_at", "undone_reason"])
    return row


def _require(participant: Participant, into: Participant, reason: str, by: User) -> None:
    for one in (participant, into):
        require(by, Permission.REGISTER_PEOPLE, one.trial, one.site)
    require_open(participant.trial)
    if not reason.strip():
        raise Refused("Write how it was found that they are, or are not, one person.")


def _locked(participant: Participant, into: Participant) -> tuple[Participant, Participant]:
    """Lock both in the order in which everybody does, so that neither is drawn or merged meanwhile."""
    rows = Participant.objects.select_for_update(of=("self",)).select_related("trial", "site").order_by("pk")
    by_key = {row.pk: row for row in rows.filter(pk__in=[participant.pk, into.pk])}
    return by_key[participant.pk], by_key[into.pk]


def _faults(participant: Participant, into: Participant) -> Iterator[str]:
    """Say what stands against a merge and what to do about it; the database refuses the first four as well."""
    standing = PersonMerge.objects.standing()
    if participant == into or participant.trial_id != into.trial_id:
        yield "Name another registration, in the same trial."
    if standing.filter(participant__in=[participant, into]).exists():
        yield "One of the two is merged away already. Name the registration that counts, or take that merge back."
    if standing.filter(into=participant).exists():
        yield f"Others are merged into {participant}. Take that back, then merge each of them into {into}."
    if _first_drawn(participant, into) == participant:
        yield f"{participant} was randomized, and that stands. Merge {into} into {participant} instead."
    if not _agree(participant, into):
        yield f"Sex and birth date disagree or are missing: {_said(participant)}; {_said(into)}. Correct them first."
    if participant.trial.kind == TrialKind.RECORDED:
        yield "The people of a recorded trial stay as they were recorded."
    if PersonKey.objects.filter(person__in=[participant.person_id, into.person_id]).count() < 2:
        yield "The identity of one of the two was erased."
    for what in _ends_lacking(participant, into):
        yield f"{participant} {what}, and {into} did not. Record it of {into} first."


def _first_drawn(participant: Participant, into: Participant) -> Participant | None:
    drawn = Allocation.objects.filter(participant__in=[participant, into]).select_related("participant")
    first = drawn.order_by("recorded_at", "sequence", "id").first()
    return first.participant if first else None


def _agree(participant: Participant, into: Participant) -> bool:
    facts = (participant.sex, participant.birth_date)
    return all(facts) and facts == (into.sex, into.birth_date)


def _said(one: Participant) -> str:
    return f"{one} is {one.sex or 'of unknown sex'}, born {one.birth_date or 'on an unknown day'}"


def _ends_lacking(participant: Participant, into: Participant) -> Iterator[str]:
    """Yield what ended for the one and goes on for the other, of whom it would be forgotten."""
    for state, words in ((State.WITHDRAWN, "withdrew"), (State.DIED, "died")):
        if participant.state == state and into.state != state:
            yield words
    if participant.no_more_data and not into.no_more_data:
        yield "withdrew from any further collection of data"
    if participant.consents.filter(kind=ConsentKind.OBJECTION).exists() and not into.do_not_call:
        yield "objected to calls"
