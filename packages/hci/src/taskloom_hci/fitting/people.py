"""Fits a user model to the decisions of people: each alone, all as one, or as members of a population."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.errors import HciError
from taskloom_hci.fitting.decisions import Decisions
from taskloom_hci.fitting.grid import CELLS, Belief, ParameterGrid, grid_belief, make_grid
from taskloom_hci.fitting.likelihood import log_likelihoods
from taskloom_hci.fitting.nuts import Trust, sample_people
from taskloom_hci.fitting.population import People, Population, hierarchical, person_axis
from taskloom_hci.models.model import UserModel
from taskloom_hci.models.parameters import UserParameter

Float: TypeAlias = NDArray[np.float64]
Way: TypeAlias = Literal["auto", "grid", "nuts"]

# Knowledge of a parameter below which the data say nothing about it, and below which they hardly do [nat].
_NOTHING, _HARDLY = 1e-6, 0.02


@dataclass(frozen=True, slots=True)
class PeopleFit:
    """The parameters of people.

    Attributes:
        model: The model that was fitted.
        parameters: Its parameters that were inferred.
        mode: Whether people were fitted each alone, all as one, or as members of a population.
        method: `grid` or `nuts`.
        people: Their names (P).
        beliefs: The belief about each, (P).
        new: The belief about a person who is not among them.
        population: Mean and deviation of each parameter on its line; empty unless hierarchical.
        log_evidence: Logarithm of the probability of all data; None if it was not computed.
        trust: The checks of the sampler; None on a grid.
        notes: Sentences that must stand beside the figures.
    """

    model: UserModel
    parameters: tuple[UserParameter, ...]
    mode: People
    method: Literal["grid", "nuts"]
    people: tuple[str, ...]
    beliefs: tuple[Belief, ...]
    new: Belief
    population: tuple[Population, ...] = ()
    log_evidence: float | None = None
    trust: Trust | None = None
    notes: tuple[str, ...] = ()


def fit_people(
    decisions: Decisions,
    model: UserModel,
    parameters: tuple[UserParameter, ...],
    *,
    mode: People = "separate",
    method: Way = "auto",
    seed: int = 0,
    rows: NDArray[np.bool_] | None = None,
) -> PeopleFit:
    """Return the parameters of the people of a table.

    Args:
        decisions: The table.
        model: The model; its own lapse counts where the lapse is none of the parameters.
        parameters: The parameters that are inferred.
        mode: Each person alone, all as one, or as members of a population.
        method: On a grid, or by NUTS; `auto` takes the grid where it is exact: up to three parameters, one for a population.
        seed: Root of the sampler's random numbers.
        rows: The decisions that count, (N,); by default all.

    Raises:
        HciError: If the data are impossible under every value, or the method cannot fit so many parameters.
    """
    counts = decisions.counts(len(model.actions), rows)
    way = _way(method, mode, len(parameters))
    if way == "nuts":
        beliefs, new, population, trust = sample_people(
            model, decisions.situations, counts, parameters, mode=mode, seed=seed
        )
        return PeopleFit(
            model, parameters, mode, "nuts", decisions.people, beliefs, new, population, None, trust
        )
    if mode == "hierarchical":
        return _hierarchical(decisions, model, parameters, counts)
    grid = make_grid(parameters)
    used = counts.sum(axis=0, keepdims=True) if mode == "pooled" else counts
    found = [_on_grid(decisions, model, grid, one) for one in used]
    beliefs = tuple(belief for belief, _ in found) * (len(counts) if mode == "pooled" else 1)
    fit = PeopleFit(
        model,
        parameters,
        mode,
        "grid",
        decisions.people,
        beliefs,
        beliefs[0] if mode == "pooled" else mixture(beliefs),
        log_evidence=float(sum(evidence for _, evidence in found)),
    )
    return replace(fit, notes=_hardly_known(fit))


def _way(method: Way, mode: People, number: int) -> Literal["grid", "nuts"]:
    largest = 1 if mode == "hierarchical" else max(CELLS)
    if method == "auto":
        return "grid" if number <= largest else "nuts"
    if method == "grid" and number > largest:
        told = "a population" if mode == "hierarchical" else "one person"
        raise HciError(
            f"A grid holds {largest} parameter(s) of {told}, not {number}: choose --method=nuts."
        )
    return method


def _on_grid(
    decisions: Decisions, model: UserModel, grid: ParameterGrid, counts: Float
) -> tuple[Belief, float]:
    """Return the belief after one person's counts (S, A), on a second grid around the mass where the first was coarse."""
    used = np.flatnonzero(counts.sum(axis=1) > 0.0)
    met = {name: np.asarray(values)[used] for name, values in decisions.situations.items()}

    def at(cells: ParameterGrid) -> tuple[Belief, float]:
        likelihood = log_likelihoods(model, met, counts[None, used], cells.points())[0]
        require_possible(likelihood[None], model)
        return grid_belief(cells, likelihood)

    belief, evidence = at(grid)
    if grid.is_coarse(belief.weights):
        return at(grid.refined(belief.weights))
    return belief, evidence


