"""Parts that are written where they are used: accepted as objects, kept by source and parameters, never imported by name."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import taskloom as tl
import taskloom_diffusion
import torch
from taskloom.errors import ConfigError, UsageError
from taskloom_diffusion import DiffusionSettings, Schedule, TrainedModel, own
from taskloom_diffusion.model.own import _given, _seen, made
from taskloom_diffusion.samplers.reveal import RevealSampler, View, quota, take_best
from taskloom_diffusion.training.module import DiffusionModule
from torch import Tensor

Module = Callable[..., DiffusionModule]
CELL = '''
POWER = 0.5

class FromACell:
    """alpha = 1 - t^power."""

    def __init__(self, power=POWER):
        self.power = power

    def alpha(self, t):
        return 1 - t ** self.power

    def dalpha(self, t):
        return -self.power * t ** (self.power - 1)
'''


@dataclass
class Root:
    """alpha = 1 - t^power, of no base class of ours."""

    power: float = 0.5

    def alpha(self, t: Tensor) -> Tensor:
        return 1 - t**self.power

    def dalpha(self, t: Tensor) -> Tensor:
        return -self.power * t ** (self.power - 1)


class Steep(Schedule):
    """A schedule that no package registers."""

    power: float = 3.0

    def alpha(self, t: Tensor) -> Tensor:
        return 1 - t**self.power

    def dalpha(self, t: Tensor) -> Tensor:
        return -self.power * t ** (self.power - 1)


class Twice:
    """Twice the bound."""

    def per_row(self, batch: Any) -> Tensor:  # noqa: ANN401 -- a noised batch
        doubled: Tensor = 2 * batch.bound()
        return doubled


class FromTheRight(RevealSampler):
    """Positions from right to left."""

    def choose(self, view: View) -> Tensor:
        place = torch.arange(view.masked.shape[1]).expand_as(view.masked)
        return take_best(place.double(), view.masked, quota(view, 0))


class HalfASchedule:
    def alpha(self, t: Tensor) -> Tensor:
        return 1 - t


class Holding(Root):
    """A schedule with a parameter that no record can hold."""

    def __init__(self) -> None:
        self.power = torch.ones(())  # type: ignore[assignment]  # what is refused


@pytest.fixture
def forgetting() -> Iterator[None]:
    """Forget classes at the end, as a fresh process would."""
    yield
    _given.clear()
    _seen.clear()
    made.cache_clear()


@pytest.fixture
def cell(forgetting: None) -> Iterator[type]:
    """A class of a notebook's cell, which only the session has."""
    del forgetting
    session: Any = sys.modules["__main__"]
    linecache.cache["<cell 1>"] = (len(CELL), None, CELL.splitlines(keepends=True), "<cell 1>")
    before = dict(vars(session))
    exec(compile(CELL, "<cell 1>", "exec"), vars(session))
    yield session.FromACell
    for name in set(vars(session)) - set(before):
        delattr(session, name)


def test_objects_stand_where_components_may(module: Module) -> None:
    t = torch.linspace(0.1, 0.9, 5, dtype=torch.float64)
    for schedule in (Root(0.7), Steep(power=2.0)):
        settings = DiffusionSettings.model_validate({"schedule": schedule, "loss": Twice()})
        again = DiffusionSettings.model_validate_json(settings.model_dump_json())
        assert again == settings
        assert torch.equal(again.schedule.alpha(t), schedule.alpha(t))
        task = module(schedule=schedule, loss=Twice(), time_sampler={"kind": "uniform"})
        plain = module(schedule=schedule, time_sampler={"kind": "uniform"})
        batch = {
            "tokens": torch.tensor([[3, 4, 5]]),
            "maskable": torch.ones(1, 3, dtype=torch.bool),
        }
        assert float(task.training_step(batch, 0).detach()) == pytest.approx(
            2 * float(plain.training_step(batch, 0).detach())
        )


def test_a_sampler_of_ones_own_draws(module: Module) -> None:
    model = taskloom_diffusion.load(module())
    kept: Any = own(FromTheRight(temperature=0.5))
    assert (kept.masks_only, kept.temperature) == (True, 0.5)
    assert model.sample(4, 5, kept).texts != model.sample(4, 5).texts


def test_a_schedule_of_a_cell_trains_and_is_refused_where_its_class_is_not(
    cell: type, tmp_path: Path
) -> None:
    """It runs, is recorded by source and parameters, and a fresh process needs the class: given, all is as before."""
    options = tl.RunOptions(store=tmp_path, quiet=True)
    small = {
        **{"train.steps": 2, "num_sequences": 40, "train.batch_size": 8, "evaluate.num_samples": 4},
        **{"evaluate.num_holdout": 4, "time_sampler": "uniform"},
    }
    values = {**small, "schedule": own(cell(0.4))}
    run = tl.run("diffusion/toy", values, options=options)
    recorded: Any = run.config["schedule"]
    assert (recorded["kind"], recorded["qualname"]) == ("object", "FromACell")
    assert tl.run("diffusion/toy", values, options=options).reused
    other = tl.run("diffusion/toy", {**small, "schedule": own(cell(0.6))}, options=options)
    assert other.id != run.id
    model: TrainedModel = run.load("model")
    t = torch.full((2,), 0.25, dtype=torch.float64)
    assert torch.equal(model.schedule.alpha(t), 1 - t**0.4)
    _seen.clear()
    made.cache_clear()
    session: Any = sys.modules["__main__"]
    kept = session.FromACell
    del session.FromACell
    try:
        with pytest.raises(
            ConfigError, match=r"the part FromACell of __main__ is not there: import"
        ):
            taskloom_diffusion.load(run.dir).schedule.alpha(t)
        given = taskloom_diffusion.load(run.dir, schedule=kept())
        assert torch.equal(given.schedule.alpha(t), 1 - t**0.4)
        assert given.sample(3, seed=1).texts == model.sample(3, seed=1).texts
    finally:
        session.FromACell = kept


def test_a_class_that_changed_is_not_taken_for_the_one_that_was_recorded(
    forgetting: None,
) -> None:
    del forgetting
    settings = DiffusionSettings.model_validate({"schedule": Root()})
    changed = settings.schedule.model_copy(update={"source_sha256": "0" * 64})
    with pytest.raises(ConfigError, match=r"the part Root of .* has changed since"):
        changed.alpha(torch.zeros(1))


def test_what_is_no_part_is_one_sentence(tmp_path: Path) -> None:
    class Inside(Root):
        pass

    for part, words in (
        (HalfASchedule(), r"HalfASchedule cannot be a schedule: it lacks dalpha\(t\)"),
        (
            Holding(),
            "Holding cannot be a schedule: its parameter 'power' is a Tensor, and no plain data",
        ),
        (Inside(), "Inside cannot be a schedule: a class inside of a function"),
    ):
        with pytest.raises(ConfigError, match=words):
            DiffusionSettings.model_validate({"schedule": part})
    with pytest.raises(ConfigError, match="object has the methods of no part"):
        own(object())
    with pytest.raises(UsageError, match=r"'shedule' is none of .*; did you mean 'schedule'"):
        taskloom_diffusion.load(tmp_path, shedule=Root())
