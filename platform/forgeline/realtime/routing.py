"""The sockets' addresses."""

from django.urls import path

from forgeline.realtime.consumers import LiveConsumer

websocket_urlpatterns = [path("ws/live/", LiveConsumer.as_asgi())]
