"""REST: samples of the past in, many samples out. Both go on behind the request."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from forgeline.base.errors import InvalidInputError
from forgeline.base.moments import MomentField
from forgeline.base.serializers import ChoiceField, Serializer
from forgeline.identity.authentication import actor_of
from forgeline.jobs import files
from forgeline.jobs.api import JobSerializer
from forgeline.transfer.samples import exporting, importing
from forgeline.transfer.sheets_api import TransferView

_MOST_ID = 2**62


class SampleImportInput(Serializer):
    """A file that was sent to `/uploads/` (CSV or Parquet), or the job of a trial."""

    upload = serializers.IntegerField(required=False, min_value=1, max_value=_MOST_ID)
    job = serializers.IntegerField(required=False, min_value=1, max_value=_MOST_ID)
    zone = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=64,
        help_text="Of times that tell none, such as `Asia/Shanghai`.",
    )
    dry_run = serializers.BooleanField(
        default=True,
        help_text="True: look at the first part and store nothing. Ignored with `job`, which is stored.",
    )


class SampleExportInput(Serializer):
    points = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**31 - 1),
        min_length=1,
        max_length=exporting.MOST_POINTS,
    )
    since = MomentField()
    until = MomentField()
    form = ChoiceField(["parquet", "csv"], default="parquet")


class SampleImportView(TransferView):
    """Samples of the past, up to 10 million rows a file."""

    @extend_schema(
        request=SampleImportInput,
        responses={202: JobSerializer},
        examples=[OpenApiExample("trial", {"upload": 1, "dry_run": True}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Try a file of samples (`dry_run`), or store it. The job's `result` counts what was refused, by reason."""
        shape = SampleImportInput(data=request.data)
        shape.is_valid(raise_exception=True)
        given: dict[str, Any] = shape.validated_data
        actor = actor_of(request)
        if "job" in given:
            job = importing.store_tried(given["job"], actor=actor)
        elif "upload" in given:
            job = importing.start_import(
                actor=actor, upload=files.get_upload(given["upload"], actor=actor), zone=given.get("zone", ""),
                dry_run=given["dry_run"],
            )  # fmt: skip
        else:
            sentence = _("Name the upload, or the job of a dry run.")
            raise InvalidInputError.at("upload", sentence)
        return Response(JobSerializer(job).data, status=status.HTTP_202_ACCEPTED)


class SampleExportView(TransferView):
    """Raw samples of many points over a long time, as a file."""

    @extend_schema(request=SampleExportInput, responses={202: JobSerializer})
    def post(self, request: Request) -> Response:
        """Write every raw sample of up to 1,000 points; the job's file is a zip with one file for each point."""
        shape = SampleExportInput(data=request.data)
        shape.is_valid(raise_exception=True)
        given: dict[str, Any] = shape.validated_data
        job = exporting.start_export(
            point_ids=given["points"], since=given["since"], until=given["until"], form=given["form"],
            actor=actor_of(request),
        )  # fmt: skip
        return Response(JobSerializer(job).data, status=status.HTTP_202_ACCEPTED)
