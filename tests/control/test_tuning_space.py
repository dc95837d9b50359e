"""Settings that tuning draws, of tasks that declare their optimizer in other ways than taskloom's own."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import Field, create_model
from taskloom.bound import BoundTask
from taskloom.config import OneOf
from taskloom.opening import open_task
from taskloom_control.bench.space import KNOWN, default_values, dimensions, drawn_values
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
