"""Fixing a protocol to a registered model, so that a trial made from a template can score films."""

from decimal import Decimal

from screening.models import ModelVersion
from trial.protocol import Protocol

NOTE = "Fixed to a registered model version."


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
