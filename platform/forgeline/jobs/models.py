"""Job and File. Not here: how a job is worked on (working), where a file lies (files)."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from forgeline.tenancy.models import TenantModel


class State(models.TextChoices):
    WAITING = "waiting", _("waiting")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


OPEN = (State.WAITING, State.RUNNING)


class Job(TenantModel):
    """Work that somebody asked for: what, how far it is, what came of it. People are named, not pointed at."""

    kind = models.CharField(max_length=60)
    """A key of the manifests' ``jobs``."""
    subject = models.CharField(max_length=200, blank=True)
    """What it is about: a file's name."""
    permission = models.CharField(max_length=60)
    """Who has it sees the job and fetches its files."""
    branches = ArrayField(models.CharField(max_length=255), default=list, blank=True)
    """Parts of the plant that whoever asked is limited to."""
    facts = models.JSONField(default=dict)
    """What was asked for."""
    language = models.CharField(max_length=10)
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    progress = models.PositiveSmallIntegerField(_("progress"), default=0)
    """Percent."""
    message = models.CharField(max_length=500, blank=True)
    result = models.JSONField(null=True)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=160)
    user_id = models.BigIntegerField(null=True)
    api_key_id = models.BigIntegerField(null=True)
    due_at = models.DateTimeField()
    """Not begun before."""
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    # What a worker leaves behind for the next one.
    position = models.JSONField(default=dict)
    worker = models.CharField(max_length=32, blank=True)
    claimed_until = models.DateTimeField(null=True)
    worked_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    """Times it was taken up since it last came further."""

    class Meta(TenantModel.Meta):
        verbose_name = _("job")
        indexes = [
            models.Index(fields=["due_at"], name="jobs_job_open", condition=models.Q(state__in=OPEN)),
            models.Index(fields=["tenant", "-id"], name="jobs_job_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} {self.state}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


class File(TenantModel):
    """A file that was sent in parts, or that a job made. ``place`` names it beneath the folder of its company."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, null=True, related_name="files")
    """None: sent, and no job has taken it yet."""
    name = models.CharField(max_length=120)
    content_type = models.CharField(max_length=100)
    place = models.CharField(max_length=64)
    size_bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    is_input = models.BooleanField(default=False)
    is_complete = models.BooleanField(default=False)
    branches = ArrayField(models.CharField(max_length=255), default=list, blank=True)
    user_id = models.BigIntegerField(null=True)
    api_key_id = models.BigIntegerField(null=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        verbose_name = _("file")
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name
