"""Pages of screening: calls, results, films; and where devices send films by HTTP."""

from django.urls import path

from screening.stow import StudiesView
from screening.views import calls, devices, films, held_films, outcomes, worklist

urlpatterns = [
    path("calls/", worklist.worklist, name="worklist"),
    path("calls/close/", calls.close_over, name="calls-close"),
    path("calls/<uuid:pk>/", calls.call_sheet, name="call-sheet"),
    path("calls/<uuid:pk>/attempt/", calls.record_attempt, name="call-attempt"),
    path("calls/<uuid:pk>/consent/", calls.record_consent, name="call-consent"),
    path("calls/<uuid:pk>/appointment/", calls.book, name="call-book"),
    path("calls/<uuid:pk>/result/", calls.tell_result, name="call-result"),
    path("calls/<uuid:pk>/treatment/", calls.refer_for_treatment, name="call-treatment"),
    path("calls/<uuid:pk>/objection/", calls.objection, name="call-objection"),
    path("calls/<uuid:pk>/settle/<str:event>/", calls.settle, name="call-settle"),
    path("appointments/<uuid:pk>/<str:event>/", calls.end_appointment, name="appointment-end"),
    path("people/", outcomes.people, name="people"),
    path("people/<uuid:pk>/", outcomes.person, name="person"),
    path("people/<uuid:pk>/dxa/", outcomes.add_dxa, name="dxa-add"),
    path("people/<uuid:pk>/dxa/line/", outcomes.dxa_line, name="dxa-line"),
    path("people/<uuid:pk>/diagnosis/", outcomes.add_diagnosis, name="diagnosis-add"),
    path("people/<uuid:pk>/treatment/", outcomes.add_treatment, name="treatment-add"),
    path("outcomes/<str:kind>/<uuid:pk>/error/", outcomes.strike, name="outcome-strike"),
    path("dxa/<uuid:pk>/", outcomes.change_dxa, name="dxa-change"),
    path("films/", films.upload, name="upload"),
    path("films/received/", films.intake_of_day, name="intake"),
    path("films/held/", held_films.held_films, name="held-films"),
    path("films/held/<uuid:pk>/", held_films.held_film, name="held-film"),
    path("films/held/<uuid:pk>/picture/", held_films.held_picture, name="held-picture"),
    path("films/devices/", devices.devices, name="devices"),
    path("films/devices/add/", devices.add_device, name="device-add"),
    path("films/devices/<uuid:pk>/end/", devices.end_device, name="device-end"),
    path("dicom-web/studies", StudiesView.as_view({"post": "create"}), name="stow"),
    path("dicom-web/studies/<str:study>", StudiesView.as_view({"post": "create"}), name="stow-study"),
]
