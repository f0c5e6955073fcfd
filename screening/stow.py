"""STOW-RS: films sent by HTTP, one status an instance (PS3.18 section 10.5 and annex I)."""

import hmac
import logging
import secrets
import time
from collections.abc import Iterator
from typing import Any, ClassVar

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest
from django.utils.http import parse_header_parameters
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.exceptions import APIException, NotFound, UnsupportedMediaType, ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from screening import arrivals
from screening.arrivals import LARGEST_BODY
from screening.dicom import LARGEST_FILE
from screening.multipart import BodyError, Part, Read, TooLarge, parts
from screening.references import reference_of
from screening.services.devices import sites_to_send_for
from screening.statuses import (
    NOT_OF_THIS_KIND,
    NOT_UNDERSTOOD,
    OUT_OF_RESOURCES,
    SUCCESS,
    failure_of,
)
from screening.vocabulary import ReceiptOutcome
from trial.api import GuardedViewSet
from trial.models import Site, User
from trial.roles import Permission
from trial.services.trials import Refused

logger = logging.getLogger(__name__)

SOURCE = "stow"
SITE_HEADER = "Screentrial-Site"
PROVEN_FOR = 300.0  # seconds for which a password that was right is not checked again
MOST_PROVEN = 100
# Tags of the answer (PS3.18 annex I), as DICOM JSON writes them.
RETRIEVE_URL, REFERENCED, FAILED, OTHER_FAILURES = "00081190", "00081199", "00081198", "0008119A"
SOP_CLASS, SOP_INSTANCE, WARNING_REASON, FAILURE_REASON = "00081150", "00081155", "00081196", "00081197"


class DicomJSON(JSONRenderer):
    """The answer's media type."""

    media_type = "application/dicom+json"


class Untouched(BaseParser):
    """Leaves the body to the view, also where a failed sign-in looks for a form in it."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        """Read nothing."""
        return {}


class Refusal(APIException):
    """A request of which nothing, or not all, was taken."""

    def __init__(self, status: int, said: str) -> None:
        self.status_code = status
        super().__init__(said)


class OncePerDevice(BasicAuthentication):
    """Checks a device's password, which is slow on purpose, once in a while and not for every film.

    What was right is remembered by a keyed hash, whose key this process alone has; whoever is deactivated or was given
    another password is asked anew at once.
    """

    key = secrets.token_bytes(32)
    proven: ClassVar[dict[bytes, float]] = {}

    def authenticate_credentials(self, userid: str, password: str, request: Any = None) -> tuple[Any, None]:
        """Return the account with this name and password."""
        known = User.objects.filter(username=userid, is_active=True).first()
        said = "\0".join((userid, password, known.password if known else ""))
        mark = hmac.digest(self.key, said.encode(), "sha256")
        if known and time.monotonic() < self.proven.get(mark, 0.0):
            return known, None
        found: tuple[Any, None] = super().authenticate_credentials(userid, password, request)
        if len(self.proven) >= MOST_PROVEN:
            self.proven.clear()
        self.proven[mark] = time.monotonic() + PROVEN_FOR
        return found


@extend_schema(exclude=True)  # described by DICOM itself
class StudiesView(GuardedViewSet):
    """Where films are sent to. A device signs in like anybody, with an account and a role of its own."""

    needs = {"create": Permission.UPLOAD_FILMS}
    # Basic first: a device that is asked for its password knows no other way.
    authentication_classes = [OncePerDevice, SessionAuthentication]
    parser_classes = [Untouched]
    renderer_classes = [DicomJSON, JSONRenderer]

    def create(self, request: Request, study: str = "") -> Response:
        """Take each film as it comes, and answer once for all: nothing is acknowledged that is not durable."""
        site = _site(request, list(sites_to_send_for(self.user)))
        statuses = _Statuses()
        for part in _parts(request):
            statuses.add(part, self._take(part, site, study))
        return statuses.answer()

    def _take(self, part: Part, site: Site, study: str) -> int:
        if part.media_type not in ("application/dicom", ""):
            return NOT_UNDERSTOOD
        try:
            answer = arrivals.take(part.data, site=site, source=SOURCE, by=self.user, study=study)
        except (Refused, DatabaseError) as error:
            # What the database says may quote a row.
            logger.error("a film was not taken by STOW-RS: %s", type(error).__name__)
            return OUT_OF_RESOURCES
        if answer.outcome == ReceiptOutcome.SET_ASIDE:
            return NOT_OF_THIS_KIND
        return failure_of(answer.outcome, answer.reason)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Keep refusals out of Django's log: their address may hold a study's UID."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response._has_been_logged = True  # type: ignore[attr-defined]  # as django.utils.log sets it
        return response

    def handle_exception(self, exc: Exception) -> Response:
        """Answer a refusal in plain JSON: it is no DICOM object."""
        if isinstance(exc, DatabaseError):
            exc = Refusal(503, "The database is away. Nothing was taken; send it again later.")
        response = super().handle_exception(exc)
        response.content_type = "application/json"
        return response


def _site(request: Request, sites: list[Site]) -> Site:
    """Return the site films are for: the one named, else the only one of the account."""
    named = request.headers.get(SITE_HEADER) or request.query_params.get("site") or ""
    if not named and len(sites) == 1:
        return sites[0]
    codes = {f"{site.trial.code}-{site.number:02d}": site for site in sites}
    if not named:
        raise ValidationError(
            f"This account sends for several sites. Name one by the header {SITE_HEADER} or ?site=, "
            f"of: {', '.join(codes)}."
        )
    if named not in codes:
        raise NotFound(f"There is no site {named!r:.40} for which this account may send films.")
    return codes[named]


def _parts(request: Request) -> Iterator[Part]:
    """Yield the parts of a request's body, up to the limits."""
    media_type, options = parse_header_parameters(request.content_type or "")
    kind = options.get("type", "application/dicom").lower()
    if media_type != "multipart/related" or kind != "application/dicom":
        raise UnsupportedMediaType(media_type, 'Send multipart/related; type="application/dicom".')
    most = settings.DATA_UPLOAD_MAX_NUMBER_FILES
    read = _reader(request._request)
    try:
        found = parts(read, options.get("boundary", ""), largest=LARGEST_FILE, whole=LARGEST_BODY)
        for number, part in enumerate(found):
            if number == most:
                raise Refusal(
                    413, f"More than {most} films at once. The first {most} were taken; send fewer."
                )
            yield part
    except TooLarge:
        raise Refusal(413, "More than 4 GB at once. Send fewer films at once.") from None
    except (BodyError, OSError) as fault:
        logger.warning("a body sent by STOW-RS broke off: %s", type(fault).__name__)
        raise ValidationError("The body is no whole multipart/related message. Send it again.") from None


