"""Mutated run folders: through the reader in process, and beside good runs under every command and page."""

import contextlib
import io
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from taskloom.cli import main
from taskloom.errors import RunCorruptError
from taskloom.identity.code import read_code
from taskloom.records.folders import Damaged, look_at
from taskloom.records.run_record import read_run
from taskloom.runs import checkpoints
from taskloom.runs.index import read_folders
from taskloom.runs.rows import decode_row, encode_row
from taskloom.runs.run import Run, open_run
from taskloom_probe.mutants import CANARY, mutants
from taskloom_probe.pages import ask
from tests_sizes import size

LIMIT = 2.0  # [s] of CPU time, for a command or a page
GOOD = 20


@dataclass(frozen=True)
class Place:
    """A good run, a store and what lies beside it."""

    good: Path
    store: Path
    outside: Path

    def check_outside(self) -> None:
        """Nothing outside was written, and nothing was added."""
        assert {path.name: path.read_text() for path in self.outside.iterdir()} == {
            "canary": CANARY
        }


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    root = tmp_path_factory.mktemp("mutants")
    for name in ("store", "outside"):
        (root / name).mkdir()
    (root / "outside" / "canary").write_text(CANARY)
    assert main(["run", "hci", "example", "--episodes=2", "-q", f"--store={root / 'made'}"]) == 0
    good = open_run("@last", root / "made").dir
    (good / "artifacts" / "note.txt").write_text("a note")
    record = json.loads((good / "run.json").read_text())
    record["artifacts"]["note"] = "artifacts/note.txt"
    (good / "run.json").write_text(json.dumps(record))
    with checkpoints.publish(good / "checkpoints", 1, {}) as folder:
        (folder / "state").write_text("state")
    with (good / "metrics.jsonl").open("a") as file:
        file.writelines(f'{{"step": {n}, "t": 0.1, "loss": {1 / (n + 1)}}}\n' for n in range(5))
    with (good / "log.jsonl").open("a") as file:
        file.write('{"time": "2026-01-01T00:00:00Z", "level": "INFO", "message": "hello"}\n')
    return Place(good, root / "store", root / "outside")


def _copy(place: Place, name: str) -> Path:
    """Put a copy of the good run into the store, under a name and id of its own."""
    folder = place.store / name
    shutil.copytree(place.good, folder)
    text = (folder / "run.json").read_text().replace(place.good.name, name)
    (folder / "run.json").write_text(text)
    return folder


def _clear(folder: Path) -> None:
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.exists():
        for path in [folder, *folder.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o700)
        shutil.rmtree(folder)


def _read(folder: Path) -> str:
    """Read all of a run as commands and pages do, and return what was read."""
    record = read_run(folder)
    if isinstance(record, Damaged):
        assert record.reason.isprintable() or record.reason, record
        return record.reason
    told = [str(decode_row(encode_row(record)))]
    run = Run(folder, record)
    told.append(run.status)
    for name in run.artifacts:
        with contextlib.suppress(RunCorruptError):
            told.append(str(run.read(name)))
    with contextlib.suppress(RunCorruptError):
        told += map(str, run.rows())
    with contextlib.suppress(RunCorruptError):
        newest = checkpoints.newest_good(run.layout.checkpoints)
        told.append(str(newest and checkpoints.verify(newest.dir)))
    with contextlib.suppress(RunCorruptError):
        told.append(str(read_code(folder)))
    return " ".join(told)


@pytest.mark.parametrize("part", range(size("mutant_parts")))
def test_no_mutant_takes_the_reader_away(place: Place, tmp_path: Path, part: int) -> None:
    """Only our own errors, no hang, and no byte from outside."""
    folder, worst, damaged = tmp_path / place.good.name, 0.0, 0
    number = size("mutants_read") // size("mutant_parts")
    for mutant in mutants(number, place.outside, seed=part):
        shutil.copytree(place.good, folder)
        mutant.apply(folder)
        began = time.process_time()
        try:
            told = _read(folder)
        except Exception as error:
            raise AssertionError(
                f"mutant {mutant.name}: {type(error).__name__}: {error}"
            ) from error
        took = time.process_time() - began
        assert took < LIMIT, mutant.name
        assert CANARY not in told, mutant.name
        worst, damaged = max(worst, took), damaged + isinstance(read_run(folder), Damaged)
        _clear(folder)
    place.check_outside()
    print(f"worst {worst * 1e3:.0f} ms, {damaged} damaged")
    assert damaged > number / 20


@pytest.fixture(scope="module")
def crowd(place: Place) -> Iterator[tuple[Place, list[str], list[str]]]:
    """A store of good runs and mutants beside each other: the names of both."""
    good = [f"20260101-0000{number:02d}-hci-example-aaaaaa" for number in range(GOOD)]
    bad = [
        f"20260102-0000{number:06d}-hci-example-bbbbbb" for number in range(size("mutants_shown"))
    ]
    for name in good:
        _copy(place, name)
    for name, mutant in zip(bad, mutants(len(bad), place.outside, seed=1), strict=True):
        mutant.apply(_copy(place, name))
    yield place, good, bad
    for name in [*good, *bad]:
        _clear(place.store / name)


