"""Checks of a fit: data that it would repeat, games that it had not seen, and models against each other."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from taskloom.statistics.bootstrap import LEAST_BOOTSTRAP, bootstrap_interval
from taskloom.statistics.intervals import Interval, mean_interval

from taskloom_hci.fitting.decisions import Decisions
from taskloom_hci.fitting.grid import Belief
from taskloom_hci.fitting.likelihood import chance, log_likelihoods, log_table
from taskloom_hci.fitting.people import PeopleFit, Way, fit_people
from taskloom_hci.inference.exact import normalise
from taskloom_hci.models.model import choose, safe_log

Float: TypeAlias = NDArray[np.float64]

REPLICATES = 200
RESAMPLES = 9_999
# Stands for the logarithm of 0 in a mean.
_IMPOSSIBLE = -1e3


@dataclass(frozen=True, slots=True)
class Replicated:
    """One statistic of the data beside that of data that the fit repeats in the same situations.

    Attributes:
        person: The person.
        name: The statistic.
        observed: In the data.
        low: Lower end of the middle 90 % of the repeated ones.
        high: Upper end.
        p: Two-sided p-value: twice the share of the repeated ones on the rarer side, ties counted half.
    """

    person: str
    name: str
    observed: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The log-probability of the last third of each person's games by what the others tell [nat per decision].

    Attributes:
        score: Mean over people.
        above_chance: The same less that of a user who does anything.
        above_pooled: The same less that of a fit of all people as one, with its interval over people; None if it is one.
        decisions: Decisions that were held out.
        people: People who have any.
    """

    score: float
    above_chance: float
    above_pooled: Interval | None
    decisions: int
    people: int


def predictive_checks(fit: PeopleFit, decisions: Decisions, seed: int = 0) -> list[Replicated]:
    """Return statistics of every person beside those of data that the fit repeats in the same situations.

    They are the share of each action and the mean log-probability of the actions by the mean of the parameters. Less its
    expectation each is a sum of differences whose mean is zero given the past, so that the check holds although an action
    decides which situation comes next. Lengths of games and of runs are no such sums: see `played_again`.
    """
    rng = np.random.default_rng([seed, 2])
    found = []
    for number, name in enumerate(fit.people):
        belief = fit.beliefs[number]
        rows = np.flatnonzero(decisions.person == number)
        met, which = np.unique(decisions.situation[rows], return_inverse=True)
        situations = {key: np.asarray(values)[met] for key, values in decisions.situations.items()}
        points = belief.draws(REPLICATES, rng)
        mean = {item.name: np.array([belief.mean(item.name)]) for item in fit.parameters}
        with np.errstate(divide="ignore"):
            table = np.exp(log_table(fit.model, situations, points))
            log_p = np.maximum(log_table(fit.model, situations, mean)[:, 0], _IMPOSSIBLE)
        table = np.broadcast_to(table, (len(met), REPLICATES, table.shape[-1]))
        again = choose(table[which], rng.random((len(rows), REPLICATES)))
        every = np.concatenate([decisions.action[rows][:, None], again], axis=1)
        statistics = [
            (f"share of {np.asarray(action).tolist()}", (every == i).mean(axis=0))
            for i, action in enumerate(fit.model.actions)
        ]
        told = np.take_along_axis(log_p[which], every, axis=1).mean(axis=0)
        for label, values in [*statistics, ("mean log-probability", told)]:
            found.append(replicated(name, label, values))
    return found


def replicated(person: str, name: str, values: Float) -> Replicated:
    """Return a statistic of the data, the first of the values, beside that of repeated data, the others."""
    low, high = np.quantile(values[1:], [0.05, 0.95])
    below = (values[1:] < values[0]).mean() + (values[1:] == values[0]).mean() / 2.0
    p = 2.0 * min(below, 1.0 - below)
    return Replicated(person, name, *(float(x) for x in (values[0], low, high, p)))


