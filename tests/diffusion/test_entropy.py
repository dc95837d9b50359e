"""With the exact denoiser the bound is the entropy: by quadrature, by Monte Carlo, for every process and schedule."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from exact_laws import exact_predictor as table_predictor, expected_integrand, step_bound
from taskloom.registry import load_components
from taskloom_diffusion.config import DiffusionSettings, OptimizerSettings
from taskloom_diffusion.corpora.toys import (
    LETTERS,
    Toy,
    random_toy,
    toy_a,
)
from taskloom_diffusion.denoisers.table import TableDenoiser
from taskloom_diffusion.losses.objectives import StepBound
from taskloom_diffusion.model.own import OwnPart
from taskloom_diffusion.processes.absorbing_torch import AbsorbingProcess
from taskloom_diffusion.processes.base import Process
from taskloom_diffusion.processes.d3pm import D3PM
from taskloom_diffusion.processes.interpolating_torch import uniform_process
from taskloom_diffusion.schedules.base import Schedule
from taskloom_diffusion.schedules.polydiff import BetaSchedule
from taskloom_diffusion.time_samplers.times import LowDiscrepancy
from taskloom_diffusion.tokenizers.symbols import SymbolTokenizer
from taskloom_diffusion.training.module import DiffusionModule
from taskloom_diffusion.verbs.schedules import schedule_table
from torch import Tensor

TOYS = [toy_a(), random_toy(3, 2, 1), random_toy(2, 3, 2), random_toy(4, 2, 3)]


def lopsided(num_tokens: int) -> D3PM:
    """A chain without symmetry: mostly up by one, sometimes anywhere."""
    size = range(num_tokens)
    matrix = tuple(
        tuple(0.7 * (j == (i + 1) % num_tokens) + 0.3 * (j + 1) / sum(k + 1 for k in size) for j in size)
        for i in size
    )  # fmt: skip
    return D3PM(rate="matrix", tokens=tuple(LETTERS[:num_tokens]), matrix=matrix)


def process_of(name: str, toy: Toy) -> Process:
    """The process of a test's name."""
    if name == "matrix":
        return lopsided(toy.num_tokens)
    kind, _, rate = name.partition(" ")
    config: Any = load_components("taskloom_diffusion.processes")[kind]
    return config(rate=rate) if rate else config()


PROCESSES = (
    "absorbing", "uniform", "marginal", "d3pm absorbing", "d3pm uniform", "d3pm neighbour", "d3pm band",
    "d3pm gaussian", "matrix",
)  # fmt: skip
SCHEDULES: list[Schedule] = [
    kind()
    for kind in load_components("taskloom_diffusion.schedules").values()
    if issubclass(kind, Schedule) and not issubclass(kind, OwnPart)
]


def coarse(schedule: Schedule) -> Schedule:
    """Ten steps instead of a thousand for PolyDiff's schedules, which are a formula per step."""
    few = {"num_timesteps": 10} if isinstance(schedule, BetaSchedule) else {}
    return schedule.model_copy(update=few)


@pytest.mark.parametrize("toy", TOYS, ids=lambda t: f"V{t.num_tokens}L{t.length}")
@pytest.mark.parametrize("name", PROCESSES)
def test_bound_of_the_exact_denoiser_is_the_entropy(
    name: str, toy: Toy, integrate: Callable[..., float]
) -> None:
    process = process_of(name, toy).build(toy.vocabulary)
    predict = table_predictor(toy, process, "loo", leave_one_out=True)
    bound = integrate(lambda alpha: expected_integrand(toy, process, predict, alpha))
    assert bound == pytest.approx(toy.entropy, abs=1e-9)


@pytest.mark.parametrize("name", ["absorbing", "uniform", "marginal", "d3pm neighbour", "matrix"])
def test_mean_parameterization_divides_the_own_evidence_out(
    name: str, integrate: Callable[..., float]
) -> None:
    toy = random_toy(3, 2, 5)
    process = process_of(name, toy).build(toy.vocabulary)
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
@pytest.mark.parametrize("name", PROCESSES)
def test_schedule_covers_its_part_of_the_path_exactly(
    name: str, schedule: Schedule, integrate: Callable[..., float]
) -> None:
    """int w(t) dt over the schedule, plus the two ends it leaves out, is the entropy."""
    toy, schedule = random_toy(2, 2, 6), coarse(schedule)
    process = process_of(name, toy).build(toy.vocabulary)
    predict = table_predictor(toy, process, "loo", leave_one_out=True)

    def at(alpha: Tensor) -> Tensor:
        # Beyond, 1 - alpha has no digits left; what is dropped is below 1e-12.
        inside = (alpha > 1e-13) & (alpha < 1 - 1e-13)
        safe = torch.where(inside, alpha, 0.5)
        return torch.where(inside, expected_integrand(toy, process, predict, safe), 0.0)

    def per_time(t: Tensor) -> Tensor:
        return -schedule.dalpha(t) * at(schedule.alpha(t))

    cells = 10 if isinstance(schedule, BetaSchedule) else 1  # piecewise: one rule per piece
    inside = sum(
        integrate(lambda u, i=i: per_time((i + u) / cells) / cells, 0.05) for i in range(cells)
    )
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
    first, last = (float(a) for a in schedule.alpha(ends))
    below = integrate(lambda u: last * at(last * u)) if last > 0 else 0.0
    above = integrate(lambda u: (1 - first) * at(first + (1 - first) * u)) if first < 1 else 0.0
    assert inside + below + above == pytest.approx(toy.entropy, abs=1e-9)


