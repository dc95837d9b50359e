"""The parameter of each person and of the population, exactly on three grids: mean, deviation, and the person's own.

On the line of the parameter, person i has z_i ~ N(mu, sigma), with mu ~ N(centre, 1.5) and sigma ~ HalfNormal(1):

    p(data_i | mu, sigma) = sum_j L_i(z_j) N(z_j; mu, sigma) dz
    p(mu, sigma | data) is proportional to p(mu) p(sigma) prod_i p(data_i | mu, sigma)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.fitting.grid import Belief, ParameterGrid
from taskloom_hci.inference.exact import normalise
from taskloom_hci.models.model import safe_log
from taskloom_hci.models.parameters import UserParameter

Float: TypeAlias = NDArray[np.float64]
People: TypeAlias = Literal["separate", "pooled", "hierarchical"]

MEANS, DEVIATIONS, CELLS_OF_A_PERSON = 101, 60, 400
CENTRE_SD, DEVIATION_SCALE = 1.5, 1.0
# The first look is coarse and wide; the second one looks where the mass is.
_COARSE = (61, 40)
_LEFT_OUT = 1e-9
# Widths of the axes on the line: of a person around the centre, of mean and deviation.
_REACH = 10.0


@dataclass(frozen=True, slots=True)
class Population:
    """Mean and deviation of people on the line of one parameter.

    Attributes:
        name: The parameter.
        mean: Posterior mean of mu.
        mean_sd: Its standard deviation.
        deviation: Posterior mean of sigma.
        deviation_sd: Its standard deviation.
    """

    name: str
    mean: float
    mean_sd: float
    deviation: float
    deviation_sd: float


def person_axis(item: UserParameter) -> ParameterGrid:
    """Return the axis of one person's parameter, wide enough for every population."""
    edges = np.linspace(item.centre - _REACH, item.centre + _REACH, CELLS_OF_A_PERSON + 1)
    return ParameterGrid((item,), (edges,))


def hierarchical(
    grid: ParameterGrid, log_likelihoods: Float
) -> tuple[list[Belief], Belief, Population, float]:
    """Return the belief about each person, about a new one, the population, and the logarithm of the evidence.

    Args:
        grid: The axis of one person, with K cells.
        log_likelihoods: Log-likelihood of each person's data, (P, K).
    """
    item, z = grid.parameters[0], grid.middles()[0]
    top = log_likelihoods.max(axis=1, keepdims=True)
    likelihood = np.exp(log_likelihoods - top)
    mu = np.linspace(item.centre - 4.5 * CENTRE_SD, item.centre + 4.5 * CENTRE_SD, _COARSE[0])
    sigma = _middles(0.0, 4.5 * DEVIATION_SCALE, _COARSE[1])
    joint, _, _ = _over_population(item, z, likelihood, mu, sigma)
    mu = _around(mu, joint.sum(axis=1), MEANS)
    ends = _around(sigma, joint.sum(axis=0), 2)
    sigma = _middles(max(float(ends[0]), 0.0), float(ends[1]), DEVIATIONS)
    joint, evidence, (density, per_person) = _over_population(item, z, likelihood, mu, sigma)
    weights = joint.ravel()
    # Given mean and deviation a person's own posterior is N L / p(data), so the mixture needs one product of matrices.
    shares = np.where(per_person > 0.0, weights[:, None] / np.maximum(per_person, 1e-300), 0.0)
    own = (shares.T @ density) * likelihood
    points = grid.points()
    people = [Belief((item,), points, normalise(safe_log(row))[0], grid) for row in own]
    new = Belief((item,), points, normalise(safe_log(weights @ density))[0], grid)
    flat_mu, flat_sigma = np.repeat(mu, len(sigma)), np.tile(sigma, len(mu))
    found = Population(item.name, *_moments(weights, flat_mu), *_moments(weights, flat_sigma))
    return people, new, found, evidence + float(top.sum())


def _over_population(
    item: UserParameter, z: Float, likelihood: Float, mu: Float, sigma: Float
) -> tuple[Float, float, tuple[Float, Float]]:
    """Return the weights of every mean and deviation (M, S), the log-evidence, and what each says of people."""
    off = (z - mu[:, None, None]) / sigma[None, :, None]
    density = np.exp(-0.5 * off**2).reshape(-1, len(z))
    # By its own sum and not by the formula: a narrow population between two middles keeps its mass of 1.
    density /= np.maximum(density.sum(axis=1, keepdims=True), 1e-300)
    per_person = density @ likelihood.T
    prior = -0.5 * ((mu - item.centre) / CENTRE_SD) ** 2 - np.log(CENTRE_SD * np.sqrt(2 * np.pi))
    half = -0.5 * (sigma / DEVIATION_SCALE) ** 2 + 0.5 * np.log(2 / np.pi)
    cell = np.log((mu[1] - mu[0]) * (sigma[1] - sigma[0]))
    log_joint = (prior[:, None] + half[None, :]).ravel() + safe_log(per_person).sum(axis=1) + cell
    weights, evidence = normalise(log_joint)
    joint = np.exp(weights).reshape(len(mu), len(sigma))
    return joint, float(evidence), (density, per_person)


def _around(values: Float, mass: Float, number: int) -> Float:
    kept = np.flatnonzero(mass > _LEFT_OUT * mass.max())
    step = values[1] - values[0]
    return np.linspace(values[kept[0]] - step, values[kept[-1]] + step, number)


def _middles(low: float, high: float, number: int) -> Float:
    edges = np.linspace(low, high, number + 1)
    return np.asarray((edges[:-1] + edges[1:]) / 2.0)


def _moments(weights: Float, values: Float) -> tuple[float, float]:
    mean = float(weights @ values)
    return mean, float(np.sqrt(weights @ (values - mean) ** 2))
