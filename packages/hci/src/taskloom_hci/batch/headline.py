"""The headline of a run: the figure of the game, and the same user and seeds without the assistant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from taskloom.headline import Baseline, Figure, Headline
from taskloom.outcome import headline_of
from taskloom.params.shapes import kind_of
from taskloom.statistics.differences import Difference, paired_difference
from taskloom.statistics.intervals import Interval
from taskloom.statistics.shares import share_interval
from taskloom.units import UnitValues
from taskloom.wording import Words, format_bound, format_value

from taskloom_hci.batch.episodes import Episodes
from taskloom_hci.batch.play import Player
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.bundle.turns import REWARD_NAMES
from taskloom_hci.config import HciConfig
from taskloom_hci.errors import BundleConstraintError, HciError
from taskloom_hci.metrics import mean_interval
from taskloom_hci.users.random import RandomUser
from taskloom_hci.users.replay import Replay

_PAID_BY_USER = [n for n, name in enumerate(REWARD_NAMES) if name.startswith("user_")]
# A baseline of more games narrows an interval that is narrow already.
MOST_GAMES = 10_000
_ROUNDS = "rounds/mean"

Pairing = Callable[[HciConfig], Bundle]


def headline(
    config: HciConfig, pairing: Pairing, whole: Episodes, *, stopped: bool = False
) -> tuple[Headline, dict[str, NDArray[Any]]]:
    """Return the headline of what was played, and the figures of each paired episode, if the baseline was played.

    The figure is the number of rounds where every round costs 1 and nothing else is earned, which is looked up in what was
    played, else the return. The baseline plays the first games again, with the same seeds and without the assistant; of a
    game without an assistant, with a user who acts at random.

    Args:
        config: Who played.
        pairing: Function from a config to the game with the run's seed.
        whole: What was played.
        stopped: True if the run was asked to stop: nothing more is played then.
    """
    plain, name, command = _plainer(config)
    reason = "the run was stopped" if stopped else _reason(config, plain)
    if not reason and config.assistant is None and whole.rewards[:, _PAID_BY_USER].any():
        # LQR users judge the state by their own matrices: another user would be judged by nothing.
        reason = "the user itself pays the reward"
    other = None
    if plain is not None and not reason:
        try:
            other = _play(pairing, plain, whole)
        except (
            BundleConstraintError
        ) as error:  # a user that cannot play alone, a game that needs both
            reason = f"{name} cannot play: {error.problems[0].rstrip('.')}"
        except HciError as error:
            reason = f"{name} cannot play: {str(error).rstrip('.')}"
    of_rounds = _costs_rounds(whole) and (other is None or _costs_rounds(other))
    own = _figure(whole, of_rounds)
    baseline: Baseline | str = reason
    apart: Difference | None = None
    pairs: dict[str, NDArray[Any]] = {}
    if other is not None:
        theirs = _figure(other, of_rounds)
        numbers = other.episode
        pairs = {"episode": numbers, "value": own[: len(other)], "baseline": theirs}
        ours = dict(zip(numbers.tolist(), pairs["value"].tolist(), strict=True))
        apart = paired_difference(
            ours, dict(zip(numbers.tolist(), theirs.tolist(), strict=True)), of="episode"
        )
        baseline = Baseline.measured(name, command, _interval(theirs), apart)
    interval = _interval(own)
    words = _words(config, of_rounds)
    shown = format_value(interval.estimate, interval.half_width)
    unit = "rounds per episode" if of_rounds else "return per episode"
    said = headline_of(
        metric=_ROUNDS if of_rounds else "return/mean",
        title=f"{unit[:1].upper()}{unit[1:]}, mean of {len(whole):,}",
        own=interval,
        better="lower" if of_rounds else "higher",
        baseline=baseline,
        words=words,
        unit=unit,
        alone=f"{words.subject} {words.verb} {shown} {unit}; no baseline: {reason or 'one episode has no interval'}.",
        companions=_companions(whole, other, apart, has_assistant=config.assistant is not None),
    )
    return said, pairs


def units_of(whole: Episodes, metric: str) -> UnitValues:
    """Return the headline's figure of each episode; episode k of a seed is the same game for every player.

    Args:
        whole: What was played.
        metric: Metric of the headline.
    """
    values = _figure(whole, metric == _ROUNDS)
    return UnitValues(
        "episode", values, whole.episode, frozenset(HciConfig.model_fields) - {"seed"}
    )


def _reason(config: HciConfig, plain: HciConfig | None) -> str:
    """Return why there is no baseline, or nothing."""
    if not config.baseline:
        return "baseline is off"
    if config.kept_outside:
        return "another process keeps the game"
    if isinstance(config.user, Replay):
        return "the user repeats recorded actions"
    return "" if plain is not None else "the game was played at random, without an assistant"


def _plainer(config: HciConfig) -> tuple[HciConfig | None, str, str]:
    """Return the config of the baseline with its name and the option that gives it."""
    if config.assistant is not None:
        return config.model_copy(update={"assistant": None}), "no assistant", "--assistant=none"
    if isinstance(config.user, RandomUser):
        return None, "", ""
    return config.model_copy(update={"user": RandomUser()}), "a random user", "--user=random"


def _play(pairing: Pairing, plain: HciConfig, whole: Episodes) -> Episodes:
    bundle = pairing(plain)
    try:
        numbers = whole.episode[:MOST_GAMES].tolist()
        return Player(bundle, len(numbers), plain.backend).play(numbers)
    finally:
        bundle.close()


def _costs_rounds(episodes: Episodes) -> bool:
    return bool(np.array_equal(-episodes.returns, episodes.num_rounds))


def _figure(episodes: Episodes, of_rounds: bool) -> NDArray[Any]:
    return np.asarray(episodes.num_rounds if of_rounds else episodes.returns, dtype=float)


def _interval(values: NDArray[Any]) -> Interval:
    """Return the mean with Student's interval; the sums are NumPy's, of millions of episodes."""
    mean, low, high = mean_interval(values)
    reason = "" if low is not None else "one episode"
    return Interval(mean, low, high, 0.95, len(values), "t", no_interval=reason)


def _words(config: HciConfig, of_rounds: bool) -> Words:
    agent = config.assistant if config.assistant is not None else config.user
    role = "assistant" if config.assistant is not None else "user"
    subject = f"The {role} {kind_of(type(agent))}"
    if of_rounds:
        return Words(subject=subject, verb="takes", unit="rounds", more="more", less="fewer", units="episodes")  # fmt: skip
    return Words(subject=subject, verb="earns", more="more", less="less", units="episodes")


def _companions(
    whole: Episodes,
    other: Episodes | None,
    apart: Difference | None,
    *,
    has_assistant: bool,
) -> tuple[Figure, ...]:
    """Return the difference, the share that reached the end, and the median."""
    found = []
    if apart is not None and apart.interval.low is not None and apart.interval.high is not None:
        half = apart.interval.half_width
        bounds = (
            f"{format_bound(apart.interval.low, half)} to {format_bound(apart.interval.high, half)}"
        )
        found.append(
            Figure("difference, paired", format_value(apart.interval.estimate, half), bounds)
        )
    reached = share_interval(int(whole.is_done.sum()), len(whole))
    bounds = f"{100 * (reached.low or 0):.1f} % to {100 * (reached.high or 0):.1f} %"
    found.append(Figure("reached the end", f"{100 * reached.estimate:.1f} %", bounds))
    median = "rounds"
    if other is not None:
        beside = "without" if has_assistant else "at random"
        median += f"; {np.median(other.num_rounds):g} {beside}"
    found.append(Figure("median", f"{np.median(whole.num_rounds):g}", median))
    return tuple(found)
