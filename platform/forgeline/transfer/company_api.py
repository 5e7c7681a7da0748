"""REST: everything of a company as files, and its erasure. For its owners."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from forgeline.base.api import ActorPermission
from forgeline.base.serializers import Serializer
from forgeline.base.views import Answering
from forgeline.identity.authentication import actor_of
from forgeline.identity.roles import OWN
from forgeline.jobs.api import JobSerializer
from forgeline.transfer.company import archive, erasure


class ErasureInput(Serializer):
    name = serializers.CharField(max_length=200, help_text="The company's name as it is written.")


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
