"""What in a film moved the model: computed when somebody who may see the score asks, and kept nowhere."""

from screening.inference import RiskModel
from screening.loading import load_test
from screening.manifests import ModelRefused
from screening.models import Score
from screening.saliency import evidence, overlay
from screening.sandbox import read_pixels
from screening.services import registry
from trial.services.trials import Refused

NO_FILM = "The film’s file is not kept here, so there is nothing to explain."
NO_NETWORK = "This score was not made by a network that reads films."
TITLE = "Red speaks for osteoporosis, blue against"


def model_of(score: Score) -> RiskModel:
    """Return the network that made a score; raise Refused when it is not there, or is another one."""
    version = score.model_version
    try:
        test = load_test(registry.path_of(version))
    except ModelRefused as error:
        raise Refused(f"Model {version} cannot be used: {error}") from error
    if not isinstance(test, RiskModel):
        raise Refused(NO_NETWORK)
    if test.manifest.sha256 != version.sha256:
        raise Refused(f"The weights here are not those of model {version}, which made this score.")
    return test


def has_film(score: Score) -> bool:
    """Tell whether the film of a score is kept here."""
    file = score.radiograph.file
    return bool(file) and file.storage.exists(file.name or "")


def explain(score: Score) -> bytes:
    """Return the film with what moved the model laid over it, as PNG; raise Refused when that can't be made."""
    if not has_film(score):
        raise Refused(NO_FILM)
    network = model_of(score).network
    with score.radiograph.file.open("rb") as file:
        image = read_pixels(file.read())
    return overlay(image, evidence(network, image), TITLE)
