"""Cache of digests: unchanged files are not read, and no trick with times hides a change."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

import pytest
from taskloom.identity.filecache import NAME, FileCache, hash_file


@pytest.fixture
def old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that was last changed a while ago, by the clock of the file system."""
    path = tmp_path / "data.bin"
    path.write_bytes(b"1" * 1000)
    monkeypatch.setattr("taskloom.identity.filecache._SETTLED", -10_000_000_000)
    return path


def digest(path: Path) -> tuple[str, int]:
    """Return the digest of a file and the bytes that were read for it, by a cache opened anew."""
    with FileCache(path.parent) as files:
        return files.digest(path), files.hashed


def test_unchanged_file_is_read_once(old_file: Path) -> None:
    first, size = digest(old_file)
    assert size == 1000
    assert [digest(old_file) for _ in range(3)] == [(first, 0)] * 3
    assert first == hash_file(old_file)[0]


def test_file_changed_a_moment_ago_is_not_remembered(tmp_path: Path) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(b"1" * 1000)
    digest(path)
    assert digest(path)[1] == 1000


@pytest.mark.parametrize("how", ["in place", "by another file"])
def test_same_size_and_time_do_not_hide_a_change(old_file: Path, how: str) -> None:
    first, _ = digest(old_file)
    before = old_file.stat()
    time.sleep(0.02)  # a tick of the clock of the file system
    if how == "in place":
        old_file.write_bytes(b"2" * 1000)
    else:
        other = old_file.with_name("other.bin")
        other.write_bytes(b"2" * 1000)
        os.replace(other, old_file)
    os.utime(old_file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert digest(old_file)[0] not in (first, "")


def test_touched_file_is_read_again_and_is_the_same(old_file: Path) -> None:
    first, _ = digest(old_file)
    os.utime(old_file, (1, 1))
    assert digest(old_file) == (first, 1000)


def test_damaged_cache_and_one_that_is_a_link_are_done_without(old_file: Path) -> None:
    first, _ = digest(old_file)
    cache = old_file.parent / NAME
    cache.write_bytes(b"no database" * 100)
    assert digest(old_file) == (first, 1000)
    cache.unlink()
    target = old_file.parent / "target.sqlite"
    sqlite3.connect(target).close()
    cache.symlink_to(target)
    assert digest(old_file) == (first, 1000)
    assert target.read_bytes() == b""
