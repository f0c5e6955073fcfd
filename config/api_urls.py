"""The API's routes, gathered from the apps."""

from rest_framework.routers import DefaultRouter

from analysis import api as analysis
from screening import api as screening
from trial import api as trial

router = DefaultRouter()
router.include_format_suffixes = False
for app in (trial, screening, analysis):
    app.register(router)
urlpatterns = router.urls
