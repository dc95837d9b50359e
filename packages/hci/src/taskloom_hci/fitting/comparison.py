"""Assistants against each other, over people or over games: one number a unit, and differences of common units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from taskloom.runs.run import Run
from taskloom.statistics.bootstrap import LEAST_BOOTSTRAP, bootstrap_interval
from taskloom.statistics.differences import paired_difference
from taskloom.statistics.intervals import Interval, sample_deviation
from taskloom.statistics.sample_size import plan_power
from taskloom.statistics.sequential import look_at
from taskloom.statistics.significance import sign_flip_test

from taskloom_hci.batch.episodes import Episodes
from taskloom_hci.errors import HciError
from taskloom_hci.fitting.sources import PERSON, episodes_of
from taskloom_hci.recordings.blocks import SESSIONS, read_blocks

Metric: TypeAlias = Literal["rounds", "return", "success"]

# Fields of a run that may differ between two that are compared game by game.
_MAY_DIFFER = {"assistant", "backend", "chunk", "jsonl", "record", "baseline", "shown", "episodes"}


@dataclass(frozen=True, slots=True)
class ComparedVariant:
    """One assistant with its figures.

    Attributes:
        name: Its name.
        of: One unit in words: a person, or an episode.
        values: The figure of each unit.
    """

    name: str
    of: str
    values: Mapping[str, float]


def variants_of(
    runs: list[Run], metric: Metric, *, unpaired: bool = False
) -> list[ComparedVariant]:
    """Return the assistants of runs: the conditions of a study with people, or the runs themselves.

    Where people are known, the unit is the person, whose games are averaged: games of one person are not independent.

    Raises:
        HciError: If games of two runs would be paired that are not the same games.
    """
    if len(runs) == 1:
        if not (runs[0].dir / SESSIONS).is_dir():
            raise HciError(
                f"The run {runs[0].id} is no study with people: name two runs to compare their games."
            )
        return _conditions(runs[0], metric)
    if not unpaired:
        _require_same_games(runs)
    names = [_assistant_of(run) for run in runs]
    if len(set(names)) < len(names):
        names = [f"{name} {run.id}" for name, run in zip(names, runs, strict=True)]
    found = []
    for name, run in zip(names, runs, strict=True):
        episodes = episodes_of(run)
        values, of = _of_episodes(episodes, metric)
        if unpaired:
            values = {f"{run.id}/{key}": value for key, value in values.items()}
        found.append(ComparedVariant(name, of, values))
    return found


def _assistant_of(run: Run) -> str:
    found = run.config.get("assistant")
    return str(found.get("kind", "none")) if isinstance(found, Mapping) else "none"


def _conditions(run: Run, metric: Metric) -> list[ComparedVariant]:
    by_name: dict[str, dict[str, list[float]]] = {}
    for block in read_blocks(run.dir):
        figures = figures_of(block.episodes, metric)[~block.dropped].tolist()
        people = by_name.setdefault(block.condition, {})
        people.setdefault(block.person, []).extend(figures)
    found = [
        ComparedVariant(
            name, "person", {who: float(np.mean(all_)) for who, all_ in people.items() if all_}
        )
        for name, people in by_name.items()
    ]
    if len(found) < 2:
        raise HciError(f"The run {run.id} has one condition: there is nothing to compare.")
    return found


def figures_of(episodes: Episodes, metric: Metric) -> NDArray[np.float64]:
    """Return the figure of each episode, (E,)."""
    if metric == "rounds":
        return episodes.num_rounds.astype(np.float64)
    return episodes.returns if metric == "return" else episodes.is_done.astype(np.float64)


def _of_episodes(episodes: Episodes, metric: Metric) -> tuple[dict[str, float], str]:
    figures = figures_of(episodes, metric)
    if PERSON not in episodes.rounds:
        return {
            str(int(e)): float(x) for e, x in zip(episodes.episode, figures, strict=True)
        }, "episode"
    people = episodes.rounds[PERSON][episodes.offsets[:-1]]
    return {
        str(int(one)): float(figures[people == one].mean()) for one in np.unique(people)
    }, "person"


def _require_same_games(runs: list[Run]) -> None:
    first = runs[0]
    for other in runs[1:]:
        differing = [] if first.task == other.task else ["task"]
        keys = sorted({*first.config, *other.config} - _MAY_DIFFER)
        differing += [key for key in keys if first.config.get(key) != other.config.get(key)]
        if differing:
            raise HciError(
                f"The runs {first.id} and {other.id} play different games: they differ in {', '.join(differing)}. "
                "Compare them with --unpaired."
            )


def words_of_comparison(
    first: ComparedVariant,
    second: ComparedVariant,
    *,
    detect: float | None = None,
    power: float = 0.8,
    sequential: bool = False,
    seed: int = 0,
) -> Iterator[str]:
    """Yield the lines that compare two assistants.

    Args:
        first: The one that is judged.
        second: The one beside it.
        detect: A difference that a next study shall find.
        power: Probability of finding it.
        sequential: Look after every unit with an interval that holds whenever one stops.
        seed: Root of the bootstrap.
    """
    found = paired_difference(first.values, second.values, of=first.of)
    yield f"{first.name} {found.first:.4f}, {second.name} {found.second:.4f}"
    yield f"difference {_words(found.interval)}"
    yield from (f"note: {note}" for note in found.interval.notes)
    common = [key for key in first.values if key in second.values]
    a = [first.values[key] for key in common]
    b = [second.values[key] for key in common]
    differences = [x - y for x, y in zip(a, b, strict=True)]
    if len(common) > 1:
        yield from _pairing(a, b, differences, first.of)
        if len(set(differences)) > 1:
            yield f"sign-flip test: p {sign_flip_test(differences).p:.4g}"
        if len(differences) >= LEAST_BOOTSTRAP and len(set(differences)) > 1:
            resampled = bootstrap_interval(differences, Random(seed))
            yield f"bootstrap over {first.of}s: {_words(resampled)}"
    if sequential and differences:
        yield from _looks(differences, first.of)
    if detect is not None and len(set(differences)) > 1:
        plan = plan_power(differences, detect, power=power)
        yield (
            f"to find {detect:g} with power {power:g}: {plan.n} {first.of}s, "
            f"{plan.cautious_n} if the deviation is at its upper 80 % bound"
        )


def _pairing(a: list[float], b: list[float], differences: list[float], of: str) -> Iterator[str]:
    """Yield how much pairing narrows: the variance of a difference is s1^2 + s2^2 - 2 r s1 s2."""
    s1, s2, s = (sample_deviation(values) for values in (a, b, differences))
    unpaired = float(np.hypot(s1, s2))
    r = (s1**2 + s2**2 - s**2) / (2.0 * s1 * s2) if s1 and s2 else 0.0
    told = f", width x {s / unpaired:.3f}" if unpaired else ""
    yield f"deviation of a {of}: paired {s:.4f}, unpaired {unpaired:.4f} (r {r:.3f}{told})"


def _looks(differences: list[float], of: str) -> Iterator[str]:
    for n in range(2, len(differences) + 1):
        look = look_at(differences[:n], of=of)
        if look.decided:
            yield f"decided after {n} {of}s: {_words(look.interval)}, valid however often one looks"
            return
    yield f"not decided after {len(differences)} {of}s: {_words(look_at(differences, of=of).interval)}"


def _words(found: Interval) -> str:
    if found.low is None or found.high is None:
        return f"{found.estimate:+.4f} (no interval: {found.no_interval})"
    return (
        f"{found.estimate:+.4f} ({100 * found.level:g} % {found.low:+.4f} to {found.high:+.4f}, "
        f"{found.method}, n = {found.n})"
    )


def all_words(variants: list[ComparedVariant], **options: Any) -> Iterator[str]:  # noqa: ANN401 -- those of `words_of_comparison`
    """Yield the lines that compare every assistant with the first."""
    for other in variants[1:]:
        yield from words_of_comparison(other, variants[0], **options)
