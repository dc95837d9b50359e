"""Checkpoints: either they verify, or they do not exist."""

import json
import logging
import os
from pathlib import Path

import pytest
from taskloom.errors import RunCorruptError, StoreError
from taskloom.runs.checkpoints import (
    MANIFEST,
    newest_good,
    prune,
    publish,
    published,
    sweep_leftovers,
    verify,
)


def _publish(folder: Path, step: int, text: str = "state") -> Path:
    with publish(folder, step, {"task": "probe/walk"}) as temporary:
        (temporary / "state.json").write_text(text)
        (temporary / "deep").mkdir()
        (temporary / "deep" / "x.bin").write_bytes(b"\x00" * 10)
    return folder / f"{step:06d}"


def test_publish_writes_sizes_and_hashes(tmp_path: Path) -> None:
    manifest = verify(_publish(tmp_path, 7))
    assert manifest["step"] == 7
    assert manifest["task"] == "probe/walk"
    # printf state | sha256sum
    digest = "4ba69735ca53765ed6a709edb56c6ea236b7193a3b29a6b390c346f0f4340e4e"
    assert manifest["files"]["state.json"] == {"size": 5, "sha256": digest}
    assert set(manifest["files"]) == {"state.json", "deep/x.bin"}


def test_publish_that_raises_leaves_nothing(tmp_path: Path) -> None:
    def write_half() -> None:
        with publish(tmp_path, 1, {}) as folder:
            (folder / "half").write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert os.listdir(tmp_path) == []


def test_publish_replaces_the_checkpoint_of_the_same_step(tmp_path: Path) -> None:
    _publish(tmp_path, 3, "old")
    path = _publish(tmp_path, 3, "new")
    assert (path / "state.json").read_text() == "new"
    assert os.listdir(tmp_path) == ["000003"]


def test_publish_refuses_symbolic_links(tmp_path: Path) -> None:
    with pytest.raises(RunCorruptError, match="plain file"), publish(tmp_path, 1, {}) as folder:
        (folder / "link").symlink_to("/etc/passwd")
    assert published(tmp_path) == []


def test_publish_refuses_a_negative_step(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="-1"), publish(tmp_path, -1, {}):
        pass


def test_newest_is_by_number_and_not_by_text(tmp_path: Path) -> None:
    for step in (999_999, 1_000_000, 20):
        _publish(tmp_path, step)
    newest = newest_good(tmp_path)
    assert newest is not None
    assert newest.step == 1_000_000


@pytest.mark.parametrize(
    "damage", ["change", "truncate", "remove", "add", "link", "manifest", "no manifest"]
)
def test_damaged_checkpoint_is_skipped_with_a_warning(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    _publish(tmp_path, 1)
    newest = _publish(tmp_path, 2)
    state = newest / "state.json"
    if damage == "change":
        state.write_text("stat3")
    elif damage == "truncate":
        state.write_text("sta")
    elif damage == "remove":
        state.unlink()
    elif damage == "add":
        (newest / "planted.pkl").write_bytes(b"cos\nsystem\n")
    elif damage == "link":
        state.unlink()
        (newest / "outside").write_text("state")
        state.symlink_to(newest / "outside")
    elif damage == "manifest":
        (newest / MANIFEST).write_text("{")
    else:
        (newest / MANIFEST).unlink()
    with caplog.at_level(logging.WARNING):
        good = newest_good(tmp_path)
    assert good is not None
    assert good.step == 1
    assert "skipped the checkpoint of step 2" in caplog.text


def test_manifest_truncated_anywhere_never_verifies(tmp_path: Path) -> None:
    folder = _publish(tmp_path, 1)
    whole = (folder / MANIFEST).read_bytes().rstrip()
    for size in range(len(whole)):
        (folder / MANIFEST).write_bytes(whole[:size])
        with pytest.raises(RunCorruptError):
            verify(folder)


def test_manifest_cannot_name_files_outside(tmp_path: Path) -> None:
    folder = _publish(tmp_path, 1)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"]["../../secret"] = manifest["files"]["state.json"]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(RunCorruptError, match="disagree"):
        verify(folder)


def test_prune_keeps_the_newest(tmp_path: Path) -> None:
    for step in range(6):
        _publish(tmp_path, step)
    prune(tmp_path, keep=2)
    assert [checkpoint.step for checkpoint in published(tmp_path)] == [4, 5]
    assert sorted(os.listdir(tmp_path)) == ["000004", "000005"]


def test_leftovers_of_dead_writers_are_no_checkpoints_and_are_removed(tmp_path: Path) -> None:
    _publish(tmp_path, 1)
    (tmp_path / ".tmp-2-99").mkdir()
    (tmp_path / ".old-000001").mkdir()
    (tmp_path / "notes").mkdir()
    assert [checkpoint.step for checkpoint in published(tmp_path)] == [1]
    sweep_leftovers(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["000001", "notes"]


def test_no_folder_has_no_checkpoints(tmp_path: Path) -> None:
    assert newest_good(tmp_path / "absent") is None
