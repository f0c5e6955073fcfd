"""Data queries: a question about a record, its answer, and that whoever asks is satisfied."""

from django.db.models import Q

from trial import audit, clock
from trial.models import DataQuery, Participant, User
from trial.roles import Permission
from trial.services import conduct
from trial.services.trials import Refused, require, require_open
from trial.steps import Steps

QUERY_STEPS: Steps = {
    "open": ("open", Q(closed_at=None)),
    "unanswered": ("without an answer", Q(answered_at=None)),
    "answered": ("answered, not closed", Q(closed_at=None, answered_at__isnull=False)),
    "closed": ("closed", Q(closed_at__isnull=False)),
}


def ask(participant: Participant, *, question: str, by: User) -> DataQuery:
    """Ask about a participant's record."""
    require(by, Permission.ASK_QUERY, participant.trial, participant.site)
    if not question.strip():
        raise Refused("Write what is in doubt and where it stands.")
    with audit.context(by=by, why="A data query is asked"):
        return DataQuery.objects.create(
            participant=participant,
            question=question,
            asked_by=by,
            **conduct.stamp(participant.trial, None),
        )


def answer(query: DataQuery, *, answer: str, by: User) -> DataQuery:
    """Answer a query; until it is closed the answer can be put better, and the earlier one stays in the history."""
    if not answer.strip():
        raise Refused("Write what was found in the source, and what was corrected.")
    with audit.context(by=by, why="A data query is answered"):
        query = _locked(query, Permission.ANSWER_QUERY, by)
        query.answer, query.answered_by, query.answered_at = answer, by, clock.now(query.participant.trial)
        query.save(update_fields=["answer", "answered_by", "answered_at"])
    return query


def close(query: DataQuery, *, by: User) -> DataQuery:
    """Close a query that was answered."""
    with audit.context(by=by, why="A data query is closed"):
        query = _locked(query, Permission.ASK_QUERY, by)
        if query.answered_at is None:
            raise Refused("Nobody has answered this query yet; it stays open.")
        query.closed_by, query.closed_at = by, clock.now(query.participant.trial)
        query.save(update_fields=["closed_by", "closed_at"])
    return query


def _locked(query: DataQuery, permission: Permission, by: User) -> DataQuery:
    """Lock a query that is still open."""
    rows = DataQuery.objects.select_for_update(of=("self",)).select_related(
        "participant__trial", "participant__site"
    )
    query = rows.get(pk=query.pk)
    require(by, permission, query.participant.trial, query.participant.site)
    require_open(query.participant.trial)
    if query.closed_at:
        raise Refused("This query is closed. Ask again if something is still in doubt.")
    return query
