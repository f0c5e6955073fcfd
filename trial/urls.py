"""Pages of the trial itself."""

from django.urls import path

from trial import views

urlpatterns = [
    path("roles/", views.role_matrix, name="role-matrix"),
]
