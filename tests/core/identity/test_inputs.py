"""Inputs: what a config names counts by its content, wherever it lies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from taskloom import Command, Component, Config, InputPath, OutputPath
from taskloom.errors import UsageError
from taskloom.identity.filecache import FileCache
from taskloom.identity.folder import folder_digest
from taskloom.identity.inputs import collect_inputs, second_look
from taskloom.identity.leaves import absolute
from taskloom.identity.records import Input


class Part(Component):
    table: Path = Path("table.csv")


class Reads(Config):
    data: InputPath = Path("data.csv")
    more: list[Path] = []  # noqa: RUF012 -- pydantic copies it
    named: dict[str, Path] = {}  # noqa: RUF012 -- pydantic copies it
    part: Part | None = None
    out: OutputPath | None = None
    solver: Command = ""
    empty: Path = Path()


def inputs_of(config: Config, cwd: Path) -> dict[str, Input]:
    return {item.field: item for item in collect_inputs(config, cwd, cwd, FileCache())}


def test_folder_has_the_digest_of_the_specification(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.txt").write_text("22")
    (tmp_path / "empty").mkdir()
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".DS_Store").write_text("left out")
    digest, size = folder_digest(tmp_path, FileCache())
    assert (digest, size) == (
        "d707b467c9e013bcbd4d1edaf232885d2cb2a92c1e87c476197d26696ecffc38",
        3,
    )


def test_everything_that_a_config_names_is_found(tmp_path: Path) -> None:
    for name in ("data.csv", "b.csv", "c.csv", "table.csv", "solve.py", "result.csv"):
        (tmp_path / name).write_text(name)
    config = Reads(
        more=[Path("b.csv")],
        named={"c": Path("c.csv")},
        part=Part(),
        out=Path("result.csv"),
        solver=["python", "solve.py", "--fast"],  # type: ignore[arg-type]  # a list is joined
    )
    found = inputs_of(config, tmp_path)
    assert {field: (item.name, item.kind) for field, item in found.items()} == {
        "data": ("data.csv", "file"),
        "more.0": ("b.csv", "file"),
        "named.c": ("c.csv", "file"),
        "part.table": ("table.csv", "file"),
        "solver": ("solve.py", "file"),
    }
    assert config.solver == "python solve.py --fast"


def test_place_does_not_count_and_content_does(tmp_path: Path) -> None:
    digests = []
    for place, text in (("here", "1"), ("there", "1"), ("other", "2")):
        (tmp_path / place).mkdir()
        (tmp_path / place / "data.csv").write_text(text)
        digests.append(inputs_of(Reads(), tmp_path / place)["data"].sha256)
    assert digests[0] == digests[1] != digests[2]


def test_link_is_followed_and_a_missing_file_is_absent(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text("1")
    (tmp_path / "data.csv").symlink_to("real.csv")
    found = inputs_of(Reads(), tmp_path)["data"]
    assert (found.kind, found.name, found.size) == ("file", "data.csv", 1)
    assert inputs_of(Reads(data=Path("none.csv")), tmp_path)["data"].kind == "absent"


def test_pipe_and_device_are_refused_in_a_sentence(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path(os.devnull)):
        with pytest.raises(UsageError, match=r"data names '.*', which is a pipe, a device"):
            inputs_of(Reads(data=path), tmp_path)


def test_paths_become_absolute_and_the_rest_stays(tmp_path: Path) -> None:
    (tmp_path / "solve.py").write_text("")
    config = Reads(
        more=[Path("b.csv"), Path("/c.csv")],
        part=Part(),
        out=Path("made.csv"),
        solver="python solve.py x",
    )
    made = absolute(config, tmp_path, {})
    assert made.data == tmp_path / "data.csv"
    assert made.more == [tmp_path / "b.csv", Path("/c.csv")]
    assert (made.part, made.out) == (Part(table=tmp_path / "table.csv"), tmp_path / "made.csv")
    assert made.solver == f"python {tmp_path / 'solve.py'} x"
    assert made.empty == Path()
    assert absolute(made, Path("/elsewhere"), {}) is made


def test_folder_that_is_too_large_is_refused_or_taken_by_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taskloom.identity.folder.MOST_FILES", 3)
    (tmp_path / "many").mkdir()
    for number in range(4):
        (tmp_path / "many" / str(number)).write_text("1")
    config = Reads(data=Path("many"))
    with pytest.raises(UsageError, match=r"data names the folder '.*many', .* --inputs=mtime"):
        inputs_of(config, tmp_path)

    def by_time() -> Input:
        (found, *_) = collect_inputs(config, tmp_path, tmp_path, FileCache(), by_time=True)
        return found

    first = by_time()
    assert first.by_time
    assert first == by_time()
    (tmp_path / "many" / "0").write_text("22")
    assert first != by_time()


@pytest.mark.parametrize("change", ["add", "remove", "change", "rename", "empty folder", "link"])
def test_every_change_of_a_folder_is_another_digest(tmp_path: Path, change: str) -> None:
    top = tmp_path / "data"
    (top / "sub").mkdir(parents=True)
    (top / "a.txt").write_text("1")
    (top / "sub" / "b.txt").write_text("2")
    before, _ = folder_digest(top, FileCache())
    if change == "add":
        (top / "sub" / "c.txt").write_text("")
    elif change == "remove":
        (top / "a.txt").unlink()
    elif change == "change":
        (top / "a.txt").write_text("2")
    elif change == "rename":
        (top / "a.txt").rename(top / "b.txt")
    elif change == "empty folder":
        (top / "empty").mkdir()
    else:
        (top / "link").symlink_to("a.txt")
    assert folder_digest(top, FileCache())[0] != before


def test_second_look_tells_what_the_run_wrote_from_what_changed(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("1")
    config = Reads(more=[Path("made.csv"), Path("never.csv")])
    before = collect_inputs(config, tmp_path, tmp_path, FileCache())
    assert second_look(before, FileCache()) == (before, [])
    (tmp_path / "made.csv").write_text("by the run")
    (tmp_path / "data.csv").write_text("2")
    after, changed = second_look(before, FileCache())
    assert changed == ["data.csv"]
    assert [item.typed for item in after if item.written] == ["made.csv"]
