"""Files of jobs, beneath FORGELINE_VAR/files: sent in parts, written by jobs, bounded in size, deleted by age.

A file lies under a name drawn by chance in its company's folder; what people call it is never part of a path.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from forgeline.base import clock
from forgeline.base.errors import ConflictError, InvalidInputError, NotFoundError
from forgeline.jobs import metrics
from forgeline.jobs.models import File, Job
from forgeline.tenancy.context import current_branches, require_tenant_id

MB = 1 << 20
MOST_PART = 8 * MB
"""Of a file that is sent: one request."""
_PIECE = 1 << 18
_ORPHAN_S = 86_400
_UNUSED = timedelta(days=1)
_HASH = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[^\x00-\x1f\x7f/\\:*?\"<>|]{1,120}")


def check_name(name: str) -> str:
    """Return a file's name. **Raises** InvalidInputError for a path, for control characters, for none."""
    name = name.strip()
    if not _NAME.fullmatch(name) or name.startswith("."):
        sentence = _("Name the file without a folder, with at most 120 characters, such as points.xlsx.")
        raise InvalidInputError.at("name", sentence, key="jobs.file_name")
    return name


def begin_upload(name: str, *, actor: Any, size_bytes: int | None = None) -> File:
    """Make room for a file that comes in parts. **Raises** InvalidInputError, ConflictError where there is no room."""
    name = check_name(name)
    require_room(size_bytes or 0)
    now = clock.now()
    return File.objects.create(
        name=name, content_type="application/octet-stream", place=secrets.token_hex(16), is_input=True,
        branches=list(current_branches.get()), user_id=actor.user_id, api_key_id=actor.api_key_id, created_at=now,
        expires_at=now + _UNUSED,
    )  # fmt: skip


def get_upload(file_id: int, *, actor: Any) -> File:
    """Return a file that the actor itself sends. **Raises** NotFoundError."""
    row = File.objects.filter(
        pk=file_id, is_input=True, job=None, user_id=actor.user_id, api_key_id=actor.api_key_id
    ).first()
    if row is None:
        raise NotFoundError(_("There is nothing here that you may see."), data={"id": file_id})
    return row


