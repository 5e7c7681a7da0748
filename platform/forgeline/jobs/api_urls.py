"""Addresses of the API on jobs and the files that are sent for them."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from forgeline.jobs import api

router = SimpleRouter()
router.register("jobs", api.JobViewSet, basename="job")
router.register("uploads", api.UploadViewSet, basename="upload")

urlpatterns = [
    *router.urls,
    path("jobs/<int:job_id>/files/<int:file_id>/", api.JobFileView.as_view(), name="job-file"),
]
