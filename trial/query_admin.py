"""Data queries: the list, and what is done to one: asked from a participant's page, answered, closed."""

from typing import Any

from django.contrib import admin

from trial.acts import Act, ActForm
from trial.admin_forms import no_arm, text
from trial.conduct_admin import WHEN, OfParticipant
from trial.history import NOTHING
from trial.models import DataQuery, User
from trial.role_admin import RoleInline, StepFilter
from trial.roles import Permission
from trial.services import queries


class AnswerForm(ActForm):
    """What the source says."""

    answer = text("What the source says, and what was corrected", max_length=400, validators=[no_arm])


def _answer(query: DataQuery, data: dict[str, Any], by: User) -> str:
    queries.answer(query, **data, by=by)
    return f"The query of {query.participant} is answered. Whoever asks closes it."


def _close(query: DataQuery, _: dict[str, Any], by: User) -> str:
    queries.close(query, by=by)
    return f"The query of {query.participant} is closed."


class QueryInline(RoleInline):
    """What was asked about a participant's record."""

    model = DataQuery
    fields = ("occurred_at", "question", "answer", "answered_at", "closed_at")


class QuerySteps(StepFilter):
    """Filters queries by how far they are."""

    steps = queries.QUERY_STEPS


@admin.register(DataQuery)
class DataQueryAdmin(OfParticipant):
    """Questions about records; asked from a participant's page."""

    list_display = ("participant", "occurred_at", "question", "answer", "closed_at")
    list_filter = (*OfParticipant.list_filter, QuerySteps)
    list_select_related = ("participant",)
    fields = (
        *("participant", "question", "asked", "answer", "answered", "answered_at", "closed", "closed_at"),
        *WHEN,
    )
    acts = (
        Act(
            name="answer",
            label="Answer",
            permission=Permission.ANSWER_QUERY,
            says="Look in the source, correct the record where it is wrong, then say here what was found. An answer "
            "can be put better until the query is closed.",
            run=_answer,
            form=AnswerForm,
            possible=lambda row: row.closed_at is None,
            facts=lambda row: {"Question": row.question, "Answer so far": row.answer or NOTHING},
        ),
        Act(
            name="close",
            label="Close",
            permission=Permission.ASK_QUERY,
            says="The answer settles the question. A closed query never changes.",
            run=_close,
            possible=lambda row: row.closed_at is None and row.answered_at is not None,
            facts=lambda row: {"Question": row.question, "Answer": row.answer or NOTHING},
        ),
    )

    @admin.display(description="asked by")
    def asked(self, row: DataQuery) -> str:
        return row.asked_by.shown_name

    @admin.display(description="answered by")
    def answered(self, row: DataQuery) -> str:
        return row.answered_by.shown_name if row.answered_by else NOTHING

    @admin.display(description="closed by")
    def closed(self, row: DataQuery) -> str:
        return row.closed_by.shown_name if row.closed_by else NOTHING
