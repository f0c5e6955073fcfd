"""Every refusal of the API as JSON with a code for programs and a sentence for people, never with an arm."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from django.db import IntegrityError
from django.http import Http404
from rest_framework.exceptions import APIException, NotAuthenticated, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from trial.allocation_log import OnHold
from trial.keys import KeyUnusable
from trial.models import ProtocolVersion
from trial.randomization import ListExhausted
from trial.services.trials import NotNow, Refused
from trial.states import TransitionRefused
from trial.streams import RuleError

logger = logging.getLogger(__name__)

NOT_FOUND = "There is no such thing, or it is not yours to see."
# Refusals that don't lie with the request: the same one may succeed when the trial has moved on.
CONFLICTS: Mapping[type[Exception], str] = {
    NotNow: NotNow.code,
    TransitionRefused: "not_allowed_in_this_state",
    ListExhausted: "list_exhausted",
    RuleError: "list_not_ready",
    OnHold: "on_hold",
    KeyUnusable: "key_unusable",
}
CODES: Mapping[int, str] = {
    400: "invalid",
    403: "not_permitted",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "too_large",
    415: "unsupported_media_type",
}


def handle(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answer a refusal; None leaves a fault of ours to Django."""
    if answered := _answer(error):
        set_rollback()
        return answered
    response = exception_handler(error, dict(context))
    if response is not None:
        response.data = {"code": _code(error, response), "message": _message(error)}
    return response


def problem(status: int, code: str, message: str) -> Response:
    """Return a refusal."""
    return Response({"code": code, "message": message}, status=status)


def _answer(error: Exception) -> Response | None:
    for kind, code in CONFLICTS.items():
        if isinstance(error, kind):
            return problem(409, code, str(error))
    if isinstance(error, Refused):
        return problem(422, error.code, str(error))
    if isinstance(error, ProtocolVersion.DoesNotExist):
        return problem(
            409, "no_protocol", "No version of this trial's protocol is in force yet. Activate one."
        )
    if isinstance(error, IntegrityError):
        return _refused_by_database(error)
    return None


def _refused_by_database(error: IntegrityError) -> Response:
    # The database's own words quote the row, perhaps with an arm: neither the answer nor a log gets them.
    name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
    logger.warning("the database refused a request (%s)", name or "a guard")
    return problem(
        409, "conflict", "The record has changed or does not allow this; nothing was written. Read it again."
    )


def _code(error: Exception, response: Response) -> str:
    if isinstance(error, NotAuthenticated):
        return "not_signed_in"
    return CODES.get(response.status_code, "refused")


def _message(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return " ".join(_sentences(error.detail))
    # Http404's own words name the model.
    return (
        str(error.detail) if isinstance(error, APIException) and not isinstance(error, Http404) else NOT_FOUND
    )


def _sentences(detail: Any, name: str = "") -> Iterator[str]:
    """Yield each fault of a request with the name of its field, such as `measurements.0.t_score`."""
    if isinstance(detail, Mapping):
        for key, inner in detail.items():
            yield from _sentences(inner, name if key == "non_field_errors" else f"{name}.{key}".strip("."))
    else:
        said = " ".join(map(str, detail)) if isinstance(detail, list) else str(detail)
        yield f"{name}: {said}" if name else said
