"""What every view of the API shares, and the participants: the list, one of them, and registration."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Any, cast
from uuid import UUID

from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework import filters, mixins
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.fields import CharField, ChoiceField, Field, IntegerField
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter
from rest_framework.viewsets import GenericViewSet

from trial import audit
from trial.blinding import arm_shown
from trial.models import (
    Allocation,
    EligibilityAssessment,
    Membership,
    Participant,
    ProtocolVersion,
    Site,
    User,
    choices,
)
from trial.roles import Permission
from trial.serializers import ParticipantSerializer, RegistrationSerializer
from trial.services import people
from trial.services.trials import Refused
from trial.states import ProtocolState, State

STUDY_NUMBER = "[0-9A-Z-]+"


def register(router: DefaultRouter) -> None:
    """Add the routes of this app: none, for screening registers the participants with all their moves."""


class Gate(BasePermission):
    """Let in whoever holds, somewhere, the permission an action needs; which objects is for `visible_to`."""

    message: str

    def has_permission(self, request: Request, view: Any) -> bool:
        """Answer the same for every object, so that the answer says nothing of one."""
        if view.action in (None, "metadata"):  # no such method here: the view says so
            return True
        needed = view.needs[view.action]
        self.message = f"Your roles don't include: {needed.words}. Ask the coordinator."
        return Membership.objects.granting(cast(User, request.user), needed).exists()


class DeclaredFilters(filters.BaseFilterBackend):
    """Filters that a view declares by name; any other is refused, so that no column is an oracle."""

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        """Keep the rows that match every parameter given."""
        if view.action != "list":
            return queryset
        if unknown := set(request.query_params) - {*view.filters, "page"}:
            known = ", ".join(["page", *view.filters])
            raise ValidationError(f"{', '.join(sorted(unknown))}: no such parameter. There are: {known}.")
        for name, (lookup, field) in view.filters.items():
            if name in request.query_params:
                queryset = queryset.filter(**{lookup: _read(name, field, request.query_params[name])})
        return queryset

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the parameters."""
        return [
            {"name": name, "in": "query", "required": False, "schema": _schema(field)}
            for name, (_, field) in view.filters.items()
        ]


def _read(name: str, field: Field, value: str) -> Any:
    try:
        return field.run_validation(value)
    except ValidationError as error:
        raise ValidationError({name: error.detail}) from error


def _schema(field: Field) -> dict[str, Any]:
    if isinstance(field, ChoiceField):
        return {"type": "string", "enum": list(field.choices)}
    return {"type": "integer" if isinstance(field, IntegerField) else "string"}


class GuardedViewSet(GenericViewSet):
    """Views whose every read passes `visible_to` and whose every write carries its way in."""

    needs: Mapping[str, Permission]
    filters: Mapping[str, tuple[str, Field]] = {}
    tells_arm: Permission | None = None  # with this, what is answered tells an arm
    permission_classes = [IsAuthenticated, Gate]
    filter_backends = [DeclaredFilters]
    parser_classes: Sequence[type[BaseParser]] = [JSONParser]
    metadata_class = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Name the way in for everything that is written."""
        with audit.entry("api"):
            return super().dispatch(request, *args, **kwargs)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Log that arms were shown to whoever may see them."""
        tells = self.tells_arm if response.status_code < 300 else None
        if tells and Membership.objects.granting(self.user, tells).exists():
            arm_shown(self.user, f"API, {self.action} of {self.basename}")
        return super().finalize_response(request, response, *args, **kwargs)

    @property
    def user(self) -> User:
        """Return who asks."""
        return cast(User, self.request.user)

    def get_queryset(self) -> Any:
        """Return what the user may see by the permission that the action needs."""
        needed = self.needs.get(self.action) if self.action else None
        return cast(Any, super().get_queryset()).visible_to(self.user, needed)

    def read(self, serializer: type) -> Any:
        """Return the request's data as `serializer` reads it, or refuse the request."""
        given = serializer(data=self.request.data)
        given.is_valid(raise_exception=True)
        return given

    def site(self, trial: str, number: int) -> Site:
        """Return a site where the user may do what is asked."""
        sites = Site.objects.visible_to(self.user, self.needs[self.action]).select_related("trial")
        found = sites.filter(trial__code=trial, number=number).first()
        if found is None:
            raise NotFound(f"There is no site {number} of a trial {trial} where your roles let you do this.")
        return found

    def participant(self, study_number: str) -> Participant:
        """Return a participant with whom the user may do what is asked."""
        mine = Participant.objects.visible_to(self.user, self.needs[self.action]).select_related(
            "trial", "site"
        )
        found = mine.filter(study_number=study_number).first()
        if found is None:
            raise NotFound(f"There is no participant {study_number} with whom your roles let you do this.")
        return found


class _IndexDates(defaultdict[UUID, date | None]):
    """The index date of each trial, read once a request."""

    def __missing__(self, trial: UUID) -> date | None:
        version = ProtocolVersion.objects.filter(trial=trial, state=ProtocolState.ACTIVE).first()
        self[trial] = version.protocol.index_date if version else None
        return self[trial]


class ParticipantViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GuardedViewSet):
    """Participants by study number."""

    queryset = Participant.objects.select_related("trial", "site")
    serializer_class: type[ParticipantSerializer] = ParticipantSerializer
    lookup_field = "study_number"
    lookup_value_regex = STUDY_NUMBER
    tells_arm = Permission.SEE_ARM
    needs = {
        "list": Permission.SEE_PARTICIPANTS,
        "retrieve": Permission.SEE_PARTICIPANTS,
        "create": Permission.REGISTER_PEOPLE,
    }
    filters = {
        "trial": ("trial__code", CharField()),
        "site": ("site__number", IntegerField(min_value=1, max_value=99)),
        "state": ("state", ChoiceField(choices(State))),
    }

    def get_queryset(self) -> Any:
        """Attach what this user may see of each participant, and nothing else."""
        newest = EligibilityAssessment.objects.order_by("-occurred_at", "-recorded_at")
        dated = Allocation.objects.visible_to(self.user, Permission.SEE_ALLOCATION)
        with_arm = Allocation.objects.visible_to(self.user, Permission.SEE_ARM)
        return (
            super()
            .get_queryset()
            .prefetch_related(
                Prefetch("assessments", newest, to_attr="assessed"),
                Prefetch("allocation", dated, to_attr="allocation_seen"),
                Prefetch("allocation", with_arm, to_attr="arm_seen"),
            )
        )

    @cached_property
    def index_dates(self) -> _IndexDates:
        """Return the trials' index dates."""
        return _IndexDates()

    def get_serializer_context(self) -> dict[str, Any]:
        """Add what ages are counted on."""
        return {**super().get_serializer_context(), "index_dates": self.index_dates}

    @extend_schema(request=RegistrationSerializer)
    def create(self, request: Request) -> Response:
        """Register a person: 201 the first time, 200 with the first registration after that."""
        given = self.read(RegistrationSerializer)
        site = self.site(given.validated_data["trial"], given.validated_data["site"])
        person = given.person
        known = people.participants_by_number(site.trial, [(person.issuer, person.number)])
        participant = people.register(site, new=person, by=self.user)
        return self.answer(participant, 200 if known else 201)

    def answer(self, participant: Participant, status: int = 200) -> Response:
        """Return a participant as this user may see them."""
        shown = self.get_queryset().filter(pk=participant.pk).first()
        if shown is None:
            raise Refused("This person is registered in the trial already, at a site that is not yours.")
        return Response(self.get_serializer(shown).data, status=status)
