"""REST: everything of a company as files, and its erasure. For its owners."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from forgeline.base.api import ActorPermission
from forgeline.base.moments import MomentField
from forgeline.base.serializers import Serializer
from forgeline.base.views import Answering
from forgeline.identity.authentication import actor_of
from forgeline.identity.roles import OPERATE, OWN
from forgeline.jobs.api import JobSerializer
from forgeline.transfer.company import archive, erasure
from forgeline.transfer.company.records import list_erasures


class ErasureInput(Serializer):
    name = serializers.CharField(max_length=200, help_text="The company's name as it is written.")


class ErasureSerializer(Serializer):
    """The record of a company that is gone."""

    tenant_id = serializers.IntegerField()
    name = serializers.CharField()
    asked_at = MomentField()
    begun_at = MomentField()
    ended_at = MomentField(allow_null=True, help_text="Null while its rows go.")
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="Table to rows that went.")
    left_over = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="Table to rows that stay: issued invoices with what was paid, the audit's tombstone, this record.",
    )


class ErasuresView(Answering):
    """Companies that are gone, for the operator of the service."""

    permission_classes = [ActorPermission]
    read_permission, write_permission = OPERATE, OPERATE

    @extend_schema(responses=ErasureSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The record of each, the newest first. Their invoices are fetched by `tenant_id` as those of others."""
        rows = [row._asdict() for row in list_erasures(actor=actor_of(request))]
        return Response(ErasureSerializer(rows, many=True).data)


class OwnerView(Answering):
    permission_classes = [ActorPermission]
    read_permission, write_permission = OWN, OWN


class CompanyArchiveView(OwnerView):
    """All that a company has."""

    @extend_schema(request=None, responses={202: JobSerializer})
    def post(self, request: Request) -> Response:
        """Write everything; the job's file is a zip with a README that tells of each file and column."""
        job = archive.start_archive(actor=actor_of(request))
        return Response(JobSerializer(job).data, status=status.HTTP_202_ACCEPTED)


class CompanyErasureView(OwnerView):
    """The erasure of the company: asked for by an owner in person, called back until its time has come."""

    @extend_schema(request=ErasureInput, responses={202: JobSerializer})
    def post(self, request: Request) -> Response:
        """Have the company erased at the job's `due_at`."""
        shape = ErasureInput(data=request.data)
        shape.is_valid(raise_exception=True)
        job = erasure.ask_erasure(name=shape.validated_data["name"], actor=actor_of(request))
        return Response(JobSerializer(job).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(responses=JobSerializer)
    def delete(self, request: Request) -> Response:
        """Call the erasure back."""
        return Response(JobSerializer(erasure.call_back(actor=actor_of(request))).data)