def exact_task(toy: Toy, seed: int, **settings: object) -> DiffusionModule:
    """A module whose network is the exact posterior of the random toy of a seed."""
    table = TableDenoiser(num_tokens=toy.num_tokens, length=toy.length, law_seed=seed)
    tokenizer = SymbolTokenizer("char", list(LETTERS[: toy.num_tokens]))
    return DiffusionModule(
        table, DiffusionSettings.model_validate(settings), OptimizerSettings(), tokenizer,
        max_length=toy.length, frequencies=toy.vocabulary.frequencies,
    )  # fmt: skip


def drawn(toy: Toy, rows: int, seed: int) -> dict[str, Tensor]:
    """Sequences of a toy as a batch."""
    return {"tokens": toy.draw(rows, seed), "maskable": torch.ones(rows, toy.length).bool()}


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: s.kind)
@pytest.mark.parametrize("name", PROCESSES)
def test_training_estimates_the_bound_of_its_schedule(
    name: str, schedule: Schedule, integrate: Callable[..., float]
) -> None:
    """What training averages is, within 3 standard errors, the integral over the signals that the schedule visits."""
    toy, rows = random_toy(2, 2, 6), 4000
    task = exact_task(
        toy, 6, process=process_of(name, toy), schedule=schedule, time_sampler=LowDiscrepancy()
    )
    predict = table_predictor(toy, task.diffusion_process, "loo", leave_one_out=True)
    low, high = (float(a) for a in schedule.alpha(torch.tensor([1.0, 0.0], dtype=torch.float64)))
    low, high = max(low, 1e-12), min(high, 1 - 1e-12)
    expected = integrate(
        lambda u: (
            (high - low)
            * expected_integrand(toy, task.diffusion_process, predict, low + (high - low) * u)
        )
    )
    corrupted = task.corrupt(drawn(toy, rows, 1), torch.Generator().manual_seed(5))
    values = corrupted.bound().double()
    error = float(values.std()) / math.sqrt(rows)
    assert abs(float(values.mean()) - expected) < 3 * error


@pytest.mark.parametrize(
    ("steps", "expected"), [(1, 1.323126476), (2, 1.268067021), (3, 1.249713869)]
)
def test_step_bound_of_toy_a_matches_the_closed_form(steps: int, expected: float) -> None:
    toy = toy_a()
    process = AbsorbingProcess(toy.vocabulary)
    predict = table_predictor(toy, process, "subs", leave_one_out=True)
    grid = [i / steps for i in range(steps + 1)]
    assert step_bound(toy, process, predict, grid) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("name", ["absorbing", "uniform", "matrix"])
def test_training_estimates_the_step_bound(name: str, steps: int) -> None:
    toy, rows = random_toy(3, 2, 8), 20_000
    loss = StepBound(num_steps=steps)
    task = exact_task(
        toy, 8, process=process_of(name, toy), schedule={"kind": "linear"}, loss=loss,
        time_sampler=LowDiscrepancy(),
    )  # fmt: skip
    predict = table_predictor(toy, task.diffusion_process, "loo", leave_one_out=True)
    grid = [i / steps for i in range(steps + 1)]
    expected = step_bound(toy, task.diffusion_process, predict, grid)
    values = loss.per_row(task.corrupt(drawn(toy, rows, 2), torch.Generator().manual_seed(3)))
    error = float(values.double().std()) / math.sqrt(rows)
    assert abs(float(values.double().mean()) - expected) < 3 * error


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
    process = process_of(name, toy).build(toy.vocabulary)
    predict = table_predictor(toy, process, "loo", leave_one_out=True)
    bounds = []
    for steps in (2, 8, 64):
        grid = [1e-12, *[i / steps for i in range(1, steps)], 1 - 1e-12]
        bounds.append(step_bound(toy, process, predict, grid))
    assert bounds[0] > bounds[1] > bounds[2] > toy.entropy - 1e-6
    assert bounds[2] == pytest.approx(toy.entropy, abs=0.01)


def test_toy_a_has_the_published_entropy() -> None:
    assert toy_a().entropy == pytest.approx(1.75 * math.log(2), abs=1e-15)


def test_the_table_of_schedules_has_the_gap_of_each_training_loss() -> None:
    """Counted out over all pairs of clean and noised sequences of the toy, for every schedule that is registered."""
    toy = random_toy(3, 4, 2)
    process = AbsorbingProcess(toy.vocabulary)
    predict = table_predictor(toy, process, "subs", leave_one_out=True)
    table = {row["schedule"]: row["training_gap"] for row in schedule_table()}
    assert set(table) == {getattr(schedule, "kind", "") for schedule in SCHEDULES}
    # The integrand is a polynomial of the signal of degree 3, which four points determine.
    at = torch.tensor([0.1, 0.4, 0.6, 0.9], dtype=torch.float64)
    values = expected_integrand(toy, process, predict, at)
    powers = torch.stack([at**k for k in range(4)], dim=1)
    factors = torch.linalg.solve(powers, values)

    def whole(signal: float) -> float:
        return sum(float(f) * signal ** (k + 1) / (k + 1) for k, f in enumerate(factors))

    assert whole(1.0) - whole(0.0) == pytest.approx(toy.entropy, abs=1e-9)
    for schedule in SCHEDULES:
        first, last = schedule.alpha(torch.tensor([0.0, 1.0], dtype=torch.float64)).tolist()
        gap = whole(first) - whole(last) - toy.entropy
        assert table[schedule.kind] == pytest.approx(gap, abs=1e-9)
    incomplete = {name for name, gap in table.items() if gap < -1e-6}
    page = (Path(__file__).parents[2] / "docs" / "concepts" / "diffusion.md").read_text()
    said = page.partition("covers the whole path; ")[2].partition(" leave a little of it out")[0]
    assert incomplete - {n for n in incomplete if n.startswith("polydiff")} == set(
        re.findall("`([a-z_]+)`", said)
    )
