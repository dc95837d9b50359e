"""A process that dies after any system call of a publication leaves a whole checkpoint of that step, or of the one before."""

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from taskloom.runs.checkpoints import (
    Checkpoint,
    newest_good,
    prune,
    publish,
    published,
    sweep_leftovers,
)

# Children are forked here, in a worker that other tests may have loaded JAX into; they use nothing of it.
pytestmark = pytest.mark.filterwarnings("ignore:os.fork")

CALLS = ("rename", "replace", "fsync", "unlink", "rmdir", "mkdir")
KILLED = 9


def _publish(folder: Path, step: int, text: str) -> None:
    with publish(folder, step, {"task": "probe/walk"}) as place:
        (place / "deep").mkdir()
        for name in ("state", "deep/state"):
            (place / name).write_text(text)


def _again(folder: Path) -> None:
    _publish(folder, 1, "new")


def _next_and_prune(folder: Path) -> None:
    _publish(folder, 2, "new")
    prune(folder, keep=1)


def _clear_up(folder: Path) -> None:
    sweep_leftovers(folder)
    _publish(folder, 1, "new")


def _die_after(call: int, act: Callable[[Path], None], folder: Path) -> bool:
    """Run the act in a child that ends without a word after so many system calls; return whether it was killed."""
    child = os.fork()
    if child == 0:
        left = itertools.count(call - 1, -1)

        def dying(real: Callable[..., Any]) -> Callable[..., Any]:
            def wrapper(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 -- whatever the call takes
                result = real(*arguments, **options)
                if next(left) == 0:
                    os._exit(KILLED)
                return result

            return wrapper

        try:
            for name in CALLS:
                setattr(os, name, dying(getattr(os, name)))
            act(folder)
        except BaseException:
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, KILLED)
    return code == KILLED


def _text(checkpoint: Checkpoint | None) -> str:
    assert checkpoint is not None
    texts = {(checkpoint.dir / name).read_text() for name in ("state", "deep/state")}
    assert len(texts) == 1
    return texts.pop()


@pytest.mark.parametrize("act", [_again, _next_and_prune, _clear_up], ids=lambda act: act.__name__)
def test_death_after_any_call_leaves_a_whole_checkpoint(
    tmp_path: Path, act: Callable[[Path], None]
) -> None:
    deaths = 0
    for call in itertools.count(1):
        folder = tmp_path / f"checkpoints-{call}"
        _publish(folder, 1, "old")
        if act is _clear_up:  # what a death in the middle of another publication left
            (folder / "000001").rename(folder / ".old-000001")
        was_killed = _die_after(call, act, folder)
        if act is not _clear_up or not was_killed:
            assert _text(newest_good(folder)) in ("old", "new")
        before = len(published(folder))
        sweep_leftovers(folder)
        assert _text(newest_good(folder)) in ("old", "new")
        assert len(published(folder)) >= min(before, 1)
        assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]
        # A leftover is no trap for the next attempt either.
        _publish(folder, 3, "next")
        assert _text(newest_good(folder)) == "next"
        if not was_killed:
            break
        deaths += 1
    assert deaths >= 8


def test_the_newest_edition_of_a_step_counts(tmp_path: Path) -> None:
    _publish(tmp_path, 1, "old")
    (tmp_path / "000001").rename(tmp_path / "kept")
    _publish(tmp_path, 1, "new")
    (tmp_path / "000001").rename(tmp_path / "000001.2")
    (tmp_path / "kept").rename(tmp_path / "000001")
    assert [(item.step, item.edition) for item in published(tmp_path)] == [(1, 1), (1, 2)]
    assert _text(newest_good(tmp_path)) == "new"
    (tmp_path / "000001.2" / "state").write_text("torn")
    assert _text(newest_good(tmp_path)) == "old"
    _publish(tmp_path, 1, "third")
    assert [path.name for path in tmp_path.iterdir()] == ["000001"]
    assert _text(newest_good(tmp_path)) == "third"


def test_an_older_one_that_was_set_aside_never_stands_over_a_newer_one(tmp_path: Path) -> None:
    _publish(tmp_path, 1, "old")
    (tmp_path / "000001").rename(tmp_path / ".old-000001")
    _publish(tmp_path, 1, "new")
    sweep_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["000001"]
    assert _text(newest_good(tmp_path)) == "new"