def held_out(
    fit: PeopleFit, decisions: Decisions, method: Way = "auto", seed: int = 0
) -> HeldOut | None:
    """Return the score of games that a fit of the others had not seen; None if no person has three games."""
    late = decisions.late()
    if not late.any():
        return None
    own = held_out_scores(fit, decisions, method, seed)
    size = np.bincount(decisions.person[late], minlength=len(fit.people))
    has = size > 0
    mean = float(own[has].mean())
    above = None
    if fit.mode != "pooled" and has.sum() > 1:
        pooled = fit_people(
            decisions,
            fit.model,
            fit.parameters,
            mode="pooled",
            method=method,
            seed=seed,
            rows=~late,
        )
        above = over_people(own[has] - _scores(pooled, decisions, late)[has], seed)
    return HeldOut(mean, mean - chance(fit.model), above, int(late.sum()), int(has.sum()))


def held_out_scores(
    fit: PeopleFit, decisions: Decisions, method: Way = "auto", seed: int = 0
) -> Float:
    """Return the score of each person's last games [nat per decision], (P,); 0 for people without any."""
    late = decisions.late()
    early = fit_people(
        decisions, fit.model, fit.parameters, mode=fit.mode, method=method, seed=seed, rows=~late
    )
    return _scores(early, decisions, late)


def _scores(fit: PeopleFit, decisions: Decisions, rows: NDArray[np.bool_]) -> Float:
    counts = decisions.counts(len(fit.model.actions), rows)
    found = np.zeros(len(fit.people))
    for i, belief in enumerate(fit.beliefs):
        if counts[i].any():
            found[i] = predictive_log(fit, belief, decisions, counts[i]) / counts[i].sum()
    return found


def predictive_log(fit: PeopleFit, belief: Belief, decisions: Decisions, counts: Float) -> float:
    """Return the log-probability of decisions, counted (S, A), by a belief: of all of them together, not one by one."""
    used = np.flatnonzero(counts.sum(axis=1) > 0.0)
    met = {name: np.asarray(values)[used] for name, values in decisions.situations.items()}
    likelihood = log_likelihoods(fit.model, met, counts[None, used], belief.points)[0]
    return float(normalise(belief.log_weights + likelihood)[1])


def left_out_games(fit: PeopleFit, decisions: Decisions) -> float | None:
    """Return the mean log-probability of each game by all the others [nat per game], exactly on a grid; None without one.

    With the posterior of all games, `p(game | others) = 1 / E[1 / p(game | theta)]`; on a grid the mean is a sum, so that
    nothing has to be smoothed (PSIS is for samples).
    """
    if fit.method != "grid" or fit.mode == "hierarchical":
        return None
    found = []
    for number, belief in enumerate(fit.beliefs):
        rows = decisions.person == number
        met, which = np.unique(decisions.situation[rows], return_inverse=True)
        games = decisions.game[rows]
        counts = np.zeros((int(games.max()) + 1, len(met), len(fit.model.actions)))
        np.add.at(counts, (games, which, decisions.action[rows]), 1.0)
        situations = {name: np.asarray(v)[met] for name, v in decisions.situations.items()}
        each = log_likelihoods(fit.model, situations, counts, belief.points)
        found.extend((-normalise(belief.log_weights - each)[1]).tolist())
    return float(np.mean(found))


def over_people(differences: Float, seed: int = 0) -> Interval:
    """Return the mean over people with its interval: BCa by resampling people from 20 on, Student's t below."""
    values = [float(value) for value in differences]
    if len(values) >= LEAST_BOOTSTRAP and len(set(values)) > 1:
        return bootstrap_interval(values, Random(seed), resamples=RESAMPLES)
    return mean_interval(values, of="person")


def model_probabilities(evidences: list[float]) -> list[float]:
    """Return the probability of each model by its log-evidence, each equally likely before."""
    log_weights, _ = normalise(np.array(evidences) + safe_log(1.0 / len(evidences)))
    return [float(p) for p in np.exp(log_weights)]
