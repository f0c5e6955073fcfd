"""Radiograph, risk, invitation, DXA, diagnosis, treatment: the tables of the screening, one module a noun."""

from screening.models.devices import Device, RefusedCaller, SiteIntake
from screening.models.films import FilmDecision, Radiograph, Receipt, film_path
from screening.models.outcomes import Diagnosis, DxaExam, DxaMeasurement, Outcome, Standing, Treatment
from screening.models.referrals import Appointment, Communication, ContactAttempt, Disclosure, Referral
from screening.models.registry import ModelSignature, ModelVersion, Standstill
from screening.models.scores import CovariateScore, RiskAssessment, Score, ScoreQuerySet

__all__ = [
    "Appointment",
    "Communication",
    "ContactAttempt",
    "CovariateScore",
    "Device",
    "Diagnosis",
    "Disclosure",
    "DxaExam",
    "DxaMeasurement",
    "FilmDecision",
    "ModelSignature",
    "ModelVersion",
    "Outcome",
    "Radiograph",
    "Receipt",
    "Referral",
    "RefusedCaller",
    "RiskAssessment",
    "Score",
    "ScoreQuerySet",
    "SiteIntake",
    "Standing",
    "Standstill",
    "Treatment",
    "film_path",
]
