"""The step that all ways in share: a film is received, and one that waits for a score is enqueued."""

from screening import tasks
from screening.models import Device
from screening.services import intake
from screening.services.intake import Answer
from trial.models import Site, User

LARGEST_BODY = 4 * 2**30  # bytes that one request may send, whatever it holds


def take(
    data: bytes, *, site: Site, source: str, by: User | None, device: Device | None = None, study: str = ""
) -> Answer:
    """Receive one file, enqueue its film, and return what the sender is told; raises what `receive` raises."""
    answer = intake.receive(data, site=site, source=source, by=by, device=device, study=study)
    if answer.to_score and answer.film:
        tasks.enqueue(answer.film)
    return answer