def append(file_id: int, *, offset: int, part: bytes, actor: Any) -> File:
    """Put a part at the end of a file. **Raises** ConflictError (``data["size_bytes"]``) where it is not the next."""
    get_upload(file_id, actor=actor)
    row = File.objects.select_for_update().get(pk=file_id)
    if offset != row.size_bytes:
        raise ConflictError(
            _("This is not the next part; go on from byte %(size)d.") % {"size": row.size_bytes},
            key="jobs.wrong_offset",
            data={"size_bytes": row.size_bytes},
        )
    require_room(len(part))
    path = path_of(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    # What a request left behind that never committed is written over.
    with path.open("r+b" if path.exists() else "w+b") as out:
        out.seek(offset)
        out.write(part)
        out.truncate()
    row.size_bytes = offset + len(part)
    row.save(update_fields=["size_bytes"])
    return row


def store_upload(name: str, source: Any, *, actor: Any) -> File:
    """Keep a file that came in one request, in pieces. **Raises** as begin_upload does."""
    row = begin_upload(name, actor=actor, size_bytes=source.size)
    path = path_of(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        for piece in source.chunks(_PIECE):
            out.write(piece)
    row.size_bytes = path.stat().st_size
    row.save(update_fields=["size_bytes"])
    return row


def copy(row: File, *, actor: Any) -> File:
    """Return a sent file once more, for another job; the bytes are shared on the disk."""
    require_room(row.size_bytes)
    now = clock.now()
    place = secrets.token_hex(16)
    os.link(path_of(row), _folder(row.tenant_id) / place)
    return File.objects.create(
        name=row.name, content_type=row.content_type, place=place, is_input=True, size_bytes=row.size_bytes,
        branches=list(current_branches.get()), user_id=actor.user_id, api_key_id=actor.api_key_id, created_at=now,
        expires_at=now + _kept(),
    )  # fmt: skip


def give(row: File, job: Job) -> None:
    """Make a sent file part of a job."""
    row.job, row.is_complete, row.sha256 = job, True, sha256_of(path_of(row))
    row.branches, row.expires_at = job.branches, clock.now() + _kept()
    row.save(update_fields=["job", "is_complete", "sha256", "branches", "expires_at"])


@contextmanager
def make(job: Job, name: str, content_type: str) -> Iterator[IO[bytes]]:
    """Write a file of a job: whole or not at all. An unfinished one of the same name is written anew."""
    place = secrets.token_hex(16)
    path = _folder(job.tenant_id) / place
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("wb") as out:
            yield out
        keep(job, name, content_type, place)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def keep(job: Job, name: str, content_type: str, place: str) -> File:
    """Enter a finished file of a job."""
    path = _folder(job.tenant_id) / place
    now = clock.now()
    size = path.stat().st_size
    require_room(size)
    return File.objects.create(
        job=job, name=name[:120], content_type=content_type, place=place, size_bytes=size, sha256=sha256_of(path),
        is_complete=True, branches=job.branches, user_id=job.user_id, api_key_id=job.api_key_id, created_at=now,
        expires_at=now + _kept(),
    )  # fmt: skip


def scratch(job: Job) -> Path:
    """Return the folder in which a job keeps what it has not finished; it goes when the job is through."""
    path = _folder(job.tenant_id) / f"job-{job.pk}"
    path.mkdir(parents=True, exist_ok=True)
    return path


def drop_scratch(job: Job) -> None:
    """Delete what a job left unfinished."""
    shutil.rmtree(_folder(job.tenant_id) / f"job-{job.pk}", ignore_errors=True)


def path_of(row: File) -> Path:
    """Return where a file lies."""
    return _folder(row.tenant_id) / row.place


def remove(row: File) -> None:
    """Delete a file; on the disk once the row is gone for good."""
    path = path_of(row)
    row.delete()
    transaction.on_commit(lambda: path.unlink(missing_ok=True))


def remove_all(job: Job) -> None:
    """Delete every file of a job."""
    for row in File.objects.filter(job=job):
        remove(row)
    transaction.on_commit(lambda: drop_scratch(job))


def list_documents(tenant_id: int | None) -> list[Path]:
    """Return what other areas keep beneath a company's folder under the SHA-256 of its bytes."""
    return sorted(path for path in _folder(tenant_id).glob("??/*") if _HASH.fullmatch(path.name))


def count_company(tenant_id: int | None) -> int:
    """Return how many files lie beneath a company's folder."""
    return sum(1 for path in _folder(tenant_id).rglob("*") if path.is_file())


def remove_company(tenant_id: int | None) -> int:
    """Delete the folder of a company; returns the bytes that went."""
    folder = _folder(tenant_id)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.exists() else 0
    shutil.rmtree(folder, ignore_errors=True)
    return size


def sum_bytes() -> int:
    """Return what the files of all companies hold."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT jobs_sum_files()")
        total = int(cursor.fetchone()[0])
    metrics.FILES_BYTES.set(total)
    return total


def require_room(adding: int) -> None:
    """Pass where so many bytes more fit. **Raises** ConflictError with what to do."""
    bounds = settings.JOBS
    own = int(File.objects.aggregate(total=Sum("size_bytes"))["total"] or 0)
    most = int(bounds["COMPANY_FILES_MB"])
    if own + adding > most * MB or sum_bytes() + adding > bounds["FILES_MB"] * MB:
        metrics.FILES_REFUSED.inc()
        raise ConflictError(
            _(
                "There is no room for this file: the files of a company may hold %(most)d MB. Forget old jobs first."
            )
            % {"most": most},
            key="jobs.no_room",
            data={"most_mb": most, "present_bytes": own},
        )


def trim() -> int:
    """Delete the files of the company in force that are older than they are kept; returns how many."""
    gone = 0
    for row in File.objects.filter(expires_at__lt=clock.now()).select_related("job"):
        if row.job is not None and row.job.is_open:
            continue
        remove(row)
        gone += 1
    metrics.FILES_EXPIRED.inc(gone)
    _sweep()
    return gone


def _sweep() -> None:
    """Delete what lies in the folder of the company in force and belongs to no row: a request that was undone."""
    folder = _folder(require_tenant_id())
    edge = clock.now().timestamp() - _ORPHAN_S
    known = set(File.objects.values_list("place", flat=True))
    for path in folder.glob("*") if folder.exists() else ():
        if path.is_file() and path.name not in known and path.stat().st_mtime < edge:
            path.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Return the hex SHA-256 of a file, read in pieces."""
    if not path.exists():
        return hashlib.sha256().hexdigest()
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _folder(tenant_id: int | None) -> Path:
    assert tenant_id is not None
    return Path(settings.JOBS["FOLDER"]) / str(tenant_id)


def _kept() -> timedelta:
    return timedelta(days=settings.JOBS["FILES_DAYS"])
