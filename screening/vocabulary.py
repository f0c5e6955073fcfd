"""The words of films, intake, diagnoses and drugs."""

from enum import StrEnum

from trial.roles import Role


class FilmState(StrEnum):
    """Where a film stands on its way to a score."""

    RECEIVED = "received"
    ELIGIBLE = "eligible"
    SET_ASIDE = "set_aside"
    REJECTED = "rejected"
    SCORED = "scored"
    FAILED = "failed"


class Look(StrEnum):
    """What a person decided of a held film."""

    TAKE = "take"
    KEEP_OUT = "keep_out"

    @property
    def words(self) -> str:
        """Return what is decided, as a sentence of who decides."""
        return "It is a frontal chest film: take it" if self is Look.TAKE else "Keep it out"


# A film in one of these states may count; two such films never share UID, file or pixels in a trial.
COUNTING = (FilmState.ELIGIBLE, FilmState.SCORED, FilmState.FAILED)


class ModelMeaning(StrEnum):
    """What a signature under a model version says."""

    APPROVE = "approve"
    REFUSE = "refuse"

    @property
    def words(self) -> str:
        """Return what is signed, as a sentence of the signer's."""
        return f"this model version {'may' if self is ModelMeaning.APPROVE else 'must not'} be used"


class ModelState(StrEnum):
    """Where a model version stands: checked and waiting, signed by both, refused, or refused after it was approved."""

    REGISTERED = "registered"
    APPROVED = "approved"
    REFUSED = "refused"
    RETIRED = "retired"


# The investigator answers for the people, a statistician for the numbers; each signs, and nobody for both.
STATISTICIANS = (Role.TRIAL_STATISTICIAN, Role.RANDOMIZATION_STATISTICIAN)
MODEL_SIGNERS = (Role.INVESTIGATOR, *STATISTICIANS)


class ReceiptOutcome(StrEnum):
    """What a sender is told of one file."""

    ACCEPTED = "accepted"
    ALREADY_RECEIVED = "already_received"
    SET_ASIDE = "set_aside"
    REJECTED = "rejected"


class RefusalReason(StrEnum):
    """Why the DICOM listener turned a caller away."""

    UNKNOWN_DEVICE = "unknown_device"
    WRONG_TITLE = "wrong_title"


class IntakeReason(StrEnum):
    """Why a sound film was taken or not, beyond what its own header says (for that see reasons.Reason)."""

    TO_BE_SCORED = "to_be_scored"
    SAME_FILE = "same_file"
    SAME_IMAGE = "same_image"
    SAME_PIXELS = "same_pixels"
    UID_REUSED = "uid_reused"
    PIXELS_OF_TWO_PEOPLE = "pixels_of_two_people"
    STUDY_OF_TWO_PEOPLE = "study_of_two_people"
    FUTURE_STUDY = "future_study"
    IDENTITY_MISMATCH = "identity_mismatch"
    UNKNOWN_PERSON = "unknown_person"
    ISSUER_NOT_STATED = "issuer_not_stated"
    WITHDRAWN = "withdrawn"
    IDENTITY_ERASED = "identity_erased"


INTAKE_SENTENCES = {
    IntakeReason.TO_BE_SCORED: "Received; it waits for its score.",
    IntakeReason.SAME_FILE: "This file was received before; nothing changed.",
    IntakeReason.SAME_IMAGE: "This image was received before in another file; nothing changed.",
    IntakeReason.SAME_PIXELS: "The same picture of this person was received under another UID; it counts once.",
    IntakeReason.UID_REUSED: "Another picture came earlier under this SOP Instance UID; a person must look.",
    IntakeReason.PIXELS_OF_TWO_PEOPLE: "The same picture came for two people; "
    "both films are held for a person to look.",
    IntakeReason.STUDY_OF_TWO_PEOPLE: "One study holds films of two people; "
    "all of them are held for a person to look.",
    IntakeReason.FUTURE_STUDY: "The study date lies in the future; correct the date and resend.",
    IntakeReason.IDENTITY_MISMATCH: "Sex or birth date differ from what is registered for this number; "
    "a person must look.",
    IntakeReason.UNKNOWN_PERSON: "Nobody is registered under this number, and this trial registers people first.",
    IntakeReason.ISSUER_NOT_STATED: "This number is registered at another site, "
    "and the film does not say who issued it; "
    "a person must look.",
    IntakeReason.WITHDRAWN: "This participant withdrew; the film is kept out and not scored.",
    IntakeReason.IDENTITY_ERASED: "This person's identity was erased; the film is kept out and not scored.",
}


class DiagnosisCode(StrEnum):
    """Diagnoses the protocol asks about."""

    OSTEOPOROSIS = "osteoporosis"
    OSTEOPENIA = "osteopenia"
    OSTEOPOROTIC_FRACTURE = "osteoporotic_fracture"


class DrugClass(StrEnum):
    """Anti-osteoporotic drugs by class, and the two supplements that don't exclude."""

    BISPHOSPHONATE = "bisphosphonate"
    DENOSUMAB = "denosumab"
    ROMOSOZUMAB = "romosozumab"
    PARATHYROID_HORMONE = "parathyroid_hormone"
    SERM = "serm"
    VITAMIN_D = "vitamin_d"
    CALCIUM = "calcium"

    @property
    def words(self) -> str:
        """Return the class as people write it."""
        return {"serm": "SERM", "vitamin_d": "vitamin D"}.get(self.value, self.value.replace("_", " "))


class Told(StrEnum):
    """What a participant learned of the model's judgment."""

    SCORE = "score"
    RISK_CLASS = "risk_class"
    FILM_JUDGED = "film_judged"

    @property
    def words(self) -> str:
        """Return it as part of a sentence."""
        return {
            "score": "a risk score",
            "risk_class": "a risk class",
            "film_judged": "that the film was judged",
        }[self.value]
