"""Addresses of the API on announcements."""

from django.urls import path

from forgeline.pages import api

urlpatterns = [path("announcements/", api.AnnouncementsView.as_view(), name="announcements")]