def _reader(request: HttpRequest) -> Read:
    """Return what reads the body, also one sent in chunks, whose length nobody knows before its end."""
    if "chunked" not in request.headers.get("Transfer-Encoding", "").lower():
        return request.read
    if not request.META.get("wsgi.input_terminated"):
        raise Refusal(411, "This server takes no body in chunks. Send a Content-Length.")
    read: Read = request.META["wsgi.input"].read
    return read


class _Statuses:
    """What became of each instance, on the way to the answer."""

    def __init__(self) -> None:
        self.items: dict[str, list[dict[str, Any]]] = {REFERENCED: [], FAILED: [], OTHER_FAILURES: []}
        self.codes: list[int] = []

    def add(self, part: Part, code: int) -> None:
        """Note one instance."""
        reference = reference_of(part.data)
        item: dict[str, Any] = {}
        if reference:
            item[SOP_CLASS] = _element("UI", reference.sop_class)
            item[SOP_INSTANCE] = _element("UI", reference.sop_instance)
        stored = code in (SUCCESS, NOT_OF_THIS_KIND)
        if code != SUCCESS:
            item[WARNING_REASON if stored else FAILURE_REASON] = _element("US", code)
        self.items[REFERENCED if stored else FAILED if reference else OTHER_FAILURES].append(item)
        self.codes.append(code)

    def answer(self) -> Response:
        """Return the store instances response."""
        if not self.codes:
            raise ValidationError("The body has no part. Send each film as a part of its own.")
        content: dict[str, Any] = {RETRIEVE_URL: {"vr": "UR"}}  # films are never given back
        content |= {tag: {"vr": "SQ", "Value": items} for tag, items in self.items.items() if items}
        return Response(content, status=self._status())

    def _status(self) -> int:
        failed = [code for code in self.codes if code not in (SUCCESS, NOT_OF_THIS_KIND)]
        if len(failed) < len(self.codes):
            return 200 if set(self.codes) == {SUCCESS} else 202
        return 503 if set(failed) == {OUT_OF_RESOURCES} else 409


def _element(vr: str, value: object) -> dict[str, Any]:
    return {"vr": vr, "Value": [value]}
