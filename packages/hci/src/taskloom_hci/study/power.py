"""Power of a study before a person is asked: its games are played offline, by the simulated users of its conditions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from taskloom.seeding import derive_seed
from taskloom.statistics.significance import critical_t

from taskloom_hci.batch.kernels import kernel_of
from taskloom_hci.batch.play import play
from taskloom_hci.study.config import StudyConfig
from taskloom_hci.study.materials import Materials
from taskloom_hci.study.plan import slots_of

MOST_ONE_BY_ONE = (
    400  # people whose games have no kernel; groups are then drawn from them with replacement
)


@dataclass(frozen=True, slots=True)
class Power:
    """Power of one comparison with so many people.

    Attributes:
        first: A condition.
        second: Another.
        people: How many people.
        power: Share of simulated studies whose paired t test finds a difference at .05.
        difference: Mean difference of a person's means, first - second.
        deviation: Standard deviation of that difference over people.
    """

    first: str
    second: str
    people: int
    power: float
    difference: float
    deviation: float


def powers(
    config: StudyConfig, people: Sequence[int], repeats: int, metric: str
) -> Iterator[Power]:
    """Yield the power of every pair of conditions for every number of people.

    Args:
        config: The study.
        people: The numbers of people, each at least 2.
        repeats: How many studies are simulated for each.
        metric: `rounds` or `return`, its mean over a person's games.
    """
    materials = Materials(config, "power")
    names = slots_of(config)
    bundles = {name: materials.take(name) for name in names}
    quick = all(kernel_of(bundle) is not None for bundle in bundles.values())
    wanted = repeats * max(people)
    pool = wanted if quick else min(wanted, MOST_ONE_BY_ONE)
    seed = derive_seed(config.seed, "power")
    means: dict[str, NDArray[np.float64]] = {}
    for name, bundle in bundles.items():
        games = materials.part(name).episodes
        bundle.seed = seed
        played = play(bundle, pool * games)
        values = played.num_rounds if metric == "rounds" else played.returns
        means[name] = np.asarray(values, dtype=np.float64).reshape(pool, games).mean(axis=1)
    for first, second in combinations(names, 2):
        apart = means[first] - means[second]
        for count in people:
            groups = _groups(apart, count, repeats, seed)
            found = _found(groups)
            yield Power(first, second, count, found, float(apart.mean()), float(apart.std(ddof=1)))


def _groups(apart: NDArray[np.float64], count: int, repeats: int, seed: int) -> NDArray[np.float64]:
    """Return the differences of the people of each simulated study, (repeats, count)."""
    if len(apart) >= repeats * count:
        return apart[: repeats * count].reshape(repeats, count)
    draws = np.random.default_rng(seed).integers(len(apart), size=(repeats, count))
    return np.asarray(apart[draws])


def _found(groups: NDArray[np.float64]) -> float:
    """Return the share of groups whose paired t test finds a difference at .05."""
    count = groups.shape[1]
    error = groups.std(axis=1, ddof=1) / np.sqrt(count)
    limit = critical_t(count)
    # A group in which all differ alike has no error: any difference is then found, and none is not.
    return float((np.abs(groups.mean(axis=1)) > limit * error).mean())
