"""Names that every system takes, renames that outlast a scanner, and files that are opened as what they are."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from taskloom.errors import StoreError
from taskloom.lifecycle.scratch import ScratchContext
from taskloom.system import files


@pytest.mark.parametrize(
    "name",
    [
        "con",
        "NUL.txt",
        "com1",
        "LPT9.tar.gz",
        "a:b",
        "a<b",
        'a"b',
        "a|b",
        "a?",
        "a*",
        "dot.",
        "blank ",
    ],
)
def test_name_that_some_system_refuses_is_refused_everywhere(tmp_path: Path, name: str) -> None:
    ctx = ScratchContext(tmp_path)
    with pytest.raises(StoreError, match=r"is not allowed|no relative name|not a relative name"):
        ctx.artifact(f"folder/{name}/file")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["console", "nullable.txt", "com10", "a.b", "A", "ein blank", "\u00e4"]
)
def test_name_that_every_system_takes_is_taken(tmp_path: Path, name: str) -> None:
    ScratchContext(tmp_path).artifact(name).write_text("x")


def test_names_that_differ_only_in_case_are_refused(tmp_path: Path) -> None:
    ctx = ScratchContext(tmp_path)
    ctx.artifact("plots/Loss.svg")
    ctx.artifact("plots/Loss.svg")
    with pytest.raises(
        StoreError, match=r"'plots/Loss\.svg' and 'Plots/loss\.svg' differ only in case"
    ):
        ctx.artifact("Plots/loss.svg")


@pytest.mark.parametrize("system", ["nt", "posix"])
def test_rename_outlasts_a_scanner_where_there_are_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    (tmp_path / "new").write_text("new")
    refusals = [PermissionError(errno.EACCES, "in use")] * 3
    real = os.replace

    def replace(source: Path, target: Path) -> None:
        if refusals:
            raise refusals.pop()
        real(source, target)

    monkeypatch.setattr(files.os, "replace", replace)
    if system == "nt":
        monkeypatch.setattr(files, "_has_scanners", lambda: True)
        files.replace(tmp_path / "new", tmp_path / "old")
        assert (tmp_path / "old").read_text() == "new"
    else:
        with pytest.raises(PermissionError):
            files.replace(tmp_path / "new", tmp_path / "old")
        assert len(refusals) == 2


def test_link_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "target").write_text("x")
    (tmp_path / "link").symlink_to("target")
    for flag in (files.NO_FOLLOW, 0):  # as on a system without the flag
        monkeypatch.setattr(files, "NO_FOLLOW", flag)
        for flags in (os.O_RDONLY, os.O_RDWR | os.O_CREAT):
            with pytest.raises(OSError, match="Too many levels of symbolic links") as caught:
                files.open_plain(tmp_path / "link", flags)
            assert caught.value.errno == errno.ELOOP
        os.close(files.open_plain(tmp_path / "target", os.O_RDONLY))


def test_bytes_at_an_offset_are_written_and_read_without_pread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    try:
        for name in ("", "pread", "pwrite"):
            if name:
                monkeypatch.delattr(files.os, name)
            assert files.write_at(descriptor, b"abc", 2) == 3
            assert files.read_at(descriptor, 2, 3) == b"bc"
    finally:
        os.close(descriptor)
