"""What a run's record holds besides its metrics: every seed that was derived, and the headline."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from taskloom import Config, Result, RunContext, derive_seed
from taskloom.errors import RunCorruptError, UnknownNameError
from taskloom.headline import Headline
from taskloom.lifecycle.lifecycle import run_task
from taskloom.registry import LoadedTask, TaskEntry, TaskRef
from taskloom.request import RunOptions
from taskloom.runs import Run, open_run
from taskloom.seeding import recording_seeds

HEADLINE = Headline(
    metric="cost",
    title="Mean cost",
    value=2.0,
    low=None,
    high=None,
    no_interval="one episode",
    better="lower",
    baseline=None,
    no_baseline="the task names none",
    verdict="none",
    sentence="The mean cost is 2.",
)


class Small(Config):
    """Settings of a small task."""


class _Task:
    def run(self, ctx: RunContext) -> Result:
        ctx.seed("data")
        derive_seed(0, "deep inside")
        for episode in range(1000):
            derive_seed(0, f"episode {episode}")
        return Result({"cost": 2.0}, headline=HEADLINE)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    entry = TaskEntry("probe", TaskRef("made", "Made here.", "x:y"), "")
    loaded = LoadedTask(entry, lambda config: _Task(), Small)
    return run_task(loaded, Small(), RunOptions(store=tmp_path, quiet=True))


def test_every_seed_with_a_name_is_recorded_whatever_derived_it(run: Run) -> None:
    assert run.record.seeds["data"] == derive_seed(0, "data")
    assert run.record.seeds["deep inside"] == derive_seed(0, "deep inside")
    assert len(run.record.seeds) == 200  # a million episodes do not fill the record


def test_nothing_is_recorded_outside_of_a_run() -> None:
    seeds: dict[str, int] = {}
    with recording_seeds(seeds):
        first = derive_seed(1, "a")
        derive_seed(2, "a")
    derive_seed(1, "b")
    assert seeds == {"a": first}


def test_the_headline_is_read_back_as_it_was(run: Run, tmp_path: Path) -> None:
    assert open_run(run.id, tmp_path).headline == HEADLINE


def test_a_damaged_headline_is_one_sentence(run: Run, tmp_path: Path) -> None:
    text = run.layout.record.read_text().replace('"lower"', '"sideways"')
    run.layout.record.write_text(text)
    with pytest.raises(RunCorruptError, match="sideways"):
        open_run(run.id, tmp_path)


def test_a_record_without_a_headline_has_none(run: Run, tmp_path: Path) -> None:
    record = json.loads(run.layout.record.read_text())
    del record["headline"]
    run.layout.record.write_text(json.dumps(record))
    assert open_run(run.id, tmp_path).headline is None


def test_a_name_that_cannot_be_loaded_lists_those_that_can(run: Run) -> None:
    run.record = dataclasses.replace(run.record, domain="hci")
    with pytest.raises(UnknownNameError, match="has no 'nothing' to load; it has:"):
        run.load("nothing")
