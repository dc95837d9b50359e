"""Ids and paths: nothing a user or a task writes leads out of the run folder."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st
from taskloom.errors import StoreError
from taskloom.records.names import is_id
from taskloom.runs.layout import default_store, inside, new_id


def test_new_id_sorts_by_time_and_uses_safe_characters() -> None:
    early, late = (
        new_id("anomaly", "back_Door!", now=0.0),
        new_id("anomaly", "back_Door!", now=90_000.0),
    )
    assert early < late
    assert early.startswith("19700101-000000-anomaly-back-door-")
    assert is_id(early)


def test_new_id_differs_within_one_second() -> None:
    assert len({new_id("a", now=5.0) for _ in range(500)}) == 500


@given(st.lists(st.text(max_size=300), max_size=4))
def test_new_id_accepts_any_words(words: list[str]) -> None:
    assert is_id(new_id(*words))


@settings(max_examples=300)
@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["..", ".", "a", "", "\x00", "~", "/", "b c"])).map("/".join)
)
def test_inside_never_leaves_the_root(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    root = tmp_path_factory.getbasetemp() / "root"
    root.mkdir(exist_ok=True)
    try:
        path = inside(root, name)
    except StoreError:
        return
    assert path.resolve().is_relative_to(root.resolve())
    assert path.resolve() != root.resolve()


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "/etc/passwd",
        "a/../../b",
        "a\x00b",
        "a\nb",
        "..\\b",
        "\ud800",
        "x" * 300,
        "a/" + "y" * 201,
    ],
)
def test_inside_refuses_hostile_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError):
        inside(tmp_path, name)


def test_inside_refuses_a_symbolic_link_that_leaves(tmp_path: Path) -> None:
    root = tmp_path / "run"
    root.mkdir()
    os.symlink(tmp_path, root / "door")
    with pytest.raises(StoreError, match="symbolic link"):
        inside(root, "door/secret.txt")


def test_inside_accepts_folders_and_spaces(tmp_path: Path) -> None:
    assert inside(tmp_path, "plots/roc curve.svg") == tmp_path / "plots" / "roc curve.svg"


def test_default_store_prefers_the_option_then_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TASKS_STORE", raising=False)
    assert default_store() == tmp_path / "runs"
    monkeypatch.setenv("TASKS_STORE", "/data/runs")
    assert default_store() == Path("/data/runs")
    assert default_store(Path("here")) == tmp_path / "here"
    assert default_store(Path(".")) == tmp_path
