"""Cosmetic edits: layout, comments and documentation compute nothing; everything else does."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from taskloom.identity.sources import is_cosmetic, keep_sources, kept_source, source_path

BEFORE = (
    b'"""A module."""\nimport math\n\n\ndef f(x):\n    """Return something."""\n    return x + 1\n'
)


@pytest.mark.parametrize(
    ("after", "same"),
    [
        (BEFORE.replace(b"x + 1", b"x  +  1  # one more"), True),
        (BEFORE.replace(b"A module.", b"Another module."), True),
        (BEFORE.replace(b'    """Return something."""\n', b""), True),
        (BEFORE.replace(b"x + 1", b"x + 2"), False),
        (BEFORE.replace(b"f(x)", b"f(x, y=0)"), False),
        (BEFORE + b"@@@", False),
    ],
)
def test_cosmetic(after: bytes, same: bool) -> None:
    assert is_cosmetic(BEFORE, after) is same


def test_source_is_kept_once_and_read_back(tmp_path: Path) -> None:
    sha = hashlib.sha256(BEFORE).hexdigest()
    keep_sources(tmp_path, [(sha, BEFORE), (sha, BEFORE)])
    assert kept_source(tmp_path, sha) == BEFORE
    (path,) = (path for path in (tmp_path / ".code").rglob("*") if path.is_file())
    assert path.name == sha


@pytest.mark.parametrize("kind", ["other", "empty", "link", "pipe", "folder link"])
def test_what_is_not_the_source_of_its_digest_is_none(tmp_path: Path, kind: str) -> None:
    """Hold an edit for no edit only because of the very source that ran: a store may be damaged, or another person's."""
    sha = hashlib.sha256(BEFORE).hexdigest()
    keep_sources(tmp_path / "store", [(sha, BEFORE)])
    path = tmp_path / "store" / ".code" / sha[:2] / sha
    path.rename(tmp_path / "kept")
    if kind == "link":
        path.symlink_to(tmp_path / "kept")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder link":
        path.parent.rmdir()
        path.parent.symlink_to(tmp_path)
        (tmp_path / "kept").rename(tmp_path / sha)
    else:
        path.write_bytes(b"" if kind == "empty" else BEFORE.replace(b"x + 1", b"x + 2"))
    assert kept_source(tmp_path / "store", sha) is None


def test_what_is_no_digest_names_no_file(tmp_path: Path) -> None:
    assert source_path(tmp_path, "../../etc/passwd") is None
    assert kept_source(tmp_path, "mtime:1:2") is None
