"""Model versions in the admin: what each is, what was checked, who has signed it, and the two acts of signing."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.html import format_html_join

from screening.models import ModelVersion
from screening.services import registry
from screening.vocabulary import ModelState
from trial.acts import Act
from trial.admin_forms import ReasonForm, SignForm
from trial.history import NOTHING
from trial.models import Membership, User
from trial.role_admin import RoleModelAdmin
from trial.roles import Permission, Role

P = Permission


class RefusalForm(ReasonForm, SignForm):
    """Why a model must not be used, and the password that makes it a signature."""


def _sign(row: ModelVersion, data: dict[str, Any], by: User) -> str:
    registry.sign_model(row, password=data["password"], by=by)
    if registry.state_of(row) == ModelState.APPROVED:
        return f"You have signed model {row}. It is approved: a live trial may be fixed to it."
    return f"You have signed model {row}. An investigator and a statistician both have to."


def _refuse(row: ModelVersion, data: dict[str, Any], by: User) -> str:
    registry.refuse_model(row, **data, by=by)
    return f"Model {row} is {registry.state_of(row)}: no further live trial is fixed to it."


def _facts(row: ModelVersion) -> dict[str, str]:
    """Return what has to be read before a model is signed."""
    told = ("kind", "intended_use", "training_data", "threshold_rule", "license")
    facts = {name.replace("_", " ").capitalize(): str(row.manifest.get(name, NOTHING)) for name in told}
    checks = {f"Checked: {c['name']}": c["said"] for c in row.report} or {"Checked": "not yet"}
    return facts | {"Threshold": str(row.manifest["threshold"]), "SHA-256": row.sha256} | checks


def _open(row: ModelVersion) -> bool:
    return registry.state_of(row) in (ModelState.REGISTERED, ModelState.APPROVED)


SIGN_MODEL = Act(
    "sign",
    "Sign the model version",
    P.SIGN_MODEL,
    "With your name, the date and your password you say that this model version may be used for what it is intended "
    "for. An investigator and a statistician sign, two people; then a live trial may be fixed to it.",
    _sign,
    SignForm,
    possible=_open,
    facts=_facts,
)
REFUSE_MODEL = Act(
    "refuse",
    "Refuse the model version",
    P.SIGN_MODEL,
    "You say that this model version must not be used, and why. No further live trial is fixed to it, whoever has "
    "signed it. A trial that runs goes on with it until it is paused or amended.",
    _refuse,
    RefusalForm,
    possible=_open,
    facts=_facts,
)


@admin.register(ModelVersion)
class ModelVersionAdmin(RoleModelAdmin):
    """The registry of model versions."""

    permission = P.SEE_TRIAL
    acts = (SIGN_MODEL, REFUSE_MODEL)
    list_display = ("name", "version", "kind", "state", "preprocessing", "registered_at")
    fields = (
        *("name", "version", "kind", "state", "signatures", "intended_use", "training_data", "license"),
        *("threshold", "threshold_rule", "calibration", "performance", "checks"),
        *("sha256", "content_sha256", "preprocessing", "registered_at"),
    )

    def rows(self, user: Any) -> QuerySet:
        """Return all models for anybody with a role: a model belongs to the installation."""
        return self.granted(user, P.SEE_TRIAL)

    def granted(self, user: Any, permission: Permission) -> QuerySet:
        """Return all models for whoever holds the permission anywhere."""
        rows = ModelVersion.objects.prefetch_related("signatures__signer", "signatures__trial")
        return rows if Membership.objects.granting(user, permission).exists() else rows.none()

    @admin.display
    def kind(self, row: ModelVersion) -> str:
        return row.manifest.get("kind", "films")

    @admin.display
    def state(self, row: ModelVersion) -> str:
        state = registry.state_of(row)
        return state if row.content_sha256 else f"{state}, not checked: for demonstrations and tests"

    @admin.display
    def signatures(self, row: ModelVersion) -> str:
        given = (
            (
                f"{s.signer.shown_name}, {Role(s.role).words} of trial {s.trial}, "
                f"{s.recorded_at:%Y-%m-%d %H:%M} UTC: {s.get_meaning_display()}. {s.reason}",
            )
            for s in row.signatures.all()
        )
        return format_html_join("\n", "<div>{}</div>", given) or NOTHING

    @admin.display
    def checks(self, row: ModelVersion) -> str:
        said = ((c["name"], c["said"]) for c in row.report)
        return format_html_join("\n", "<div>✓ {}: {}</div>", said) or NOTHING

    @admin.display
    def performance(self, row: ModelVersion) -> str:
        said = ((name.replace("_", " "), value) for name, value in row.manifest["performance"].items())
        return format_html_join("\n", "<div>{}: {}</div>", said) or NOTHING

    @admin.display
    def calibration(self, row: ModelVersion) -> str:
        line = row.manifest.get("calibration")
        return "slope {slope}, intercept {intercept}".format(**line) if line else "none"

    @admin.display
    def intended_use(self, row: ModelVersion) -> str:
        return row.manifest.get("intended_use", NOTHING)

    @admin.display
    def training_data(self, row: ModelVersion) -> str:
        return row.manifest.get("training_data", NOTHING)

    @admin.display
    def license(self, row: ModelVersion) -> str:
        return row.manifest.get("license", NOTHING)

    @admin.display
    def threshold(self, row: ModelVersion) -> str:
        return str(row.manifest.get("threshold", NOTHING))

    @admin.display
    def threshold_rule(self, row: ModelVersion) -> str:
        return row.manifest.get("threshold_rule", NOTHING)
