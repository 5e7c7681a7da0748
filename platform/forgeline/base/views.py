"""What every address of the API does: it answers what it was asked, and refuses a question that it does not know.

Not here: collections (resources), how lists are narrowed (filters), who may ask (api).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import views
from rest_framework.request import Request

from forgeline.base.errors import InvalidInputError

_Handler = TypeVar("_Handler", bound=Callable[..., Any])


def asks(*parameters: OpenApiParameter, **described: Any) -> Callable[[_Handler], _Handler]:
    """Name the parameters of a method of a view, and describe it as ``extend_schema`` does."""
    names = tuple(parameter.name for parameter in parameters)

    def mark(handler: _Handler) -> _Handler:
        handler.asks = names  # type: ignore[attr-defined]
        marked: _Handler = extend_schema(parameters=list(parameters), **described)(handler)
        return marked

    return mark


def refuse_unknown(request: Request, known: Collection[str]) -> None:
    """Refuse parameters that are not known, and what is said twice: the answer would be to another question."""
    asked = request.query_params
    slips = [name for name in asked if name not in known or len(asked.getlist(name)) > 1]
    if not slips:
        return
    names = {"names": ", ".join(sorted(slips)[:5]), "known": ", ".join(known)}
    if known:
        sentence = _("Not known here, or said twice: %(names)s. It is asked by %(known)s, each once.") % names
    else:
        sentence = _("Not known here: %(names)s. This address takes no parameters.") % names
    raise InvalidInputError.at(sorted(slips), sentence)


class Answering(views.APIView):
    """Base of all views of the API: a parameter with a slip in its name is refused instead of passed over.

    What a method is asked by stands in its ``asks``; lists in pages mind theirs by themselves (filters).
    """

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not request.query_params or request.method == "OPTIONS":
            return
        name = getattr(self, "action", None) or str(request.method).lower()
        if name in {"list", "get"} and getattr(self, "pagination_class", None) is not None:
            return
        known: Sequence[str] = getattr(getattr(self, name, None), "asks", ())
        refuse_unknown(request, known)
