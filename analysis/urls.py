"""Pages of the analysis."""

from django.urls import path

from analysis import views

urlpatterns = [
    path("reports/", views.reports, name="reports"),
    path("reports/<uuid:pk>/", views.report, name="report"),
    path("reports/<uuid:pk>/files/<str:name>", views.download, name="report-file"),
    path("calculator/", views.calculator, name="calculator"),
]
