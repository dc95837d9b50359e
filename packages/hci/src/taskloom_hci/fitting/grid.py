"""Beliefs about the parameters of one person on a grid of cells, exact but for the width of a cell.

The cells are equally wide on the line of each parameter (see `models.parameters`). A cell weighs its prior mass times the
likelihood at its middle, and the evidence is the sum of the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.inference.exact import normalise
from taskloom_hci.models.model import safe_log
from taskloom_hci.models.parameters import UserParameter

Float: TypeAlias = NDArray[np.float64]

# Cells along each axis, by the number of parameters.
CELLS = {1: (400,), 2: (80, 40), 3: (40, 40, 40)}
# Prior mass beyond the ends of an axis that has no end: the cells at the ends take it.
TAIL = 1e-6
# Cells that must hold 99 % of the mass, and mass that an open end may hold.
FEWEST, MOST_AT_END = 20, 0.01
# Mass on either side that a refined grid leaves out.
_LEFT_OUT = 1e-10


@dataclass(frozen=True, slots=True)
class ParameterGrid:
    """Cells of a grid over parameters, in C order: the last parameter varies fastest.

    Attributes:
        parameters: The parameters (D).
        edges: Ends of the cells along each axis on its line, (n + 1,) each.
    """

    parameters: tuple[UserParameter, ...]
    edges: tuple[Float, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Cells along each axis."""
        return tuple(len(edges) - 1 for edges in self.edges)

    def middles(self) -> tuple[Float, ...]:
        """Return the middles of the cells along each axis, on its line."""
        return tuple((edges[:-1] + edges[1:]) / 2.0 for edges in self.edges)

    def points(self) -> dict[str, Float]:
        """Return the values in the middle of every cell by name, (K,) each."""
        mesh = np.meshgrid(*self.middles(), indexing="ij")
        pairs = zip(self.parameters, mesh, strict=True)
        return {item.name: item.values(z.ravel()) for item, z in pairs}

    def log_prior(self) -> Float:
        """Return the logarithm of the prior mass of every cell, (K,)."""
        total = np.zeros(())
        for item, edges in zip(self.parameters, self.edges, strict=True):
            total = total[..., None] + safe_log(np.diff(item.prior.cdf(self._outer(item, edges))))
        return np.asarray(total).ravel()

    def _outer(self, item: UserParameter, edges: Float) -> Float:
        """Return the values at the ends of the cells; those at the ends of a whole axis reach to the end of the prior."""
        values = item.values(edges)
        ends = line_ends(item)
        if edges[0] <= ends[0]:
            values[0] = item.prior.support()[0]
        if edges[-1] >= ends[1]:
            values[-1] = item.prior.support()[1]
        return values

    def marginal(self, weights: Float, axis: int) -> Float:
        """Return the weights (..., n) along one axis of weights (..., K)."""
        full = weights.reshape(*weights.shape[:-1], *self.shape)
        lead = weights.ndim - 1
        others = tuple(lead + i for i in range(len(self.shape)) if i != axis)
        return np.asarray(full.sum(axis=others))

    def is_coarse(self, weights: Float) -> bool:
        """Return true if so few cells hold the mass (K,), or so much is in a cell at an open end, that another grid is better."""
        ordered = np.sort(weights)[::-1]
        # Of a hundred thousand equal cells the largest twenty hold little, so this asks for a peak.
        if float(ordered[: FEWEST - 1].sum()) >= 0.99:
            return True
        for axis, (item, edges) in enumerate(zip(self.parameters, self.edges, strict=True)):
            mass, ends = self.marginal(weights, axis), item.on_line(np.array(item.prior.support()))
            for end, side in ((0, ends[0] < edges[0]), (-1, ends[1] > edges[-1])):
                if side and mass[end] > MOST_AT_END:
                    return True
        return False

    def refined(self, weights: Float) -> ParameterGrid:
        """Return a grid with as many cells around the mass (K,)."""
        found = []
        for axis, edges in enumerate(self.edges):
            mass = self.marginal(weights, axis)
            upto = np.cumsum(mass)
            first = int(np.searchsorted(upto, _LEFT_OUT * upto[-1]))
            last = len(mass) - 1 - int(np.searchsorted(np.cumsum(mass[::-1]), _LEFT_OUT * upto[-1]))
            width = edges[1] - edges[0]
            # One more cell on either side, since the mass of a narrow peak lies between two middles.
            low = (
                edges[0] - 8 * width
                if first == 0 and self._open(axis, 0)
                else edges[max(first - 1, 0)]
            )
            top = min(last + 2, len(mass))
            high = (
                edges[-1] + 8 * width
                if last == len(mass) - 1 and self._open(axis, 1)
                else edges[top]
            )
            found.append(np.linspace(low, high, len(mass) + 1))
        return ParameterGrid(self.parameters, tuple(found))

    def _open(self, axis: int, end: int) -> bool:
        item, edges = self.parameters[axis], self.edges[axis]
        limit = item.on_line(np.array(item.prior.support()))[end]
        return bool(limit < edges[0] if end == 0 else limit > edges[-1])


