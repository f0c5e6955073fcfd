"""The API of screening: what happens to participants, films, calls, and DXA exams."""

from typing import Any, cast

from django.db.models import Prefetch
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.fields import CharField, ChoiceField, IntegerField
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter

from screening import arrivals
from screening.dicom import LARGEST_FILE
from screening.models import DxaExam, Radiograph, Referral, RiskAssessment
from screening.serializers import (
    AnswerSerializer,
    AttemptSerializer,
    DxaExamSerializer,
    NewExamSerializer,
    RadiographSerializer,
    ReferralSerializer,
    ScreenedParticipantSerializer,
    UploadSerializer,
    WithdrawalSerializer,
)
from screening.services import cohort, outcomes, referral
from screening.vocabulary import FilmState, ReceiptOutcome
from trial.api import STUDY_NUMBER, GuardedViewSet, ParticipantViewSet
from trial.models import Allocation, Participant, choices
from trial.roles import Permission
from trial.serializers import AllocationSerializer

STATUS_OF = {
    ReceiptOutcome.ACCEPTED: 201,
    ReceiptOutcome.ALREADY_RECEIVED: 200,
    ReceiptOutcome.SET_ASIDE: 202,
    ReceiptOutcome.REJECTED: 422,
}
TOLD = {
    ReceiptOutcome.ACCEPTED: "Accepted: the film is kept and waits for its score.",
    ReceiptOutcome.ALREADY_RECEIVED: "Received before: nothing changed.",
    ReceiptOutcome.SET_ASIDE: "Kept, but set aside for the reason given.",
    ReceiptOutcome.REJECTED: "Rejected for the reason given: correct the file and send it again.",
}


def register(router: DefaultRouter) -> None:
    """Add the routes of this app."""
    router.register("participants", ScreenedParticipantViewSet, basename="api-participant")
    router.register("radiographs", RadiographViewSet, basename="api-radiograph")
    router.register("referrals", ReferralViewSet, basename="api-referral")
    router.register("dxa-exams", DxaExamViewSet, basename="api-dxa-exam")


@extend_schema_view(
    create=extend_schema(responses={201: ScreenedParticipantSerializer, 200: ScreenedParticipantSerializer})
)
class ScreenedParticipantViewSet(ParticipantViewSet):
    """Participants by study number, with what the trial does with them."""

    serializer_class = ScreenedParticipantSerializer
    needs = ParticipantViewSet.needs | {"randomize": Permission.RANDOMIZE, "withdraw": Permission.WITHDRAW}

    def get_queryset(self) -> Any:
        """Attach the risk where this user may see it."""
        risk = RiskAssessment.objects.visible_to(self.user)
        return super().get_queryset().prefetch_related(Prefetch("risk", risk, to_attr="risk_seen"))

    @extend_schema(request=None, responses={201: AllocationSerializer, 200: AllocationSerializer})
    @action(detail=True, methods=["post"])
    def randomize(self, request: Request, study_number: str) -> Response:
        """Randomize a participant: 201 the first time, 200 with the first answer after that."""
        participant = self.participant(study_number)
        made = cohort.randomize(participant, by=self.user)
        shown = Allocation.objects.visible_to(self.user, Permission.SEE_ARM).filter(pk=made.pk).exists()
        answer = AllocationSerializer(made, context={"arm_shown": shown}).data
        return Response(answer, status=201 if made.drawn_now else 200)

    @extend_schema(request=WithdrawalSerializer, responses=ScreenedParticipantSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, study_number: str) -> Response:
        """Withdraw a participant: calls and scoring stop, what was recorded stays."""
        participant = self.participant(study_number)
        given = self.read(WithdrawalSerializer).validated_data
        return self.answer(referral.withdraw(participant, by=self.user, **given))


class DicomParser(BaseParser):
    """One DICOM file as the body of the request (DICOM PS3.18 8.7.3.1)."""

    media_type = "application/dicom"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Any = None
    ) -> dict[str, bytes]:
        """Read the file, and no more than one byte past the limit, which intake then refuses."""
        return {"file": stream.read(LARGEST_FILE + 1)}


class RadiographViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GuardedViewSet):
    """Chest films: what became of each, without its score."""

    queryset = Radiograph.objects.select_related("trial").order_by("-received_at", "pk")
    serializer_class = RadiographSerializer
    parser_classes = [DicomParser, MultiPartParser]
    lookup_value_regex = "[0-9a-f-]+"
    needs = {
        "list": Permission.SEE_INTAKE,
        "retrieve": Permission.SEE_INTAKE,
        "create": Permission.UPLOAD_FILMS,
    }
    filters = {"trial": ("trial__code", CharField()), "state": ("state", ChoiceField(choices(FilmState)))}

    def get_queryset(self) -> Any:
        """Attach whose film it is, where this user may see participants."""
        owners = Participant.objects.visible_to(self.user)
        return super().get_queryset().prefetch_related(Prefetch("participant", owners, to_attr="owner_seen"))

    @extend_schema(
        parameters=[
            OpenApiParameter("trial", str, required=True),
            OpenApiParameter("site", int, required=True),
        ],
        request={"application/dicom": OpenApiTypes.BINARY, "multipart/form-data": UploadSerializer},
        responses={STATUS_OF[o]: OpenApiResponse(AnswerSerializer, told) for o, told in TOLD.items()},
    )
    def create(self, request: Request) -> Response:
        """Send one film: 201 accepted, 200 already received, 202 set aside, 422 rejected, with the reason."""
        where = self.site(*_place(request))
        sent = cast(dict[str, Any], request.data).get("file")
        if sent is None:
            raise ValidationError({"file": "Send one DICOM file."})
        data = sent if isinstance(sent, bytes) else sent.read(LARGEST_FILE + 1)
        answer = arrivals.take(data, site=where, source="api", by=self.user)
        return Response(AnswerSerializer(answer).data, status=STATUS_OF[answer.outcome])


def _place(request: Request) -> tuple[str, int]:
    """Read the trial's code and the site's number from the address, as a film's body has no room for them."""
    trial, site = request.query_params.get("trial"), request.query_params.get("site")
    if not trial or not site:
        raise ValidationError(
            "Add the trial's code and the site's number to the address: ?trial=CODE&site=1."
        )
    return trial, IntegerField(min_value=1, max_value=99).run_validation(site)


class ReferralViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GuardedViewSet):
    """Offers of a scan by study number. Who has none, for whatever reason, is not found."""

    queryset = Referral.objects.select_related("allocation__participant").order_by("window_ends_on", "pk")
    serializer_class = ReferralSerializer
    lookup_field = "allocation__participant__study_number"
    lookup_url_kwarg = "study_number"
    lookup_value_regex = STUDY_NUMBER
    tells_arm = Permission.SEE_WORKLIST  # to have an offer is to be in the screening arm
    needs = {
        "list": Permission.SEE_WORKLIST,
        "retrieve": Permission.SEE_WORKLIST,
        "attempts": Permission.RECORD_CALL,
    }
    filters = {"trial": ("allocation__participant__trial__code", CharField())}

    @extend_schema(request=AttemptSerializer, responses={201: AttemptSerializer})
    @action(detail=True, methods=["post"])
    def attempts(self, request: Request, study_number: str) -> Response:
        """Record one try to reach the participant."""
        offer = self.get_object()
        given = self.read(AttemptSerializer).validated_data
        made = referral.record_attempt(offer, by=self.user, **given)
        return Response(AttemptSerializer(made).data, status=201)


class DxaExamViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GuardedViewSet):
    """DXA exams of any registered person, blind to risk, arm and route."""

    queryset = DxaExam.objects.select_related("participant").prefetch_related("measurements")
    queryset = queryset.order_by("-recorded_at", "pk")
    serializer_class = DxaExamSerializer
    lookup_value_regex = "[0-9a-f-]+"
    needs = {
        "list": Permission.SEE_OUTCOMES,
        "retrieve": Permission.SEE_OUTCOMES,
        "create": Permission.RECORD_OUTCOME,
    }
    filters = {
        "trial": ("participant__trial__code", CharField()),
        "study_number": ("participant__study_number", CharField()),
    }

    @extend_schema(request=NewExamSerializer, responses={201: DxaExamSerializer})
    def create(self, request: Request) -> Response:
        """Record an exam; unusual values are asked about once, with the code “please_confirm”."""
        given = self.read(NewExamSerializer)
        participant = self.participant(given.validated_data["study_number"])
        exam = outcomes.record_dxa(participant, by=self.user, source="api", **given.exam)
        return Response(DxaExamSerializer(exam).data, status=201)
