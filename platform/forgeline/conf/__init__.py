"""The only place that knows the whole building: settings, urls, ASGI, Celery, and who observes whom."""
