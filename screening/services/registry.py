"""The registry of model versions: checked, kept, signed by two people, and found again by name and checksum."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from screening.checks import Check, check_model
from screening.manifests import (
    DEMONSTRATION_MODEL,
    WEIGHTS,
    Manifest,
    ModelRefused,
    content_path,
    read_content,
    read_manifest,
    reference_path,
)
from screening.models import ModelSignature, ModelVersion
from screening.vocabulary import STATISTICIANS, ModelMeaning, ModelState
from trial import audit
from trial.canonical import checksum
from trial.models import Membership, TrialKind, User
from trial.roles import Permission, Role
from trial.services.signatures import require_password
from trial.services.trials import Refused


class NotRegistered(Refused):
    """A model did not pass its checks; nothing was stored."""

    code = "model_not_registered"

    def __init__(self, checks: Sequence[Check]) -> None:
        self.checks = tuple(checks)
        super().__init__(f"Not registered: {checks[-1].name} failed. {checks[-1].said}")


@cache
def _examined(path: Path, _sha256: str, _reference: str) -> tuple[Check, ...]:
    """Check a model once a process: it takes some seconds."""
    return tuple(check_model(path))


def register(path: Path, *, by: User | None) -> ModelVersion:
    """Check the model of a manifest, keep its files and put it on record; raise NotRegistered with what failed.

    Registering the same again changes nothing. It is used by a live trial once two people have signed it.
    """
    try:
        manifest = read_manifest(path)
        checks = _examined(path.resolve(), manifest.sha256, checksum(asdict(manifest)))
        if not all(check.passed for check in checks):
            raise NotRegistered(checks)
        known = _known(manifest)
        if known and known.content_sha256:
            _require_same(known, manifest)
            return known
        _keep(path, manifest)
    except ModelRefused as no:
        raise NotRegistered([Check("manifest is whole", False, str(no))]) from None
    report = [asdict(check) for check in checks]
    with audit.context(by=by, why=f"Model {manifest.name} {manifest.version} passed its checks"):
        version = known or ModelVersion(**_named(manifest))
        version.manifest, version.report = asdict(manifest), report
        version.content_sha256 = checksum({"manifest": asdict(manifest), "report": report})
        version.save()
    return version


def register_model(*, by: Any = None) -> ModelVersion:
    """Put the shipped demonstration model on record, without the checks that a live trial asks for."""
    manifest = read_manifest(DEMONSTRATION_MODEL)
    read_content(content_path(DEMONSTRATION_MODEL, manifest), manifest.sha256)
    if known := _known(manifest):
        return known
    with audit.context(by=by, why=f"Model {manifest.name} {manifest.version} is registered"):
        return ModelVersion.objects.create(manifest=asdict(manifest), **_named(manifest))


def _named(manifest: Manifest) -> dict[str, str]:
    return {name: getattr(manifest, name) for name in ("name", "version", "sha256", "preprocessing")}


def _known(manifest: Manifest) -> ModelVersion | None:
    """Return the version on record under this name and number; raise Refused when its numbers are others."""
    known = ModelVersion.objects.filter(name=manifest.name, version=manifest.version).first()
    if known and known.sha256 != manifest.sha256:
        raise Refused(
            f"Model {known} is registered with another checksum. Restore its weights or give a new version."
        )
    return known


def _require_same(known: ModelVersion, manifest: Manifest) -> None:
    if known.manifest != asdict(manifest):
        raise Refused(f"Model {known} is registered with another manifest. Give a new version.")


def _keep(path: Path, manifest: Manifest) -> None:
    """Copy a model's files to where workers look; the manifest comes last, for with it the model is there."""
    folder = Path(settings.MODEL_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"{manifest.name}-{manifest.version}.json"
    _write(content_path(kept, manifest), read_content(content_path(path, manifest), manifest.sha256))
    _write(reference_path(kept), read_content(reference_path(path), manifest.reference_sha256))
    _write(kept, path.read_bytes())


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def path_of(version: ModelVersion) -> Path:
    """Return the manifest of a registered version: the kept one, or the shipped one."""
    name = f"{version.name}-{version.version}.json"
    kept = Path(settings.MODEL_DIR) / name
    return kept if kept.exists() else WEIGHTS / name


def sign_model(version: ModelVersion, *, by: User, password: str | None) -> ModelSignature:
    """Sign that a checked version may be used; signing again changes nothing."""
    if state_of(version) in (ModelState.REFUSED, ModelState.RETIRED):
        raise Refused(f"Model {version} was refused, and that stays. Register a new version.")
    return _sign(version, ModelMeaning.APPROVE, "", by=by, password=password)


def refuse_model(version: ModelVersion, *, reason: str, by: User, password: str | None) -> ModelSignature:
    """Sign that a version must not be used: no further live trial is fixed to it."""
    return _sign(version, ModelMeaning.REFUSE, reason, by=by, password=password)


def _sign(
    version: ModelVersion, meaning: ModelMeaning, reason: str, *, by: User, password: str | None
) -> ModelSignature:
    entry = _entry(by)
    assert entry.trial  # only the installation's administrators have none
    if not version.content_sha256:
        path = path_of(version).name
        raise Refused(
            f"Model {version} was never checked: run `python manage.py register_model {path}` first."
        )
    require_password(by, password, "Nothing was signed")
    with audit.context(by=by, why=f"{meaning.words}: {version}"):
        return ModelSignature.objects.get_or_create(
            model_version=version,
            signer=by,
            meaning=meaning,
            defaults={
                "trial": entry.trial,
                "role": entry.role,
                "content_sha256": version.content_sha256,
                "reason": reason,
            },
        )[0]


def _entry(by: User) -> Membership:
    """Return the role in which somebody signs a model: one of a whole live trial, for models serve them alone."""
    held = Membership.objects.granting(by, Permission.SIGN_MODEL).filter(
        site=None, trial__kind=TrialKind.LIVE
    )
    if entry := held.order_by("trial__code", "pk").first():
        return entry
    raise Refused(
        "A model is signed by an investigator or a statistician of a live trial. Nothing was signed; outside live "
        "trials no signature is needed."
    )


def state_of(version: ModelVersion) -> ModelState:
    """Return where a version stands; `model_approved` of the guards says the same of approval."""
    given = version.signatures.all()
    refused = any(s.meaning == ModelMeaning.REFUSE for s in given)
    signed = _both_signed([s for s in given if s.meaning == ModelMeaning.APPROVE])
    if refused:
        return ModelState.RETIRED if signed else ModelState.REFUSED
    return ModelState.APPROVED if signed else ModelState.REGISTERED


def _both_signed(given: Sequence[ModelSignature]) -> bool:
    investigators = {s.signer_id for s in given if s.role == Role.INVESTIGATOR}
    statisticians = {s.signer_id for s in given if s.role in STATISTICIANS}
    return bool(investigators and statisticians)  # nobody signs twice, so these are two people
