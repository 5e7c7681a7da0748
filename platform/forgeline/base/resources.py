"""What every collection of the API does alike: versions by ETag, many rows in one request.

Not here: any resource, the envelope of errors and paging (api), searching and ordering (filters).
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from forgeline.base.api import NUMBER, ActorPermission, describe_error
from forgeline.base.errors import ChangedMeanwhileError, InvalidInputError
from forgeline.base.serializers import Serializer
from forgeline.base.views import Answering

MOST_ROWS = 1000
"""Of one request in bulk; more would keep its transaction, and whoever waits behind it, for too long."""


def tag_of(data: Any) -> str:
    """Return the ETag of a representation: equal bytes, equal tag."""
    return f'"{hashlib.sha256(JSONRenderer().render(data)).hexdigest()[:32]}"'


class Resource(Answering, viewsets.GenericViewSet):
    """Base of collections: permission by ``read_permission`` and ``write_permission``, ids that are numbers, and
    versions: one row is answered with its ``ETag``, ``If-None-Match`` saves the answer, ``If-Match`` guards a change.
    """

    permission_classes = [ActorPermission]
    read_permission: str
    write_permission: str
    lookup_value_regex = NUMBER

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        wanted = request.headers.get("If-Match", "").strip()
        if wanted and self.action in {"update", "partial_update", "destroy"} and self._names_one():
            # Locked, so that of two changes that both name this version one comes first.
            row = self.get_object()
            type(row)._default_manager.select_for_update(of=("self",)).filter(pk=row.pk).first()
            _require_version(wanted, tag_of(self._represent()))

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(request, response, *args, **kwargs)
        if not (self._names_one() and self.action in {"retrieve", "partial_update", "update"}):
            return answer
        return _tagged(request, answer)

    def _names_one(self) -> bool:
        return bool(self.kwargs.get(self.lookup_url_kwarg or self.lookup_field))

    def _represent(self) -> Any:
        """What a reader of this row was given."""
        retrieve = getattr(self, "retrieve", None)
        if retrieve is not None:
            return retrieve(self.request, **self.kwargs).data
        return self.get_serializer(self.get_object()).data


class OneThing(Answering):
    """Base of what a company has one of, without a number: its versions, as those of one row.

    ``get`` and every change answer with the same representation.
    """

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        wanted = request.headers.get("If-Match", "").strip()
        if not wanted or request.method not in {"PUT", "PATCH", "DELETE"}:
            return
        whose = request._request.actor.tenant_id  # type: ignore[attr-defined]
        with connection.cursor() as cursor:
            # There may be no row yet to lock: of two changes that both name this version one comes first.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"{whose}:{request.path}"])
        present = tag_of(self.get(request, *args, **kwargs).data)  # type: ignore[attr-defined]
        _require_version(wanted, present)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(request, response, *args, **kwargs)
        return _tagged(request, answer)


def _require_version(wanted: str, present: str) -> None:
    if wanted != "*" and present not in _tags(wanted):
        raise ChangedMeanwhileError(
            _("This was changed since you read it; read it again."), data={"etag": present}
        )


def _tagged(request: Any, answer: Any) -> Any:
    """Put the version on an answer; 304 without a body where the caller has it already."""
    if answer.status_code == status.HTTP_200_OK:
        tag = tag_of(answer.data)
        answer["ETag"] = tag
        if request.method in {"GET", "HEAD"} and tag in _tags(request.headers.get("If-None-Match", "")):
            answer.status_code = status.HTTP_304_NOT_MODIFIED
            answer.data = None
    return answer


def _tags(header: str) -> set[str]:
    """``W/"a", "b"`` → ``{'"a"', '"b"'}``; a weak one stands for the same bytes here."""
    return {tag.strip().removeprefix("W/") for tag in header.split(",") if tag.strip()}


class BulkRow(Serializer):
    row = serializers.IntegerField(help_text="Place in the request, from 0.")
    status = serializers.IntegerField(help_text="201 made, 200 changed, else what refused it.")
    id = serializers.IntegerField(allow_null=True)
    error = serializers.DictField(required=False, help_text="The envelope of the refusal.")


class BulkAnswer(Serializer):
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()
    results = BulkRow(many=True)


class _AnyRow(serializers.DictField):
    """A row as it was sent: one that is no object is refused by itself, not with all others."""

    def run_validation(self, data: Any = None) -> Any:
        return data


class BulkInput(Serializer):
    rows = serializers.ListField(
        child=_AnyRow(), min_length=1, max_length=MOST_ROWS,
        help_text="Each as for one: with an `id` it is changed, without one it is made.",
    )  # fmt: skip
    all_or_nothing = serializers.BooleanField(
        default=False, help_text="True: one refused row leaves all of them undone."
    )


class Bulk:
    """Many rows in one request, each with its own result: ``make(given)`` and ``change(pk, given)`` do the work."""

    def make(self, given: dict[str, Any]) -> Any:
        raise NotImplementedError

    def change(self, pk: int, given: dict[str, Any]) -> Any:
        raise NotImplementedError

    @extend_schema(request=BulkInput, responses={200: BulkAnswer, 207: BulkAnswer, 422: BulkAnswer})
    @action(detail=False, methods=["post"], pagination_class=None, filter_backends=[])
    def bulk(self, request: Request) -> Response:
        """Make and change many; 207 where some were refused, 422 where nothing was stored."""
        shape = BulkInput(data=request.data)
        shape.is_valid(raise_exception=True)
        # One of each for all rows: to put its fields together takes longer than to check a row.
        shapes = self.get_serializer(), self.get_serializer(partial=True)  # type: ignore[attr-defined]
        with transaction.atomic():
            results = [
                self._do(number, body, shapes) for number, body in enumerate(shape.validated_data["rows"])
            ]
            failed = sum("error" in result for result in results)
            undone = bool(failed) and shape.validated_data["all_or_nothing"]
            transaction.set_rollback(undone)
        if undone:
            for result in results:
                if "error" not in result:
                    result.update(status=status.HTTP_424_FAILED_DEPENDENCY, id=None)
        succeeded = 0 if undone else len(results) - failed
        code = status.HTTP_200_OK
        if failed:
            code = status.HTTP_207_MULTI_STATUS if succeeded else status.HTTP_422_UNPROCESSABLE_ENTITY
        return Response(
            {"succeeded": succeeded, "failed": len(results) - succeeded, "results": results}, code
        )

    def _do(
        self, number: int, sent: Any, shapes: tuple[serializers.Serializer, serializers.Serializer]
    ) -> dict[str, Any]:
        body = dict(sent) if isinstance(sent, dict) else {}
        pk = body.pop("id", None)
        try:
            if not isinstance(sent, dict):
                raise InvalidInputError(_("A row is an object with its fields by name."))
            if pk is not None and (not isinstance(pk, int) or isinstance(pk, bool) or not 0 < pk < 1 << 63):
                sentence = _("The id of a row is a number.")
                raise InvalidInputError.at("id", sentence)
            with transaction.atomic():
                given = dict(shapes[pk is not None].run_validation(body))
                row = self.make(given) if pk is None else self.change(pk, given)
        except Exception as error:
            told = describe_error(error)
            if told is None:
                raise
            return {"row": number, "status": told["status"], "id": pk, "error": told}
        done = status.HTTP_201_CREATED if pk is None else status.HTTP_200_OK
        return {"row": number, "status": done, "id": row.pk}
