"""Who may open a page, and what a page does with an anticipated error. Not here: any page."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse

from forgeline.base.errors import ForbiddenError, ForgelineError, NotFoundError

VIEW, EDIT = "connectors.view", "connectors.edit"
Page = Callable[..., HttpResponse]


def needs(permission: str) -> Callable[[Page], Page]:
    """Let a page be opened only by who holds the permission; a stranger is sent to sign in."""

    def wrap(page: Page) -> Page:
        @functools.wraps(page)
        def opened(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            actor = actor_of(request)
            if actor is None or actor.user_id is None:
                # Pages are for people; a key has the API.
                return redirect_to_login(request.get_full_path())
            if not actor.has_permission(permission):
                raise PermissionDenied
            try:
                return page(request, *args, **kwargs)
            except NotFoundError as error:
                raise Http404 from error
            except ForbiddenError as error:
                raise PermissionDenied from error

        return opened

    return wrap


def actor_of(request: HttpRequest) -> Any:
    """Return who asks; None for a stranger."""
    return getattr(request, "actor", None)


def tell(request: HttpRequest, error: ForgelineError) -> None:
    """Show an anticipated error on the next page."""
    messages.error(request, str(error))


def is_partial(request: HttpRequest) -> bool:
    """Tell whether htmx asks for a part of the page."""
    return request.headers.get("HX-Request") == "true"
