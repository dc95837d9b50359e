"""With the exact denoiser the bound is the entropy: by quadrature, by Monte Carlo, for every process and schedule."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from taskloom_diffusion.processes.absorbing import AbsorbingProcess
from taskloom_diffusion.processes.interpolating import marginal_process, uniform_process
from taskloom_diffusion.processes.markov import markov_process
from taskloom_diffusion.protocols import NoisingProcess
from taskloom_diffusion.schedules import closed_form
from taskloom_diffusion.schedules.base import Schedule
from taskloom_diffusion.schedules.polydiff import PolydiffCosine
from taskloom_diffusion.toys import (
    Toy,
    exact_predictor as table_predictor,
    expected_integrand,
    random_toy,
    step_bound,
    toy_a,
)

PROCESSES: dict[str, Callable[[Toy], NoisingProcess]] = {
    "absorbing": lambda toy: AbsorbingProcess(toy.vocabulary),
    "uniform": lambda toy: uniform_process(toy.vocabulary),
    "marginal": lambda toy: marginal_process(toy.vocabulary, 0.01),
    "d3pm absorbing": lambda toy: markov_process(toy.vocabulary, "absorbing", 1.0),
    "d3pm uniform": lambda toy: markov_process(toy.vocabulary, "uniform", 1.0),
    "d3pm neighbour": lambda toy: markov_process(toy.vocabulary, "neighbour", 1.0),
}
TOYS = [toy_a(), random_toy(3, 2, 1), random_toy(2, 3, 2), random_toy(4, 2, 3)]
SCHEDULES: list[Schedule] = [
    closed_form.Linear(),
    closed_form.LogLinear(),
    closed_form.Cosine(),
    closed_form.CosineMdlm(),
    closed_form.CosineSquared(),
    closed_form.Polynomial(),
    closed_form.Geometric(),
    closed_form.LinearSigma(),
    PolydiffCosine(num_timesteps=10),
]


@pytest.mark.parametrize("toy", TOYS, ids=lambda t: f"V{t.num_tokens}L{t.length}")
@pytest.mark.parametrize("name", PROCESSES)
def test_bound_of_the_exact_denoiser_is_the_entropy(
    name: str, toy: Toy, integrate: Callable[..., float]
) -> None:
    process = PROCESSES[name](toy)
    predict = table_predictor(toy, process, "loo", leave_one_out=True)
    bound = integrate(lambda alpha: expected_integrand(toy, process, predict, alpha))
    assert bound == pytest.approx(toy.entropy, abs=1e-9)


@pytest.mark.parametrize("name", ["uniform", "marginal", "d3pm neighbour"])
def test_mean_parameterization_divides_the_own_evidence_out(
    name: str, integrate: Callable[..., float]
) -> None:
    toy = random_toy(3, 2, 5)
    process = PROCESSES[name](toy)
    predict = table_predictor(toy, process, "mean", leave_one_out=False)
    bound = integrate(lambda alpha: expected_integrand(toy, process, predict, alpha))
    assert bound == pytest.approx(toy.entropy, abs=1e-9)


def test_ordinary_posterior_read_as_leave_one_out_costs_likelihood(
    integrate: Callable[..., float],
) -> None:
    toy = toy_a()
    process = uniform_process(toy.vocabulary)
    predict = table_predictor(toy, process, "loo", leave_one_out=False)
    bound = integrate(lambda alpha: expected_integrand(toy, process, predict, alpha))
    # The published 1.75612 stops the integral 1e-3 short of the end.
    assert bound == pytest.approx(1.75612, abs=1e-4)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: s.kind)
@pytest.mark.parametrize("name", ["absorbing", "uniform"])
def test_schedule_covers_its_part_of_the_path_exactly(
    name: str, schedule: Schedule, integrate: Callable[..., float]
) -> None:
    """int w(t) dt over the schedule, plus the two ends it leaves out, is the entropy."""
    toy = toy_a()
    process = PROCESSES[name](toy)
    predict = table_predictor(toy, process, "loo", leave_one_out=True)

    def at(alpha: float) -> float:
        # Beyond, 1 - alpha has no digits left; what is dropped is below 1e-12.
        inside = 1e-13 < alpha < 1 - 1e-13
        return expected_integrand(toy, process, predict, alpha) if inside else 0.0

    def per_time(t: float) -> float:
        time = torch.tensor([t], dtype=torch.float64)
        alpha = float(schedule.alpha(time))
        return float(-schedule.dalpha(time)) * at(alpha)

    cells = 10 if isinstance(schedule, PolydiffCosine) else 1  # piecewise: one rule per piece
    inside = sum(
        integrate(lambda u, i=i: per_time((i + u) / cells) / cells, 0.05) for i in range(cells)
    )
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
    first, last = (float(a) for a in schedule.alpha(ends))
    below = integrate(lambda u: last * at(last * u)) if last > 0 else 0.0
    above = integrate(lambda u: (1 - first) * at(first + (1 - first) * u)) if first < 1 else 0.0
    assert inside + below + above == pytest.approx(toy.entropy, abs=1e-9)


@pytest.mark.parametrize(
    ("steps", "expected"), [(1, 1.323126476), (2, 1.268067021), (3, 1.249713869)]
)
def test_step_bound_of_toy_a_matches_the_closed_form(steps: int, expected: float) -> None:
    toy = toy_a()
    process = AbsorbingProcess(toy.vocabulary)
    predict = table_predictor(toy, process, "subs", leave_one_out=True)
    grid = [i / steps for i in range(steps + 1)]
    assert step_bound(toy, process, predict, grid) == pytest.approx(expected, abs=1e-9)


def test_step_bound_of_any_grid_is_entropy_plus_weighted_information() -> None:
    toy = random_toy(4, 2, 7)
    process = AbsorbingProcess(toy.vocabulary)
    predict = table_predictor(toy, process, "subs", leave_one_out=True)
    grid = [0.0, 0.1, 0.35, 0.8, 1.0]
    information = float(-torch.xlogy(toy.marginals, toy.marginals).sum()) - toy.entropy
    weight = sum((b - a) ** 2 for a, b in itertools.pairwise(grid))
    bound = step_bound(toy, process, predict, grid)
    assert bound == pytest.approx(toy.entropy + weight * information, abs=1e-9)


@pytest.mark.parametrize("name", PROCESSES)
def test_step_bound_falls_to_the_entropy_as_steps_grow(name: str) -> None:
    toy = toy_a()
    process = PROCESSES[name](toy)
    predict = table_predictor(toy, process, "loo", leave_one_out=True)
    bounds = []
    for steps in (2, 8, 64):
        grid = [1e-12, *[i / steps for i in range(1, steps)], 1 - 1e-12]
        bounds.append(step_bound(toy, process, predict, grid))
    assert bounds[0] > bounds[1] > bounds[2] > toy.entropy - 1e-6
    assert bounds[2] == pytest.approx(toy.entropy, abs=0.01)


def test_toy_a_has_the_published_entropy() -> None:
    assert toy_a().entropy == pytest.approx(1.75 * math.log(2), abs=1e-15)
