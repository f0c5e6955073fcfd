"""The receipt of a cohort: what was drawn for whom and by what, to be replayed by whoever holds the key."""

import logging
from itertools import groupby
from typing import Any

from trial.keys import recorded_fingerprint
from trial.models import Allocation, Cohort, Stratum, UploadedList, User
from trial.receipts import rule_values, sealed
from trial.roles import Permission
from trial.services.signatures import given_under
from trial.services.trials import Refused, require

access_log = logging.getLogger("screentrial.access")


def receipt_of(cohort: Cohort, *, by: User) -> dict[str, Any]:
    """Return the receipt of a randomized cohort, and log that `by` took it; raise Refused before it is drawn."""
    require(by, Permission.UPLOAD_ALLOCATION_LIST, cohort.trial)
    made = cohort.allocations.select_related("participant", "stratum__trial", "protocol_version")
    rows = list(made.order_by("stratum__label", "stratum__list_version", "sequence"))
    if not rows:
        raise Refused("Nobody of this cohort is randomized yet: there is no receipt.")
    access_log.info("receipt of cohort %s taken by user %s", cohort.pk, by.pk)
    epoch = rows[0].stratum.key_epoch
    return sealed(
        {
            "trial": cohort.trial.code,
            "protocol_sha256": rows[0].protocol_version.sha256,
            "cohort_sha256": cohort.sha256,
            "size": cohort.size,
            "signatures": given_under(cohort),
            "key_epoch": epoch,
            "key_fingerprint": recorded_fingerprint(cohort.trial, epoch),
            "lists": [_list(list(of_list)) for _, of_list in groupby(rows, key=lambda row: row.stratum_id)],
        }
    )


def _uploaded_sha256(stratum: Stratum) -> str | None:
    given = UploadedList.objects.filter(stratum=stratum).values_list("sha256", flat=True)
    return given.first()


def _list(rows: list[Allocation]) -> dict[str, Any]:
    stratum, plan = rows[0].stratum, rows[0].protocol_version.protocol.allocation
    return {
        "stream": stratum.stream,
        "rule": rule_values(plan.rule(stratum.total)),
        "uploaded_sha256": _uploaded_sha256(stratum),
        "draws": [
            {
                "participant": row.participant.study_number,
                "index": row.sequence,
                "arm": row.arm,
                "strata": row.strata_values,
                "counts_before": row.counts_before,
                "uniform": row.uniform,
            }
            for row in rows
        ],
    }
