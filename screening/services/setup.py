"""Fixing a protocol to a registered model, so that a trial made from a template can score films."""

from decimal import Decimal

from screening.models import ModelVersion
from screening.services import scoring
from trial.models import ProtocolVersion, Trial, TrialKind, User
from trial.protocol import Protocol, template
from trial.services import protocols
from trial.services.protocols import Item

NOTE = "Fixed to a registered model version."


def put_in_force(version: ProtocolVersion, *, by: User) -> Trial:
    """Let a protocol version take effect, once its checklist is met, the model's points too."""
    return protocols.activate(version, by=by, further=[model_item(version)])


def checklist(version: ProtocolVersion) -> list[Item]:
    """Return every point of a version's checklist."""
    return [*protocols.checklist(version), model_item(version)]


def model_item(version: ProtocolVersion) -> Item:
    """Say whether the model that a version names is registered here, by checksum; records bring their scores."""
    named = version.protocol.score
    here = ModelVersion.objects.filter(
        name=named.name, version=named.version, sha256=named.weights_sha256 or "-"
    ).exists()
    met = here or version.trial.kind == TrialKind.RECORDED
    return Item(f"Model {named.name} {named.version} is registered", met, "Register it, or name another.")


def from_template(name: str, *, waiver: str) -> Protocol:
    """Return a template's protocol, fixed to the registered model, with this trial's own waiver of consent."""
    protocol = pin_model(template(name), scoring.register_model())
    return with_waiver(protocol, waiver) if waiver else protocol


def pin_model(protocol: Protocol, version: ModelVersion, *, threshold: Decimal | None = None) -> Protocol:
    """Return the protocol fixed to a model, by checksum; the threshold is the model's own unless given."""
    return protocol.amended(
        {
            "score.name": version.name,
            "score.version": version.version,
            "score.weights_sha256": version.sha256,
            "score.threshold": str(threshold or version.manifest["threshold"]),
        },
        note=NOTE,
    )


def with_waiver(protocol: Protocol, reference: str) -> Protocol:
    """Return the protocol with the reference of this trial's own waiver of consent."""
    return protocol.amended({"consent.waiver_reference": reference}, note="This trial's own waiver.")
