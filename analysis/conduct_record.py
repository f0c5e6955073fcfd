"""How the trial was conducted, counted at a freeze beside the rows: calls, deviations, fractures, the index test."""

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Avg, Count, Max, Min, Q
from django.db.models.functions import TruncMonth

from analysis.accrual import plan_of
from screening.models import ContactAttempt, Diagnosis, FilmDecision, Radiograph, Score, Standstill
from screening.vocabulary import DiagnosisCode, FilmState
from trial.models import Allocation, ProtocolDeviation, Trial
from trial.partial_dates import parse


def conduct_record(trial: Trial, cut_off: datetime) -> dict[str, Any]:
    """Count the trial's conduct up to a moment of entry, as plain values; nobody is named."""
    return {
        "trial_state": trial.state,
        "calls": _calls(trial, cut_off),
        "deviations": _deviations(trial, cut_off),
        "fractures": _fractures(trial, cut_off),
        "planned": [[day.isoformat(), number] for day, number in plan_of(trial.protocol)],
        "versions": _versions(trial, cut_off),
        "months": _months(trial, cut_off),
        "standstills": [
            {
                "reason": s.reason,
                "began": s.began_at.isoformat(),
                "ended": s.ended_at and s.ended_at.isoformat(),
            }
            for s in Standstill.objects.filter(trial=trial, began_at__lte=cut_off).order_by("began_at")
        ],
        "failed": Radiograph.objects.filter(
            trial=trial, state=FilmState.FAILED, received_at__lte=cut_off
        ).count(),
        "looked_at": dict(
            Counter(
                FilmDecision.objects.filter(radiograph__trial=trial, recorded_at__lte=cut_off).values_list(
                    "decision", flat=True
                )
            )
        ),
    }


def monday(day: date) -> str:
    """Return the first day of a day's week."""
    return (day - timedelta(days=day.weekday())).isoformat()


def _calls(trial: Trial, cut_off: datetime) -> dict[str, int]:
    attempts = ContactAttempt.objects.filter(allocation__participant__trial=trial, recorded_at__lte=cut_off)
    moments = attempts.values_list("occurred_at", flat=True)
    return dict(sorted(Counter(monday(moment.date()) for moment in moments).items()))


def _deviations(trial: Trial, cut_off: datetime) -> list[dict[str, Any]]:
    rows = ProtocolDeviation.objects.filter(trial=trial, recorded_at__lte=cut_off)
    counted = rows.order_by("category", "severity").values(
        "category", "severity", "participant__allocation__arm"
    )
    return [
        {
            "category": row["category"],
            "severity": row["severity"],
            "arm": row["participant__allocation__arm"],
            "n": row["n"],
        }
        for row in counted.annotate(n=Count("pk"))
    ]


def _fractures(trial: Trial, cut_off: datetime) -> dict[str, int]:
    """Count the people with an osteoporotic fracture on or after the day of randomization, by arm."""
    drawn = Allocation.objects.filter(participant__trial=trial, recorded_at__lte=cut_off)
    day = dict(drawn.values_list("participant_id", "randomized_on"))
    arm = dict(drawn.values_list("participant_id", "arm"))
    broken = Diagnosis.objects.filter(
        participant__trial=trial, recorded_at__lte=cut_off, code=DiagnosisCode.OSTEOPOROTIC_FRACTURE
    )
    after = {
        person
        for person, on in broken.values_list("participant_id", "diagnosed_on")
        if person in day and parse(on).earliest >= day[person]
    }
    return dict(Counter(arm[person] for person in after))


def _versions(trial: Trial, cut_off: datetime) -> list[dict[str, Any]]:
    names = ("model_version__name", "model_version__version", "model_version__sha256", "threshold")
    counted = (
        _scores(trial, cut_off)
        .values(*names)
        .annotate(films=Count("pk"), first=Min("occurred_at"), last=Max("occurred_at"))
    )
    return [
        {
            "name": row["model_version__name"],
            "version": row["model_version__version"],
            "sha256": row["model_version__sha256"],
            "threshold": str(row["threshold"]),
            "films": row["films"],
            "first": row["first"].date().isoformat(),
            "last": row["last"].date().isoformat(),
        }
        for row in counted.order_by("first", *names)
    ]


def _months(trial: Trial, cut_off: datetime) -> list[dict[str, Any]]:
    """Return the mean score and the share at or above the threshold by the month of the film."""
    by_month = _scores(trial, cut_off).filter(radiograph__study_date__isnull=False)
    counted = by_month.annotate(month=TruncMonth("radiograph__study_date")).values("month")
    counted = counted.annotate(
        films=Count("pk"), mean=Avg("mean"), positive=Count("pk", filter=Q(positive=True))
    )
    return [
        {
            "month": row["month"].strftime("%Y-%m"),
            "films": row["films"],
            "mean": round(float(row["mean"]), 6),
            "positive": row["positive"],
        }
        for row in counted.order_by("month")
    ]


def _scores(trial: Trial, cut_off: datetime) -> Any:
    return Score.objects.filter(radiograph__trial=trial, recorded_at__lte=cut_off).order_by()
