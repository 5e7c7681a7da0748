"""Make the company in which the demo plant lives, its manager, who hears of alarms, and a key.

The plant itself comes over REST.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from forgeline.identity import keys, services
from forgeline.identity.models import Role, User
from forgeline.identity.policy import Actor
from forgeline.identity.queries import find_actor_by_key, list_memberships
from forgeline.notifications.editing import create_route
from forgeline.tenancy.scoping import tenant_scope
from forgeline.web import first_hour

EMAIL = "demo@forgeline.local"


class Command(BaseCommand):
    """Idempotent: what exists is kept, and the last line printed is always one JSON object for programs."""

    help = "Make the demo company, its manager and an API key; print them as JSON."

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(settings.VAR) / "secrets" / "demo.json"
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if not known or find_actor_by_key(known["api_key"]) is None:
            known = self._make(known.get("password") or secrets.token_urlsafe(9))
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(known, file, indent=1)
        self.stdout.write(json.dumps(known))

    def _make(self, password: str) -> dict[str, str]:
        user = User.objects.filter(email=EMAIL).first()
        if user is None:
            user = services.create_user(email=EMAIL, password=password, name="Demo")
        user.set_password(password)
        user.save(update_fields=["password"])
        memberships = list_memberships(user.pk)
        if memberships:
            tenant_id = memberships[0].tenant_id
        else:
            tenant = services.create_tenant(
                name="示范工厂 Demo works", slug="demo", language=settings.LANGUAGE_CODE
            )
            tenant_id = tenant.pk
            services.add_member(tenant_id=tenant_id, user=user, role=Role.OWNER)
            with tenant_scope(tenant_id):
                create_route(
                    name="全部报警 All alarms", kinds=["alarm.*"], min_priority="low",
                    steps=[{"after_minutes": 0, "user_id": user.pk}],
                )  # fmt: skip
                # Its plant comes ready-made; the page stands under Plant set-up.
                owner = Actor(tenant_id, Role.OWNER, user_id=user.pk)
                first_hour.dismiss(actor=owner)
        _row, key = keys.create_api_key(tenant_id=tenant_id, name="Demo plant", role=Role.MANAGER)
        return {"email": EMAIL, "password": password, "api_key": key}
