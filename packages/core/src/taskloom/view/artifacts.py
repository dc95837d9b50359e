"""Artifacts as the viewer serves them: pictures, text and JSON are shown, everything else is a download.

An artifact is whatever a task wrote. A page or a drawing may hold scripts, so neither is ever served as one; the type is told
by the first bytes and not by the name, and browsers are told not to guess.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from starlette.responses import Response, StreamingResponse

from taskloom.records.files import open_file

FOLDER = "artifacts"
_CHUNK = 1 << 18
_HEAD = 4096
_DOWNLOAD = "application/octet-stream"
_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
# A browser would lay these out, or run what is in them.
_PAGES = (
    ".html",
    ".htm",
    ".xhtml",
    ".svg",
    ".xml",
    ".xsl",
    ".mhtml",
    ".js",
    ".mjs",
    ".css",
    ".pdf",
)


def artifact_response(run: Path, name: str) -> Response:
    """Return the answer that holds an artifact.

    Args:
        run: The run's folder.
        name: The artifact's name below `artifacts`.

    Raises:
        RunCorruptError: There is no regular file of that name below the run.
    """
    file = open_file(run, f"{FOLDER}/{name}")
    size = os.fstat(file.fileno()).st_size
    head = file.read(_HEAD)
    kind = type_of(name, head)
    headers = {"Content-Length": str(size)}
    if kind == _DOWNLOAD:
        headers["Content-Disposition"] = f'attachment; filename="{_plain(name)}"'
    return StreamingResponse(_content(file, head, size), media_type=kind, headers=headers)


def type_of(name: str, head: bytes) -> str:
    """Return the type under which a file is served.

    Args:
        name: Its name.
        head: Its first bytes.
    """
    for signature, kind in _SIGNATURES.items():
        if head.startswith(signature):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if name.lower().endswith(_PAGES) or not _is_text(head):
        return _DOWNLOAD
    # With its character set: without one a browser may find another in it.
    kind = "application/json" if name.lower().endswith(".json") else "text/plain"
    return f"{kind}; charset=utf-8"


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        # The last letter may be cut in two.
        return len(head) == _HEAD and error.start > _HEAD - 4
    return True


def _content(file: BinaryIO, head: bytes, size: int) -> Iterator[bytes]:
    """Yield as many bytes as were promised: a file that is being written may have grown."""
    with file:
        left = size
        chunk = head[:left]
        while chunk:
            yield chunk
            left -= len(chunk)
            chunk = file.read(min(_CHUNK, left)) if left else b""


def _plain(name: str) -> str:
    """Return the last part of a name in letters that a header may hold."""
    last = name.rpartition("/")[2]
    kept = (letter if letter.isascii() and letter.isprintable() else "_" for letter in last)
    return "".join("_" if letter in '"\\' else letter for letter in kept)
