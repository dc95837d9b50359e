"""Statistics of whole games beside those of games that the fit plays again: their lengths, and what a length decides."""

from __future__ import annotations

from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from taskloom.opening import task_of
from taskloom.registry.components import load_component
from taskloom.runs.run import Run

from taskloom_hci.batch.episodes import Episodes
from taskloom_hci.batch.play import play
from taskloom_hci.driver import BoundInteraction, pair
from taskloom_hci.fitting.checks import Replicated, replicated
from taskloom_hci.fitting.grid import Belief
from taskloom_hci.fitting.sources import PERSON, episodes_of
from taskloom_hci.recordings.blocks import SESSIONS

Float: TypeAlias = NDArray[np.float64]

# Games of one repetition: more would only narrow the band below what a person can be held to.
MOST_GAMES = 1000


def played_again(
    run: Run, kind: str, belief: Belief, *, lapse: float, repetitions: int, seed: int = 0
) -> list[Replicated]:
    """Return statistics of the games of a run beside those of games played again with draws of the parameters.

    They are the mean of the rounds, the longest run of one action, and the share of rounds on the goal where there is one. The
    games are others, of the same task with the same assistant. Runs of people who differ are left out: each would need a task
    of their own.

    Args:
        run: A run of one simulated user.
        kind: The kind of user that was fitted.
        belief: The belief about its parameters.
        lapse: The lapse of the model, where it is none of them.
        repetitions: Draws of the parameters.
        seed: Root of the random numbers.
    """
    if not repetitions or (run.dir / SESSIONS).is_dir():
        return []
    episodes = episodes_of(run)
    if PERSON in episodes.rounds:
        return []
    bound = cast("BoundInteraction", task_of(run))
    component = load_component("taskloom_hci.users", kind)
    rng = np.random.default_rng([seed, 7])
    draws = belief.draws(repetitions, rng)
    games = min(len(episodes), MOST_GAMES)
    rows = [_statistics(episodes)]
    for i in range(repetitions):
        values: dict[str, Any] = {name: float(each[i]) for name, each in draws.items()}
        user = component.model_validate({"lapse": lapse, **values})
        bundle = pair(
            bound.copy(), bound.config.model_copy(update={"user": user}), int(rng.integers(2**62))
        )
        try:
            rows.append(_statistics(play(bundle, games)))
        finally:
            bundle.close()
    return [replicated(run.id, name, np.array([row[name] for row in rows])) for name in rows[0]]


def _statistics(episodes: Episodes) -> dict[str, float]:
    action = episodes.rounds["user_action"]
    starts = np.zeros(len(action), dtype=bool)
    starts[episodes.offsets[:-1]] = True
    changes = starts.copy()
    changes[1:] |= action[1:] != action[:-1]
    places = np.flatnonzero(changes)
    lengths = np.diff(np.append(places, len(action)))
    # Of longer recordings the longest of all grows with their length: the mean over games does not.
    game = np.cumsum(starts)[places] - 1
    longest = np.zeros(len(episodes))
    np.maximum.at(longest, game, lengths)
    found = {
        "mean of rounds": float(episodes.num_rounds.mean()),
        "longest run of an action, mean over games": float(longest.mean()),
    }
    goal, position = (
        episodes.fixed.get("user_state__goal"),
        episodes.rounds.get("task_state__position"),
    )
    if goal is not None and position is not None:
        same = position == np.repeat(goal, episodes.num_rounds, axis=0)
        found["share of rounds on the goal"] = float(
            same.reshape(len(action), -1).all(axis=1).mean()
        )
    return found