def _hierarchical(
    decisions: Decisions,
    model: UserModel,
    parameters: tuple[UserParameter, ...],
    counts: Float,
) -> PeopleFit:
    axis = person_axis(parameters[0])
    likelihoods = log_likelihoods(model, decisions.situations, counts, axis.points())
    require_possible(likelihoods, model)
    beliefs, new, found, evidence = hierarchical(axis, likelihoods)
    width = axis.edges[0][1] - axis.edges[0][0]
    narrow = [
        name
        for name, belief in zip(decisions.people, beliefs, strict=True)
        if axis.is_coarse(belief.weights)
    ]
    notes = (
        (
            f"{len(narrow)} of {len(beliefs)} people are known more closely than the grid of {width:.3f} tells "
            f"(first: {narrow[0]}).",
        )
        if narrow
        else ()
    )
    return PeopleFit(
        model,
        parameters,
        "hierarchical",
        "grid",
        decisions.people,
        tuple(beliefs),
        new,
        (found,),
        evidence,
        notes=notes,
    )


def require_possible(likelihoods: Float, model: UserModel) -> None:
    """Raise `HciError` if the data (P, K) of a person are impossible under every value."""
    if (likelihoods.max(axis=1) <= -1e299).any():
        raise HciError(
            f"{type(model).__name__} without a lapse rules out a decision of the data, whatever its parameters: "
            "give it a lapse, or look for a wrong column."
        )


def mixture(beliefs: Sequence[Belief]) -> Belief:
    """Return the belief about a person of whom it is only known that they are like one of these, each equally likely."""
    if len(beliefs) == 1:
        return beliefs[0]
    names = [item.name for item in beliefs[0].parameters]
    points = {name: np.concatenate([one.points[name] for one in beliefs]) for name in names}
    log_weights = np.concatenate([one.log_weights for one in beliefs]) - np.log(len(beliefs))
    return Belief(beliefs[0].parameters, points, log_weights)


def require_identified(fit: PeopleFit) -> None:
    """Raise `HciError` if the data say nothing at all about a parameter of anyone."""
    if fit.method != "grid" or fit.mode == "hierarchical":
        return
    for item in fit.parameters:
        if max(belief.learnt(item.name) for belief in fit.beliefs) < _NOTHING:
            raise HciError(
                f"These decisions say nothing about '{item.name}': its posterior is its prior, {item.prior}. "
                "Record situations in which it matters, or fit another model."
            )


def _hardly_known(fit: PeopleFit) -> tuple[str, ...]:
    notes = []
    for item in fit.parameters:
        few = [belief.learnt(item.name) < _HARDLY for belief in fit.beliefs]
        if any(few):
            notes.append(
                f"'{item.name}' of {sum(few)} of {len(few)} people is hardly known: its posterior is nearly its prior."
            )
    return tuple(notes)