def _say(*words: str, codes: tuple[int, ...] = (0,)) -> str:
    """Run one command in process and return what it printed; errors are sentences, and nothing takes long."""
    out, err = io.StringIO(), io.StringIO()
    began = time.process_time()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(words))
    took = time.process_time() - began
    assert code in codes, (words, code, err.getvalue()[-500:])
    assert took < LIMIT, (words, took)
    for word in ("Traceback", "defect", CANARY):
        assert word not in out.getvalue() + err.getvalue(), (words, err.getvalue()[-500:])
    return out.getvalue()


COMMANDS = (
    ("runs", "ls", "--limit=0"),
    ("runs", "ls", "--json"),
    ("runs", "ls", "--stale", "--limit=0"),
    ("runs", "ls", "--where", "metrics.rounds/mean > 0", "--limit=0"),
    ("runs", "ls", "--sort=-duration", "--limit=0"),
    ("runs", "ls", "--sort=metrics.rounds/mean", "--limit=0"),
    ("runs", "export", "--format=csv"),
    ("runs", "export", "--format=json"),
    ("runs", "export", "--format=jsonl", "--history"),
    ("runs", "reindex"),
    ("doctor", "--json"),
)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_good_runs_are_listed_whatever_lies_beside_them(
    crowd: tuple[Place, list[str], list[str]], words: tuple[str, ...]
) -> None:
    place, good, _ = crowd
    told = _say(*words, "--store", str(place.store), codes=(0, 3) if words[0] == "doctor" else (0,))
    if words[1] in ("ls", "export"):
        shown = [name for name in good if name in told]
        assert shown == ([] if "--stale" in words else good)  # of the good ones nothing has changed
    place.check_outside()


def test_every_mutant_is_listed_as_a_run_or_with_its_reason(
    crowd: tuple[Place, list[str], list[str]],
) -> None:
    place, good, bad = crowd
    rows = json.loads(_say("runs", "ls", "--json", "--store", str(place.store)))["runs"]
    runs = {row["id"] for row in rows if "id" in row}
    damaged = {row["folder"] for row in rows if "damaged" in row}
    assert runs.isdisjoint(damaged)
    assert set(good) <= runs
    # A folder that is gone, or of which nothing is left that makes it a run, is none.
    assert all(look_at(place.store, name) is None for name in set(bad) - runs - damaged)
    assert {row["folder"] for row in read_folders(place.store)[0]} == runs


def test_every_mutant_is_shown_or_refused_in_a_sentence(
    crowd: tuple[Place, list[str], list[str]], tmp_path: Path
) -> None:
    place, good, bad = crowd
    for name in bad:
        for words in (("show", name), ("show", name, "--json"), ("log", name), ("path", name)):
            _say("runs", *words, "--store", str(place.store), codes=(0, 5))
        _say("runs", "why", name, "--store", str(place.store), codes=(0, 2, 3, 5))
        _say("runs", "compare", good[0], name, "--store", str(place.store), codes=(0, 5))
        page = tmp_path / "page.html"
        _say("report", name, "-o", str(page), "--store", str(place.store), codes=(0, 5))
        assert CANARY not in (page.read_text() if page.exists() else "")
        page.unlink(missing_ok=True)
    place.check_outside()


def test_every_page_answers(crowd: tuple[Place, list[str], list[str]]) -> None:
    place, good, bad = crowd
    paths = [
        ("/", query)
        for query in ("", "metric=rounds/mean", "sort=-duration", "where=duration+%3E+0")
    ]
    for name in bad:
        paths += [(f"/runs/{name}/", ""), (f"/runs/{name}/artifacts/note.txt", "")]
        paths.append(("/compare", f"run={good[0]}&run={name}"))
    for path, query in paths:
        began = time.process_time()
        page = ask(place.store, path, query)
        took = time.process_time() - began
        assert page.status in (200, 404), (path, query, page.text[:300])
        assert took < LIMIT, (path, query, took)
        assert CANARY not in page.text, (path, query)
        assert 'href="javascript:' not in page.text, (path, query)
        if path == "/":  # a hundred rows a page
            pages = [ask(place.store, path, f"{query}&page={number}").text for number in (1, 2, 3)]
            assert [name for name in good if name not in "".join(pages)] == [], query
    place.check_outside()


def test_an_index_that_leads_elsewhere_is_replaced(place: Place, tmp_path: Path) -> None:
    name = "20260103-000000-hci-example-cccccc"
    folder = _copy(place, name)
    index = place.store / "index.sqlite"
    try:
        for number, mutant in enumerate(("link", "folder link", "hard", "noise", "zeros", "pipe")):
            for suffix in ("", "-wal", "-shm"):
                (place.store / f"index.sqlite{suffix}").unlink(missing_ok=True)
            target = tmp_path / f"target-{number}"
            target.write_text("precious")
            if mutant == "link":
                index.symlink_to(target)
            elif mutant == "folder link":
                index.symlink_to(tmp_path / "absent.sqlite")
            elif mutant == "hard":
                os.link(target, index)
            elif mutant == "pipe":
                os.mkfifo(index)
            else:
                index.write_bytes(b"\0" * 5000 if mutant == "zeros" else os.urandom(5000))
            assert name in _say("runs", "ls", "--store", str(place.store))
            assert target.read_text() == "precious"
            assert not (tmp_path / "absent.sqlite").exists()
    finally:
        _clear(folder)
