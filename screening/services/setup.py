"""Fixing a protocol to a registered model, so that a trial made from a template can score films."""

from decimal import Decimal

from screening.models import ModelVersion
from screening.services import registry
from screening.vocabulary import ModelState
from trial.models import ProtocolVersion, Trial, TrialKind, User
from trial.protocol import Protocol, template
from trial.protocol_parts import ScoreKind
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
    """Say whether the model that a version names is registered here, by checksum, and for a live trial signed.

    Records bring their scores.
    """
    named, kind = version.protocol.score, version.trial.kind
    here = ModelVersion.objects.filter(
        name=named.name, version=named.version, sha256=named.weights_sha256 or "-"
    ).first()
    if kind == TrialKind.LIVE:
        said = f"Model {named.name} {named.version} is registered and signed by an investigator and a statistician"
        approved = here is not None and registry.state_of(here) == ModelState.APPROVED
        return Item(said, approved, "Have it checked (register_model) and signed under Model versions.")
    met = here is not None or kind == TrialKind.RECORDED
    return Item(f"Model {named.name} {named.version} is registered", met, "Register it, or name another.")


def from_template(name: str, *, waiver: str, model: ModelVersion | None = None) -> Protocol:
    """Return a template's protocol, fixed to a registered model, with this trial's own waiver of consent.

    Without a model it is the demonstration's.
    """
    protocol = pin_model(template(name), model or registry.register_model())
    return with_waiver(protocol, waiver) if waiver else protocol


def pin_model(protocol: Protocol, version: ModelVersion, *, threshold: Decimal | None = None) -> Protocol:
    """Return the protocol fixed to a model, by checksum; the threshold is the model's own unless given."""
    changes = {
        "score.name": version.name,
        "score.version": version.version,
        "score.weights_sha256": version.sha256,
        "score.threshold": str(threshold or version.manifest["threshold"]),
    }
    kind = version.manifest.get("kind", ScoreKind.FILMS)  # one registered by an earlier release reads films
    if kind != protocol.score.kind:
        changes["score.kind"] = kind
    return protocol.amended(changes, note=NOTE)


def with_waiver(protocol: Protocol, reference: str) -> Protocol:
    """Return the protocol with the reference of this trial's own waiver of consent."""
    return protocol.amended({"consent.waiver_reference": reference}, note="This trial's own waiver.")
