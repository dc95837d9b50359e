"""Settings that tuning draws, of tasks that declare their optimizer in other ways than taskloom's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field, create_model
from taskloom.bound import BoundTask
from taskloom.config import OneOf
from taskloom.opening import open_task
from taskloom_control.bench.episodes import EpisodeFile
from taskloom_control.bench.space import KNOWN, default_values, dimensions, drawn_values
from taskloom_control.bench.tuning import search
from taskloom_control.bench.variants import with_config
from taskloom_control.optimizers.base import Optimizer
from taskloom_control.optimizers.ilqr import ILQR
from taskloom_control.tasks.double_integrator import DoubleIntegratorConfig


@pytest.mark.parametrize(
    ("default", "kind"),
    [
        (ILQR(line_search=4), "ilqr"),
        (Field(default_factory=lambda: ILQR(line_search=4)), "ilqr"),
        (Field(default_factory=lambda known: ILQR(line_search=4)), "ilqr"),
        (Field(), ""),
    ],
    ids=["written", "made", "made of what is known", "none"],
)
def test_settings_are_drawn_however_a_task_declares_its_optimizer(
    default: object, kind: str
) -> None:
    start: BoundTask[Any, Any] = open_task("control/double_integrator", {"optimizer": "cem"})
    fields: dict[str, Any] = {
        "optimizer": (Annotated[Optimizer, OneOf("taskloom_control.optimizers")], default)
    }
    config_class = create_model("OtherConfig", __base__=DoubleIntegratorConfig, **fields)
    task = with_config(start, config_class(**dict(start.config)))
    choices = dimensions(task, ["optimizer"])["optimizer"].choices
    assert choices == ("ps", "cem", "mppi", *([kind] if kind else []))
    assert len(list(drawn_values(task, KNOWN, 8, seed=0))) == 8
    found: Any = default_values(task, ["optimizer"])
    assert (found["optimizer"]["kind"] if found else "") == kind


@pytest.mark.parametrize(
    ("optimizer", "names", "count"),
    [
        ("ilqr", ["spline"], 1),
        ("ilqr", ["optimizer"], 4),
        ("mppi", ["optimizer"], 3),
        ("ps", ["spline"], 3),
        ("ilqr", ["horizon", "spline"], 6),
    ],
)
def test_no_settings_are_tried_twice(
    tmp_path: Path, optimizer: str, names: list[str], count: int
) -> None:
    """Try each setting once where the dimensions have fewer than are asked for, and as many as are asked for elsewhere."""
    short = {"seconds": 0.1, "record": {"animation": False, "fan_every": 0}}
    start: BoundTask[Any, Any] = open_task(
        "control/double_integrator", {**short, "optimizer": optimizer}
    )
    file = EpisodeFile(tmp_path / "episodes.jsonl")
    found = search(start, file, lambda text: None, names=names, trials=6, budget=None, rungs=(1,))
    rows = [json.loads(line) for line in (tmp_path / "episodes.jsonl").read_text().splitlines()]
    assert len({row["settings"] for row in rows}) == len(rows) == found.tried == count
    assert sum(not item.values for item in found.finalists) == 1
