"""REST: tables of the plant and its people in and out."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from forgeline.base.api import ActorPermission
from forgeline.base.errors import InvalidInputError
from forgeline.base.serializers import Serializer
from forgeline.base.views import Answering, asks
from forgeline.identity.authentication import actor_of
from forgeline.jobs import files
from forgeline.jobs.api import JobSerializer
from forgeline.transfer.sheets import importing

WRITE = "transfer.write"
_AS = OpenApiParameter("as", str, enum=["csv", "xlsx"], description="Default: xlsx.")
_FILE = {(200, "application/octet-stream"): OpenApiTypes.BINARY}


class ImportColumnSerializer(Serializer):
    key = serializers.CharField()
    title = serializers.CharField()
    help = serializers.CharField()
    example = serializers.CharField()
    is_needed = serializers.BooleanField()


class ImportKindSerializer(Serializer):
    key = serializers.CharField()
    title = serializers.CharField()
    columns = ImportColumnSerializer(many=True)


class ImportInput(Serializer):
    """A file that was sent to `/uploads/`, or the job of a dry run that found no fault."""

    upload = serializers.IntegerField(required=False, min_value=1, max_value=2**62)
    job = serializers.IntegerField(required=False, min_value=1, max_value=2**62)
    dry_run = serializers.BooleanField(
        default=True,
        help_text="True: find every fault and store nothing. Ignored with `job`, which is applied.",
    )


class TransferView(Answering):
    permission_classes = [ActorPermission]
    read_permission, write_permission = WRITE, WRITE


class ImportsView(TransferView):
    """The tables that can be imported, with what each column takes."""

    @extend_schema(responses=ImportKindSerializer(many=True))
    def get(self, request: Request) -> Response:
        actor = actor_of(request)
        kinds = [kind for kind in importing.KINDS.values() if actor.has_permission(kind.permission)]
        return Response(ImportKindSerializer(kinds, many=True).data)


class ImportView(TransferView):
    """A table in CSV or XLSX, tried or applied."""

    @extend_schema(
        request=ImportInput,
        responses={202: JobSerializer},
        examples=[OpenApiExample("trial", {"upload": 1, "dry_run": True}, request_only=True)],
    )
    def post(self, request: Request, kind: str) -> Response:
        """Try a table (`dry_run`), or apply it: all of it or nothing. The job's `result` lists each fault by cell."""
        shape = ImportInput(data=request.data)
        shape.is_valid(raise_exception=True)
        given: dict[str, Any] = shape.validated_data
        actor = actor_of(request)
        if "job" in given:
            job = importing.apply_tried(given["job"], actor=actor, kind=kind)
        elif "upload" in given:
            upload = files.get_upload(given["upload"], actor=actor)
            job = importing.start_import(kind, actor=actor, upload=upload, dry_run=given["dry_run"])
        else:
            sentence = _("Name the upload, or the job of a dry run.")
            raise InvalidInputError.at("upload", sentence)
        return Response(JobSerializer(job).data, status=status.HTTP_202_ACCEPTED)


class TemplateView(TransferView):
    """An empty table to fill in: headings, an example row, and what each column takes."""

    @asks(
        _AS,
        responses=_FILE,
    )
    def get(self, request: Request, kind: str) -> HttpResponse:
        form = request.query_params.get("as", "xlsx")
        return as_file(importing.write_template(kind, form, actor=actor_of(request)), kind, form)


class ExportView(TransferView):
    """What there is, in the shape that the import takes."""

    @asks(
        _AS,
        responses=_FILE,
    )
    def get(self, request: Request, kind: str) -> HttpResponse:
        form = request.query_params.get("as", "xlsx")
        return as_file(importing.write_export(kind, form, actor=actor_of(request)), kind, form)


def as_file(body: bytes, name: str, form: str) -> HttpResponse:
    """Return a table for saving."""
    answer = HttpResponse(body, content_type=importing.FORMS[form])
    answer["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    return answer
