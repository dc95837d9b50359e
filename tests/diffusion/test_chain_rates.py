"""Rates at which positions fall, over many small steps and in continuous time, and grids of few steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import chisquare
from taskloom_diffusion.denoisers.mlp import MLPDenoiser
from taskloom_diffusion.evaluation.sampling import complete
from taskloom_diffusion.samplers.ancestral import AncestralCached
from taskloom_diffusion.samplers.chain import looped_grid, signal_grid
from taskloom_diffusion.samplers.first_hitting import FirstHitting
from taskloom_diffusion.samplers.remdm import ReMDM
from taskloom_diffusion.schedules.closed_form import LinearSchedule
from taskloom_diffusion.training.module import DiffusionTask
from torch import Tensor

MASK = 1


def test_each_of_a_thousand_steps_reveals_its_thousandth(
    module: Callable[..., DiffusionTask],
) -> None:
    """A race of exponentials in fp32 reveals half as many at this rate: the step of every position is uniform over 1,024."""
    task = module(schedule={"kind": "linear"}).eval()
    rows, length, steps = 250, 8, 1024
    config = AncestralCached(num_steps=steps)
    made = complete(task, config, [[MASK] * length] * rows, seed=4, batch_size=rows, record=rows)
    fell = (made.trajectory == MASK).sum(0).flatten().numpy() - 1
    counts = np.bincount(fell // 32, minlength=32)
    assert len(counts) == 32
    assert chisquare(counts).pvalue > 1e-3
    expected = 1 + (steps - 1) * (1 - (1 - 1 / steps) ** length)
    assert made.mean_calls == pytest.approx(expected, rel=0.02)


def test_time_of_a_first_hitting_says_nothing_about_the_position(
    module: Callable[..., DiffusionTask],
) -> None:
    """The level is t u^(1/k) with a variate of its own; shared with the order, late times would mean the first position."""
    task = module(MLPDenoiser(width=8)).eval()
    levels: list[Tensor] = []
    task.model.register_forward_hook(lambda _, inputs, __: levels.append(inputs[1].clone()))
    rows, length = 4000, 3
    made = complete(
        task, FirstHitting(), [[MASK] * length] * rows, seed=2, batch_size=rows, record=rows
    )
    assert len(levels) == length
    opened = (made.trajectory[1] != MASK).int().argmax(1)
    mean, error = 3 / 4, (3 / 80 / (rows / 3)) ** 0.5  # of u^(1/3)
    for position in range(length):
        found = levels[0][opened == position]
        assert abs(float(found.mean()) - mean) < 4 * error
    later = levels[1] / levels[0]
    assert abs(float(later.mean()) - 2 / 3) < 4 * (1 / 18 / rows) ** 0.5


@pytest.mark.parametrize("steps", [3, 4, 5, 20])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("alpha", [0.1, 0.9])
def test_loop_takes_the_steps_it_was_given(steps: int, share: float, alpha: float) -> None:
    grid, stays = looped_grid(signal_grid(LinearSchedule(), steps, "schedule"), alpha, share)
    assert len(grid) == steps + 1
    assert (grid[0], grid[-1]) == (0.0, 1.0)
    assert grid == sorted(grid)
    assert all(grid[i] == grid[i + 1] == pytest.approx(alpha) for i in stays)
    assert len(stays) >= 1


def test_loop_of_too_few_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="needs num_steps >= 3, not 2"):
        ReMDM(variant="loop", num_steps=2)
