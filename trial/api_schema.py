"""What the API's schema says of each operation beyond its code: summary, who may, parameters, every answer."""

from collections.abc import Iterator
from typing import Any

from drf_spectacular.openapi import AutoSchema

from trial.roles import Permission, Role, permissions_of

PROBLEM = {
    "type": "object",
    "description": "A refusal.",
    "properties": {
        "code": {"type": "string", "description": "Stable, for programs."},
        "message": {"type": "string", "description": "What is wrong and what to do, for people."},
    },
    "required": ["code", "message"],
}
PARAMETERS = {
    "id": "The id that a list or an earlier answer gave.",
    "page": "Which page of the list, from 1; 25 rows a page.",
    "site": "The site's number, from 1.",
    "state": "Only what is in this state.",
    "study_number": "The participant's study number.",
    "trial": "The trial's code.",
}
REFUSALS = {
    "400": "The request can't be read; the message names the parameter or field and its fault.",
    "403": "You are not signed in, or your roles don't include this.",
    "404": "There is no such thing, or it is not yours to see.",
    "409": "Not now: the trial or the record does not stand so that this can be done. Nothing was written.",
    "422": "A rule of the trial forbids it, or it has to be confirmed first. Nothing was written.",
}
READ, MADE, ALREADY = (
    "What you may see of it.",
    "Written now.",
    "It was written before; this is how it stands.",
)


class Schema(AutoSchema):
    """Describe an operation by the words of its view, and by the permission and the roles that it needs."""

    view: Any

    def get_summary(self) -> str:
        """Say in a line what the operation does."""
        meta = self.view.queryset.model._meta
        if self.view.action in ("list", "retrieve"):
            many = self.view.action == "list"
            name = str(meta.verbose_name_plural if many else meta.verbose_name).replace("dxa", "DXA")
            return f"List {name}" if many else f"Show one {name}"
        return super().get_description().split(":")[0].split(";")[0].rstrip(".")

    def get_description(self) -> str:  # type: ignore[override]
        """Say what the operation does, and who may."""
        needed = self.view.needs[self.view.action]
        return f"{super().get_description()}\n\nNeeds the permission “{needed.words}”, of: {_who(needed)}."


def _who(needed: Permission) -> str:
    return ", ".join(role.words for role in Role if needed in permissions_of([role]))


def document(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Describe the parameters and the answers of every operation, and add its refusals."""
    result["components"].setdefault("schemas", {})["Problem"] = PROBLEM
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", []):
                parameter["description"] = PARAMETERS[parameter["name"]]
            _describe(operation["responses"], method, path)
    return result


def _describe(answers: dict[str, Any], method: str, path: str) -> None:
    for status, answer in answers.items():
        told = READ if method == "get" else MADE if status == "201" or "201" not in answers else ALREADY
        answer["description"] = answer["description"] or told
    body = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status, said in _refusals(method, path):
        answers.setdefault(status, {"description": said, "content": body})


def _refusals(method: str, path: str) -> Iterator[tuple[str, str]]:
    """Yield what an operation may refuse: a read of one thing has nothing to get wrong, and no rule forbids it."""
    reading = method == "get"
    left_out = {"409", "422"} if reading else set()
    if reading and "{" in path:
        left_out.add("400")
    yield from ((status, said) for status, said in REFUSALS.items() if status not in left_out)
