"""The kinds of fact that an extract can hold, by the name that page and command line give them."""

from screening.importing.facts import Diagnoses, DxaExams, Medications
from screening.importing.offers import Appointments, Calls
from screening.importing.plan import Kind
from screening.importing.recorded import Allocations, FilmCounts
from screening.importing.registry import History, Registration, VitalStatus
from trial.models import Trial, User
from trial.pages import may

KINDS: dict[str, type[Kind]] = {
    kind.name: kind
    for kind in (
        *(Registration, History, Medications, DxaExams, Diagnoses, VitalStatus),
        *(FilmCounts, Allocations, Calls, Appointments),
    )
}


def kinds_for(user: User, trial: Trial) -> list[type[Kind]]:
    """Return what a user may import into a trial; a file may name people of every site, so at all of them."""
    sites = list(trial.sites.all())
    asked = {kind.permission for kind in KINDS.values()}
    granted = {p for p in asked if all(may(user, p, trial, site) for site in sites)}
    return [kind for kind in KINDS.values() if kind.permission in granted and kind.fits(trial)]
