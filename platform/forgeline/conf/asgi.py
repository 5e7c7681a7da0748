"""The web process: HTTP by Django, /ws/ by Channels."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "forgeline.conf.settings")

from django.core.asgi import get_asgi_application

# Apps must be loaded before anything that imports models.
_http = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402

from forgeline.realtime.entrance import Entrance  # noqa: E402
from forgeline.realtime.routing import websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": _http,
        "websocket": Entrance(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
