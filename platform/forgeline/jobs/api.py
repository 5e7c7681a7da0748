"""REST: jobs with their progress and files, and files that are sent in parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any, cast

from django.db.models import QuerySet
from django.http import FileResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from forgeline.base.api import ActorPermission
from forgeline.base.errors import InvalidInputError, NotFoundError
from forgeline.base.filters import Choices, FilterSet
from forgeline.base.paging import NewestFirst
from forgeline.base.parsing import StrictJSONParser, TooLargeError
from forgeline.base.resources import Resource
from forgeline.base.serializers import ModelSerializer
from forgeline.base.views import Answering, asks
from forgeline.jobs import files, services
from forgeline.jobs.models import File, Job, State
from forgeline.modules.registry import list_job_kinds

VIEW, WRITE = "jobs.view", "jobs.write"


def _actor(request: Request) -> Any:
    return request._request.actor  # type: ignore[attr-defined]  # the permission let nobody else through


class JobFileSerializer(ModelSerializer):
    class Meta:
        model = File
        fields = ["id", "name", "content_type", "size_bytes", "sha256", "is_input", "expires_at"]


class JobSerializer(ModelSerializer):
    """``result`` is there when all of it is; its shape belongs to the kind."""

    result = serializers.DictField(allow_null=True)
    facts = serializers.DictField()
    files = JobFileSerializer(many=True)

    class Meta:
        model = Job
        fields = [
            "id", "kind", "subject", "state", "progress", "message", "facts", "result", "files", "created_at",
            "created_by", "due_at", "started_at", "finished_at",
        ]  # fmt: skip
        read_only_fields = fields


class UploadSerializer(ModelSerializer):
    """``size_bytes`` is how much has come: go on from there."""

    name = serializers.CharField(max_length=200)

    class Meta:
        model = File
        fields = ["id", "name", "size_bytes", "expires_at"]
        read_only_fields = ["size_bytes", "expires_at"]


class JobFilter(FilterSet):
    kind = Choices(lambda: [(kind.key, kind.title) for kind in list_job_kinds()])
    state = Choices(State.choices)


class Part(BaseParser):
    """The bytes of a part, as they are."""

    media_type = "application/octet-stream"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        part: bytes = stream.read(files.MOST_PART + 1)
        if len(part) > files.MOST_PART:
            raise TooLargeError(_("Send the file in parts of at most 8 MB."))
        return part


class JobViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Resource):
    """Work that takes longer than a request. A job is kept for 30 days, its files as `expires_at` says."""

    serializer_class = JobSerializer
    queryset = Job.objects.none()
    filterset_class = JobFilter
    search_fields = ("subject", "created_by")
    ordering_fields = ("created_at", "id")
    pagination_class = NewestFirst
    read_permission, write_permission = VIEW, WRITE

    def get_queryset(self) -> QuerySet[Job]:
        return services.list_jobs(_actor(self.request))

    @extend_schema(request=None, responses=JobSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: int) -> Response:
        """Call a job off; one's own, or any with `jobs.manage`."""
        return Response(JobSerializer(services.cancel(int(pk), actor=_actor(request))).data)

    def destroy(self, request: Request, pk: int) -> Response:
        """Forget a job that is through, with its files."""
        services.forget(int(pk), actor=_actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class JobFileView(Answering):
    """The bytes of a file of a job."""

    permission_classes = [ActorPermission]
    read_permission, write_permission = VIEW, WRITE

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(self, request: Request, job_id: int, file_id: int) -> FileResponse:
        return send(services.get_job(min(job_id, 2**62), actor=_actor(request)), file_id)


def send(job: Job, file_id: int) -> FileResponse:
    """Return a file of a job for saving, never for showing. **Raises** NotFoundError."""
    row = next((each for each in job.files.all() if each.pk == file_id and each.is_complete), None)
    if row is None or not files.path_of(row).exists():
        raise NotFoundError(_("There is nothing here that you may see."), data={"id": file_id})
    answer = FileResponse(
        files.path_of(row).open("rb"), as_attachment=True, filename=row.name, content_type=row.content_type
    )
    answer["X-Content-SHA256"] = row.sha256
    return answer


class UploadViewSet(Resource):
    """Files sent in parts for an import: made, then filled by `PUT`, each part from where the last one ended."""

    serializer_class = UploadSerializer
    queryset = File.objects.none()
    read_permission, write_permission = WRITE, WRITE
    parser_classes = [StrictJSONParser, Part]

    def get_queryset(self) -> QuerySet[File]:
        return File.objects.filter(is_input=True, job=None).order_by("pk")

    @extend_schema(request={"application/json": UploadSerializer}, responses={201: UploadSerializer})
    def create(self, request: Request) -> Response:
        """Make room for a file; nothing has come yet."""
        shape = UploadSerializer(data=request.data)
        shape.is_valid(raise_exception=True)
        row = files.begin_upload(shape.validated_data["name"], actor=_actor(request))
        return Response(UploadSerializer(row).data, status=status.HTTP_201_CREATED)

    def retrieve(self, request: Request, pk: int) -> Response:
        """How much of a file has come."""
        return Response(UploadSerializer(files.get_upload(int(pk), actor=_actor(request))).data)

    @asks(
        OpenApiParameter("offset", int, required=True, description="Byte at which this part begins."),
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses=UploadSerializer,
    )
    def update(self, request: Request, pk: int) -> Response:
        """Add the next part, at most 8 MB; 409 tells from which byte to go on."""
        files.get_upload(int(pk), actor=_actor(request))
        word, part = request.query_params.get("offset", ""), cast(Any, request.data)
        if not word.isdecimal() or len(word) > 15 or not isinstance(part, bytes):
            sentence = _("Send bytes as application/octet-stream, and ?offset= for where they begin.")
            raise InvalidInputError.at("offset", sentence)
        row = files.append(int(pk), offset=int(word), part=part, actor=_actor(request))
        return Response(UploadSerializer(row).data)

    def destroy(self, request: Request, pk: int) -> Response:
        """Give an upload up."""
        files.remove(files.get_upload(int(pk), actor=_actor(request)))
        return Response(status=status.HTTP_204_NO_CONTENT)
