"""Pages of the analysis."""

from django.urls import path

from analysis import comparison_views, looks_views, plan_views, views

urlpatterns = [
    path("reports/", views.reports, name="reports"),
    path("reports/plans/", plan_views.all_plans, name="plans"),
    path("reports/plans/<uuid:pk>/", plan_views.plan, name="plan"),
    path("reports/looks/", looks_views.all_looks, name="looks"),
    path("reports/looks/take/", looks_views.take, name="take-look"),
    path("reports/looks/<uuid:pk>/", looks_views.look, name="look"),
    path("reports/<uuid:pk>/", views.report, name="report"),
    path("reports/<uuid:pk>/compare/", comparison_views.chosen, name="compare-with"),
    path("reports/<uuid:pk>/compare/<uuid:other>/", comparison_views.comparison, name="compare"),
    path(
        "reports/<uuid:pk>/compare/<uuid:other>/rows.csv",
        comparison_views.comparison_file,
        name="compare-file",
    ),
    path("reports/<uuid:pk>/files/<str:name>", views.download, name="report-file"),
    path("calculator/", views.calculator, name="calculator"),
]
