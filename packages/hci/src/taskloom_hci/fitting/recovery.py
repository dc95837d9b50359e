"""Recovery: parameters and models told back from decisions that a model made, and calibration by simulation.

A design is the situations of games that were played once; every simulated person decides in them anew. The likelihood is given
the situations, so a fit is right for a fixed design if it is right at all, and thousands of fits share one table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from taskloom.statistics.intervals import Interval
from taskloom.statistics.shares import share_interval
from taskloom.statistics.special_functions import incomplete_gamma

from taskloom_hci.fitting.decisions import Decisions
from taskloom_hci.fitting.grid import Belief, ParameterGrid, grid_belief, make_grid
from taskloom_hci.fitting.likelihood import log_likelihoods, log_table
from taskloom_hci.inference.exact import normalise
from taskloom_hci.models.model import UserModel
from taskloom_hci.models.parameters import UserParameter

Float: TypeAlias = NDArray[np.float64]
Int: TypeAlias = NDArray[np.int64]

DRAWS, BINS = 99, 20
LEVEL = 0.9
# A calibration is doubted below the first, tried again with three times as many fits, and refused below the second.
DOUBTED, REFUSED, AGAIN = 0.01, 0.001, 3


@dataclass(frozen=True, slots=True)
class Design:
    """Situations in which people decide.

    Attributes:
        situations: The different ones, by what the model reads, (S, ...).
        met: How often a person meets each, (S,).
    """

    situations: Mapping[str, NDArray[Any]]
    met: Int


@dataclass(frozen=True, slots=True)
class SimulatedPeople:
    """People who were drawn from the prior, and their decisions.

    Attributes:
        truth: Their parameters by name, (R,) each.
        counts: How often each did each action in each situation, (R, S, A).
    """

    truth: Mapping[str, Float]
    counts: Float


@dataclass(frozen=True, slots=True)
class Recovered:
    """One parameter told back.

    Attributes:
        name: The parameter.
        correlation: Of the posterior means with the truth.
        slope: Of the posterior means on the truth.
        bias: Mean difference of posterior mean and truth.
        coverage: Share of 90 % intervals that hold the truth.
        ranks: Rank of the truth among 99 draws of its posterior, (R,).
        p: Probability of ranks at least as uneven in 20 bins, if the fit is right.
        fits: Fits R.
    """

    name: str
    correlation: float
    slope: float
    bias: float
    coverage: Interval
    ranks: Int
    p: float
    fits: int


def design_of(decisions: Decisions) -> Design:
    """Return the situations of a table as those that one person meets."""
    met = np.bincount(decisions.situation, minlength=len(next(iter(decisions.situations.values()))))
    return Design(decisions.situations, met)


def simulate(
    model: UserModel,
    parameters: tuple[UserParameter, ...],
    design: Design,
    people: int,
    rng: np.random.Generator,
) -> SimulatedPeople:
    """Return people with parameters from the prior, and their decisions in a design."""
    truth = {item.name: item.prior.quantile(rng.random(people)) for item in parameters}
    with np.errstate(divide="ignore"):
        p = np.exp(log_table(model, design.situations, truth))
    p = np.moveaxis(np.broadcast_to(p, (len(design.met), people, p.shape[-1])), 1, 0)
    # Rounding leaves sums beside 1, which NumPy refuses where they exceed it.
    p = p / p.sum(axis=-1, keepdims=True)
    return SimulatedPeople(truth, rng.multinomial(design.met, p).astype(np.float64))


def beliefs(
    model: UserModel,
    parameters: tuple[UserParameter, ...],
    design: Design,
    counts: Float,
) -> tuple[list[Belief], Float]:
    """Return the belief about each of many people (R), and the logarithms of their evidence (R,), on one grid for all.

    A person whose mass is in too few of its cells gets a grid of their own, as `fit_people` does.
    """
    grid = make_grid(parameters)
    likelihoods = log_likelihoods(model, design.situations, counts, grid.points())
    log_weights, evidence = normalise(grid.log_prior() + likelihoods)
    points = grid.points()
    found = []
    for i, row in enumerate(log_weights):
        belief = Belief(parameters, points, row, grid)
        if grid.is_coarse(belief.weights):
            belief, evidence[i] = _refined(model, grid.refined(belief.weights), design, counts[i])
        found.append(belief)
    return found, evidence


def _refined(
    model: UserModel, grid: ParameterGrid, design: Design, counts: Float
) -> tuple[Belief, float]:
    likelihood = log_likelihoods(model, design.situations, counts[None], grid.points())[0]
    return grid_belief(grid, likelihood)


def recovered(
    parameters: tuple[UserParameter, ...],
    people: SimulatedPeople,
    fits: Sequence[Belief],
    rng: np.random.Generator,
) -> list[Recovered]:
    """Return how well each parameter is told back."""
    draws = [belief.draws(DRAWS, rng) for belief in fits]
    found = []
    for item in parameters:
        truth = people.truth[item.name]
        means = np.array([belief.mean(item.name) for belief in fits])
        ends = np.array([belief.interval(item.name, LEVEL) for belief in fits])
        inside = int(((ends[:, 0] <= truth) & (truth <= ends[:, 1])).sum())
        ranks = np.array(
            [(one[item.name] < value).sum() for one, value in zip(draws, truth, strict=True)]
        )
        found.append(
            Recovered(
                item.name,
                _correlation(truth, means),
                float(np.polyfit(truth, means, 1)[0]),
                float((means - truth).mean()),
                share_interval(inside, len(truth)),
                ranks,
                evenness(ranks),
                len(truth),
            )
        )
    return found


def _correlation(first: Float, second: Float) -> float:
    if np.ptp(first) == 0.0 or np.ptp(second) == 0.0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def evenness(ranks: Int) -> float:
    """Return the probability that even ranks in 0..99 fall as unevenly into 20 bins (chi-square, 19 degrees)."""
    counts = np.bincount(ranks * BINS // (DRAWS + 1), minlength=BINS)
    wanted = len(ranks) / BINS
    return 1.0 - incomplete_gamma(
        (BINS - 1) / 2.0, float(((counts - wanted) ** 2).sum()) / wanted / 2.0
    )


def recover(
    model: UserModel,
    parameters: tuple[UserParameter, ...],
    design: Design,
    people: int,
    *,
    true_model: UserModel | None = None,
    seed: int = 0,
) -> list[Recovered]:
    """Return how well the parameters of simulated people are told back.

    Args:
        model: The model that is fitted.
        parameters: Its parameters.
        design: The situations.
        people: How many there are.
        true_model: The model that decides, if it is another one.
        seed: Root of all random numbers.
    """
    rng = np.random.default_rng([seed, 5])
    drawn = simulate(true_model or model, parameters, design, people, rng)
    fits, _ = beliefs(model, parameters, design, drawn.counts)
    return recovered(parameters, drawn, fits, rng)


def calibrate(
    model: UserModel,
    parameters: tuple[UserParameter, ...],
    design: Design,
    fits: int,
    *,
    true_model: UserModel | None = None,
    seed: int = 0,
) -> tuple[list[Recovered], bool]:
    """Return how well many fits do, and whether their ranks are even.

    They are if p > .01 for every parameter; else the check is made once more with three times as many fits, and p > .001 counts.
    """
    first = recover(model, parameters, design, fits, true_model=true_model, seed=seed)
    if min(one.p for one in first) > DOUBTED:
        return first, True
    again = recover(model, parameters, design, AGAIN * fits, true_model=true_model, seed=seed + 1)
    return again, min(one.p for one in again) > REFUSED


def confusion(
    models: Sequence[tuple[UserModel, tuple[UserParameter, ...]]],
    design: Design,
    people: int,
    seed: int = 0,
) -> Int:
    """Return how often the people of each model (rows) are told to be of each (columns) by the evidence, (M, M).

    Args:
        models: The models with their parameters; they read the same situations.
        design: The situations.
        people: People of each model.
        seed: Root of all random numbers.
    """
    found = np.zeros((len(models), len(models)), dtype=np.int64)
    for i, (model, parameters) in enumerate(models):
        rng = np.random.default_rng([seed, 6, i])
        counts = simulate(model, parameters, design, people, rng).counts
        each = np.stack([beliefs(other, theirs, design, counts)[1] for other, theirs in models])
        found[i] = np.bincount(np.argmax(each, axis=0), minlength=len(models))
    return found
