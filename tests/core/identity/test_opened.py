"""Files that code opens while a run goes on: only reads below the user's folders count."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from taskloom.identity.opened import MOST, Opened, counted_reads, watching_files


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of the user's: temporary ones never count."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def test_reads_count_and_writes_and_foreign_places_do_not(folder: Path, tmp_path: Path) -> None:
    (folder / "read.txt").write_text("1")
    (folder / "both.txt").write_text("1")
    (tmp_path / "foreign.txt").write_text("1")
    (folder / "runs").mkdir()
    (folder / "runs" / "log.txt").write_text("1")
    with watching_files(True) as opened:
        for name in ("read.txt", "both.txt", "../foreign.txt", "runs/log.txt"):
            (folder / name).read_text()
        (folder / "both.txt").write_text("2")
        (folder / "made.txt").write_text("3")
        (folder / "made.txt").read_text()
    (folder / "read.txt").read_text()
    (folder / "after.txt").write_text("1")
    assert counted_reads(opened, [folder], [folder / "runs"]) == [str(folder / "read.txt")]


def test_a_folder_that_is_opened_is_no_file_that_is_read(folder: Path) -> None:
    """The store of a run lies in the user's folder: a run beside it, which makes files there, changes nothing that it read."""
    (folder / "runs").mkdir()
    (folder / "link").symlink_to("runs")
    with watching_files(True) as opened:
        for name in ("runs", "link"):
            os.close(os.open(folder / name, os.O_RDONLY))
        (folder / "runs" / "beside").mkdir()
    assert opened == Opened()


def test_nothing_is_watched_where_it_is_not_wanted(folder: Path) -> None:
    (folder / "read.txt").write_text("1")
    with watching_files(False) as opened:
        (folder / "read.txt").read_text()
    assert opened == Opened()


def test_number_of_files_is_limited(folder: Path) -> None:
    opened = Opened()
    for number in range(MOST + 10):
        path = folder / f"{number}.txt"
        path.write_text("")
        opened.note(str(path), 0)
    assert len(opened.read) == MOST


def test_error_in_the_hook_is_no_error_of_the_task(folder: Path) -> None:
    with watching_files(True), pytest.raises(ValueError, match="null"):
        Path("\0").read_text()


def test_a_name_in_an_open_folder_is_none_in_the_current_one(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    inside = os.open(tmp_path, os.O_RDONLY)
    with watching_files(True) as opened:
        os.close(os.open("a.txt", os.O_WRONLY | os.O_CREAT, dir_fd=inside))
        os.close(os.open("a.txt", os.O_RDONLY, dir_fd=inside))
        os.rename("a.txt", "b.txt", src_dir_fd=inside, dst_dir_fd=inside)
    os.close(inside)
    assert opened == Opened()
