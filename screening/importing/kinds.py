"""The kinds of fact that an extract can hold, by the name that the command line gives them."""

from screening.importing.facts import Diagnoses, DxaExams, Medications
from screening.importing.plan import Kind
from screening.importing.registry import History, Registration, VitalStatus

KINDS: dict[str, type[Kind]] = {
    kind.name: kind for kind in (Registration, History, Medications, DxaExams, Diagnoses, VitalStatus)
}