def line_ends(item: UserParameter) -> tuple[float, float]:
    """Return the ends of a parameter's axis: those of its prior, or where little of it is left."""
    ends = item.on_line(np.array(item.prior.support()))
    tails = item.on_line(item.prior.quantile(np.array([TAIL, 1.0 - TAIL])))
    low, high = (
        float(end if np.isfinite(end) else tail) for end, tail in zip(ends, tails, strict=True)
    )
    return low, high


def make_grid(parameters: tuple[UserParameter, ...]) -> ParameterGrid:
    """Return the grid of one to three parameters."""
    edges = tuple(
        np.linspace(*line_ends(item), cells + 1)
        for item, cells in zip(parameters, CELLS[len(parameters)], strict=True)
    )
    return ParameterGrid(parameters, edges)


@dataclass(frozen=True, slots=True)
class Belief:
    """A distribution over the parameters of one person: weighted points, in the middle of cells or drawn.

    Attributes:
        parameters: The parameters (D).
        points: Values by name, (K,) each.
        log_weights: Logarithms of their weights, (K,), which sum to one.
        grid: The cells of the points; None if they were drawn.
    """

    parameters: tuple[UserParameter, ...]
    points: dict[str, Float]
    log_weights: Float
    grid: ParameterGrid | None = None

    @property
    def weights(self) -> Float:
        """The weights of the points, (K,)."""
        return np.exp(self.log_weights)

    def mean(self, name: str) -> float:
        """Return the mean of a parameter."""
        return float(self.weights @ self.points[name])

    def deviation(self, name: str) -> float:
        """Return the standard deviation of a parameter."""
        off = self.points[name] - self.mean(name)
        return float(np.sqrt(self.weights @ off**2))

    def quantile(self, name: str, shares: Float) -> Float:
        """Return the values of a parameter that lie above shares of its mass; within a cell the mass is even on the line."""
        axis = [item.name for item in self.parameters].index(name)
        item = self.parameters[axis]
        if self.grid is None:
            order = np.argsort(self.points[name], kind="stable")
            upto = np.cumsum(self.weights[order])
            index = np.minimum(np.searchsorted(upto, shares), len(order) - 1)
            return np.asarray(self.points[name][order][index])
        upto = np.concatenate([[0.0], np.cumsum(self.grid.marginal(self.weights, axis))])
        return item.values(np.interp(shares, upto / upto[-1], self.grid.edges[axis]))

    def interval(self, name: str, level: float = 0.9) -> tuple[float, float]:
        """Return the central interval of a parameter."""
        tail = (1.0 - level) / 2.0
        low, high = self.quantile(name, np.array([tail, 1.0 - tail]))
        return float(low), float(high)

    def draws(self, number: int, rng: np.random.Generator) -> dict[str, Float]:
        """Return random values by name, (number,) each: evenly within cells, since ranks among middles would tie."""
        chosen = rng.choice(len(self.log_weights), size=number, p=self.weights / self.weights.sum())
        if self.grid is None:
            return {name: values[chosen] for name, values in self.points.items()}
        where = np.unravel_index(chosen, self.grid.shape)
        found = {}
        for item, edges, index in zip(self.parameters, self.grid.edges, where, strict=True):
            z = edges[index] + rng.random(number) * (edges[index + 1] - edges[index])
            found[item.name] = item.values(z)
        return found

    def learnt(self, name: str) -> float:
        """Return how much is known of a parameter that the prior did not say [nat]; 0 for drawn points, which cannot tell."""
        if self.grid is None:
            return 0.0
        axis = [item.name for item in self.parameters].index(name)
        after = self.grid.marginal(self.weights, axis)
        before = self.grid.marginal(np.exp(self.grid.log_prior()), axis)
        ratio = np.where(after > 0.0, after, 1.0) / np.where(after > 0.0, before, 1.0)
        return float(after @ np.log(np.maximum(ratio, 1e-300)))


def grid_belief(grid: ParameterGrid, log_likelihood: Float) -> tuple[Belief, float]:
    """Return the belief after data of this log-likelihood (K,), and the logarithm of the evidence."""
    log_weights, evidence = normalise(grid.log_prior() + log_likelihood)
    return Belief(grid.parameters, grid.points(), log_weights, grid), float(evidence)


def num_cells(parameters: tuple[UserParameter, ...]) -> int:
    """Return how many cells the grid of some parameters has."""
    return prod(CELLS[len(parameters)])
