"""Mutated folders of sweeps, searches and studies under every command and page: no defect, and no way out of the store."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from taskloom.cli import main
from taskloom.registry import refresh
from taskloom_probe.mutants import CANARY, Damage
from taskloom_probe.pages import ask
from tests_sizes import size

MADE = (
    ("sweep", "--steps=2,3"),
    ("sweep", "--steps=2:9", "--optimize=metrics.place:max", "--trials=3"),
    ("study", "--steps=2,4", "--seed=0:3", "--metric=place", "--compare=steps"),
)


@dataclass(frozen=True)
class Place:
    """A store with a sweep, a search and a study, a copy of it as it was made, and a folder beside it."""

    store: Path
    clean: Path
    outside: Path

    @property
    def sweeps(self) -> list[str]:
        """The names of their folders: of the sweep, the study and the search."""
        folders = [path.parent for path in self.clean.glob("*/sweep.json")]
        by_files = sorted(folders, key=lambda folder: sorted(os.listdir(folder)), reverse=True)
        return [folder.name for folder in by_files]

    @property
    def search(self) -> Path:
        """The folder of the search."""
        (found,) = self.clean.glob("*/search.json")
        return self.store / found.parent.name

    def restore(self) -> None:
        for path in [self.store, *self.store.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o700)
        shutil.rmtree(self.store)
        shutil.copytree(self.clean, self.store)


def _say(*words: str) -> tuple[int, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    return int(code), out.getvalue() + err.getvalue()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    pytest.importorskip("optuna")
    monkeypatch.chdir(tmp_path)
    refresh()  # an earlier test may have listed what is installed without the probe domain
    made = Place(tmp_path / "store", tmp_path / "clean", tmp_path / "outside")
    made.outside.mkdir()
    (made.outside / "canary").write_text(CANARY)
    for verb, *words in MADE:
        line = (verb, "probe", "walk", *words, "--executor=inline", f"--store={made.store}")
        code, told = _say(*line, "--json")
        assert code == 0, told
    shutil.copytree(made.store, made.clean)
    yield made
    made.restore()


def test_no_mutant_of_a_sweep_is_a_defect_or_leads_out(place: Place) -> None:
    for number in range(size("sweep_mutants")):
        draw = random.Random(number)
        name = place.sweeps[number % len(MADE)]
        folder = place.store / name
        files = sorted(path.name for path in folder.iterdir() if path.is_file())
        mutant = Damage(files).draw(draw, place.outside)
        mutant.apply(folder)
        for words in (
            *(("runs", "ls", "--json"), ("runs", "show", name), ("runs", "rm", name)),
            *(("runs", "why", name), ("resume", name, "--json"), ("runs", "log", name)),
            *(("report", name, "-o", "page.html"), ("runs", "export", "--format=json")),
            ("study", name, "--metric=place", "--compare=steps"),
        ):
            code, told = _say(*words, f"--store={place.store}")
            assert code in (0, 1, 2, 3, 5), (mutant.name, words, told[-500:])
            for word in ("defect", "Traceback", CANARY):
                assert word not in told, (mutant.name, words, told[-500:])
        for path in ("/", f"/sweeps/{name}/", f"/runs/{name}/"):
            page = ask(place.store, path)
            assert page.status in (200, 303, 307, 404), (mutant.name, path)
            assert CANARY not in page.text, (mutant.name, path)
        place.restore()
        assert {path.name: path.read_text() for path in place.outside.iterdir()} == {
            "canary": CANARY
        }


@pytest.mark.parametrize("name", ["../outside", "20260101-000000-sweep-probe-walk-aaaaaa"])
def test_sweep_that_names_another_folder_is_damaged(place: Place, name: str) -> None:
    """Begin nothing in a folder that a record names: the memory of a search would be written there."""
    record = place.search / "sweep.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "id": name}))
    code, told = _say("resume", place.search.name, f"--store={place.store}")
    assert code == 5
    assert "names another sweep" in told
    assert os.listdir(place.outside) == ["canary"]


def test_memory_of_a_search_that_is_a_link_is_not_written_through(place: Place) -> None:
    memory = place.search / "optuna.log"
    memory.unlink()
    memory.symlink_to(place.outside / "canary")
    code, told = _say("resume", memory.parent.name, f"--store={place.store}")
    assert code == 5
    assert "is no regular file" in told
    assert (place.outside / "canary").read_text() == CANARY


@pytest.mark.parametrize("named", ['"../outside/20260101-000000-probe-walk-aaaaaa"', "5", '"/etc"'])
def test_memory_of_a_search_names_runs_of_its_store_alone(place: Place, named: str) -> None:
    """Read a run as one of the search only where it lies in the store: its metrics would decide what is tried next."""
    run = next(path.parent for path in place.store.glob("*-walk-*/run.json"))
    foreign = place.outside / "20260101-000000-probe-walk-aaaaaa"
    shutil.copytree(run, foreign)
    text = (foreign / "run.json").read_text().replace(run.name, foreign.name)
    (foreign / "run.json").write_text(text)
    memory = place.search / "optuna.log"
    (first, *_) = (
        path.parent.name
        for path in sorted(place.store.glob("*/run.json"))
        if path.parent.name in memory.read_text()
    )
    memory.write_text(memory.read_text().replace(f'"{first}"', named))
    code, told = _say("resume", place.search.name, "--json", f"--store={place.store}")
    assert code in (0, 1, 5), told
    assert "defect" not in told
    assert foreign.name not in told
    shutil.rmtree(foreign)
