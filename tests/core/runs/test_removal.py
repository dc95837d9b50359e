"""`tasks runs rm` over folders, files and links with names like ours: whatever is no run survives byte for byte."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings, strategies as st
from taskloom.cli import main
from taskloom.errors import StoreError
from taskloom.records.names import ENTRIES
from taskloom.runs.removal import check_removable, folder_of, remove_runs
from tests_sizes import size

RUN, OTHER, PHOTOS = (
    "20261129-120000-hci-example-aaaaaa",
    "20261129-120001-hci-example-bbbbbb",
    "20261129-120000-photos",
)
NAMES = (RUN, OTHER, PHOTOS, "project", ".trash", "sweep-1")
INSIDE = ("run.json", "sweep.json", "config.toml", "lock", "artifacts", "only-copy.txt", "sub")
SHAPES = ("file", "folder", "link", "link out")
ARGUMENTS = ("{name}", "{store}/{name}", "./{name}", "{name}/", "{store}/{name}/../{name}", "link")

trees = st.dictionaries(
    st.sampled_from(NAMES),
    st.dictionaries(st.sampled_from(INSIDE), st.sampled_from(SHAPES), max_size=4)
    | st.sampled_from(("file", "link", "link out")),
    max_size=4,
)
lines = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(ARGUMENTS)), min_size=1, max_size=3
)


def _plant(path: Path, shape: str, outside: Path) -> None:
    if shape == "file":
        path.write_text(path.name)
    elif shape == "folder":
        path.mkdir()
        (path / "only-copy.txt").write_text("precious")
    else:
        path.symlink_to(outside if shape == "link out" else path.parent / RUN)


def _contents(folder: Path) -> dict[str, str]:
    """Return what lies below a folder, with the content of files and the targets of links."""
    found = {}
    for parent, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(parent, name)
            what = os.readlink(path) if path.is_symlink() else ""
            if not what:
                what = path.read_text() if path.is_file() else "a folder"
            found[str(path.relative_to(folder))] = what
    return found


def _is_run(folder: Path) -> bool:
    """Judge by the rule of the specification; none of these records is valid, so other names are no runs."""
    if folder.is_symlink() or not folder.is_dir() or not folder.name.startswith("2026"):
        return False
    plain = {path.name for path in folder.iterdir() if path.is_file() and not path.is_symlink()}
    every = {path.name for path in folder.iterdir()}
    return bool(plain & {"run.json", "sweep.json"}) or ("config.toml" in plain and every <= ENTRIES)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@settings(max_examples=size("removal_trees"), deadline=None, derandomize=True)
@given(tree=trees, line=lines)
@example(tree={PHOTOS: {"sub": "folder"}}, line=[(PHOTOS, "{store}/{name}")])
@example(
    tree={RUN: {"run.json": "file"}, OTHER: {"sub": "folder"}},
    line=[(RUN, "{name}"), (OTHER, "./{name}")],
)
@example(tree={RUN: {"run.json": "file"}, OTHER: "link"}, line=[(OTHER, "./{name}")])
@example(tree={RUN: {"run.json": "file"}, ".trash": "link out"}, line=[(RUN, "{name}")])
def test_only_runs_of_the_store_are_removed(
    place: Path, tree: dict[str, object], line: list[tuple[str, str]]
) -> None:
    shutil.rmtree(place / "case", ignore_errors=True)
    store, outside = place / "case" / "runs", place / "case" / "outside"
    store.mkdir(parents=True)
    (outside / RUN).mkdir(parents=True)
    (outside / RUN / "run.json").write_text("{}")
    for name, content in tree.items():
        if isinstance(content, str):
            _plant(store / name, content, outside / RUN)
            continue
        (store / name).mkdir()
        for inner, shape in content.items():
            _plant(store / name / inner, shape, outside / RUN)
    (store.parent / "link").symlink_to(store / RUN)
    runs = {name for name in tree if _is_run(store / name)}
    before = _contents(store.parent)
    words = [pattern.format(name=name, store=store) for name, pattern in line]
    here = Path.cwd()
    try:
        os.chdir(store)
        code = main(["runs", "rm", *words, "--yes", "--store", str(store)])
    finally:
        os.chdir(here)
    after = _contents(store.parent)
    kept = {
        path: what
        for path, what in before.items()
        if path.split("/")[1:2][:1] not in ([r] for r in runs)
    }
    assert kept.items() <= after.items()
    if code:
        assert code == 5
        assert before == after
    else:
        assert {name for name, _ in line} <= runs
        assert not any(f"runs/{name}" in after for name, _ in line)


def test_all_are_checked_before_the_first_is_removed(tmp_path: Path) -> None:
    (tmp_path / RUN).mkdir()
    (tmp_path / RUN / "run.json").write_text("{}")
    with pytest.raises(StoreError, match=r"cannot|Cannot"):
        remove_runs([tmp_path / RUN, tmp_path / OTHER], tmp_path)
    assert (tmp_path / RUN / "run.json").exists()


def test_a_run_of_another_store_needs_the_name_of_that_store(tmp_path: Path) -> None:
    (tmp_path / "other" / RUN).mkdir(parents=True)
    (tmp_path / "other" / RUN / "run.json").write_text("{}")
    with pytest.raises(StoreError, match="is not in the store"):
        check_removable(tmp_path / "other" / RUN, tmp_path / "runs")


def test_a_path_is_taken_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / RUN).mkdir()
    (tmp_path / "link").symlink_to(tmp_path / RUN)
    assert folder_of(f"{tmp_path}/link") == tmp_path / "link"
    assert folder_of(f"{tmp_path}/{RUN}/") == tmp_path / RUN
    monkeypatch.chdir(tmp_path / RUN)
    assert folder_of(".") == tmp_path / RUN
    assert folder_of("../link") == tmp_path / "link"
