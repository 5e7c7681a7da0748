"""Bytes of documents and photos: what they are by their content, where they lie. Not here: whose (services)."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path

from django.conf import settings

from forgeline.tenancy.context import require_tenant_id

MOST_BYTES = 10 * 1024 * 1024
PHOTOS = ("image/jpeg", "image/png", "image/webp")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_OFFICE = {
    b"word/": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    b"xl/": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def sniff(content: bytes) -> str:
    """Return the type of a file by its first bytes, '' for one that is not taken.

    Taken are JPEG, PNG, WebP, PDF, Word, Excel and plain text: nothing that a browser would run.
    """
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    if content.startswith(b"%PDF-"):
        return "application/pdf"
    if content.startswith(b"PK"):
        is_office = b"[Content_Types].xml" in content[:4096]
        return next((kind for mark, kind in _OFFICE.items() if is_office and mark in content), "")
    return "text/plain" if _is_text(content) else ""


def _is_text(content: bytes) -> bool:
    # A tabulator and the ends of lines are all that text needs of what cannot be printed.
    if not content or _CONTROL.search(content):
        return False
    try:
        words = content.decode()
    except UnicodeDecodeError:
        return False
    # A page is text too, and would run where somebody saved it as one.
    head = words[:1024].lower()
    return not any(mark in head for mark in ("<html", "<svg", "<script", "<!doc", "<?xml"))


def put(content: bytes) -> str:
    """Write bytes beneath the company's folder, whole or not at all; return their hash."""
    digest = hashlib.sha256(content).hexdigest()
    path = path_of(digest)
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    return digest


def path_of(digest: str) -> Path:
    """Return where the bytes of a hash lie in the company in force."""
    return Path(settings.JOBS["FOLDER"]) / str(require_tenant_id()) / digest[:2] / digest


def drop(digest: str) -> None:
    """Delete the bytes of a hash."""
    path_of(digest).unlink(missing_ok=True)
