"""The loop of this domain: it pairs a task with the user and the assistant of its config, plays, counts and keeps the episodes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from taskloom import Finding, JsonValue, Result, RunContext
from taskloom.arrays import save_npz
from taskloom.bound import BoundTask
from taskloom.opening import open_task

from taskloom_hci.batch.episodes import Episodes, join, load
from taskloom_hci.batch.headline import headline, units_of
from taskloom_hci.batch.kernels import kernel_of
from taskloom_hci.batch.play import Player, choose_backend
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.bundle.randomness import findings
from taskloom_hci.bundle.timeline import timeline
from taskloom_hci.config import HciConfig
from taskloom_hci.errors import BundleConstraintError, HciError
from taskloom_hci.inference.optimum import optimum_metrics, optimum_of
from taskloom_hci.metrics import interval_metrics, interval_words, mean_interval, summarise
from taskloom_hci.task import InteractionTask

BoundInteraction: TypeAlias = BoundTask[InteractionTask, HciConfig]

DONE = "episodes.npz"
# Seconds of play that a killed run may lose; keeping takes at most a twentieth of the time.
KEEP_EVERY = 30.0
KEEP_SHARE = 0.05


def pair(task: InteractionTask, config: HciConfig, seed: int | None = None) -> Bundle:
    """Return the game of a task with the two agents of a config.

        pair(pointing(config), config, seed=7)

    Args:
        task: The task.
        config: Who plays.
        seed: Root of all random numbers; by default 0. Environments for learners (`GameEnv` and the like) draw a fresh one
            where none was given.

    Raises:
        BundleConstraintError: If they do not fit together; it lists every problem.
    """
    agents, problems = [], list[str]()
    for component in (config.user, config.assistant):
        try:
            agent = component.build(task) if component is not None else None
            if agent is not None and agent.body is None:
                agent.body = component
            agents.append(agent)
        except BundleConstraintError as error:
            problems.extend(error.problems)
    if problems:
        raise BundleConstraintError(problems)
    return Bundle(task, agents[0], agents[1], seed=seed)


def make_bundle(name: str, *, seed: int | None = None, **config: Any) -> Bundle:  # noqa: ANN401 -- values of any parameter
    """Return the game of an installed task with its two agents.

        make_bundle("pointing", assistant={"kind": "big"}, seed=7)

    Args:
        name: The task's name.
        seed: Root of all random numbers; by default 0. Environments for learners (`GameEnv` and the like) draw a fresh one
            where none was given.
        config: Entries of the task's config.
    """
    bound = cast("BoundInteraction", open_task(f"hci/{name}", config))
    if not isinstance(bound.task, InteractionTask):
        raise HciError(
            f"'{bound.name}' runs itself: it is no InteractionTask that two agents play."
        )
    return pair(bound.task, bound.config, seed)


def check(task: BoundInteraction, /) -> Iterable[Finding]:
    """Return the reasons why the task, the user and the assistant do not fit together, all at once, else how they would play."""
    config = task.config
    try:
        bundle = pair(task.copy(), config)
        way = choose_backend(bundle, config.episodes, config.backend)
        found = findings(bundle)
    except BundleConstraintError as error:
        return [Finding("error", problem) for problem in error.problems]
    except HciError as error:
        return [Finding("error", str(error))]
    bundle.close()
    return [*found, Finding("info", f"{config.episodes} episodes, played by the backend '{way}'.")]


def describe(task: BoundInteraction, /) -> Mapping[str, JsonValue]:
    """Return the sizes of the game and how it would be played."""
    config = task.config
    bundle = pair(task.copy(), config)
    facts: dict[str, JsonValue] = {
        "task state": str(bundle.task.state.space()),
        "rounds at most": bundle.max_rounds,
        "batched": "by looping over episodes" if kernel_of(bundle) is None else "by a kernel",
        "backend": choose_backend(bundle, config.episodes, config.backend),
    }
    for agent in (bundle.user, bundle.assistant):
        if agent is not None:
            facts[f"{agent.role} action"] = str(agent.policy.element.space)
    bundle.close()
    return facts


def can_resume(task: BoundInteraction, /) -> bool:
    """Return true: every episode has random numbers of its own, so those that are left can be played later."""
    del task
    return True


def run(task: BoundInteraction, ctx: RunContext, checkpoint: Path | None, /) -> Result:
    """Play the episodes, or those that a checkpoint leaves, and summarise all; the end is the same either way."""
    config = task.config
    parts = [] if checkpoint is None else [load(checkpoint / DONE)]
    bundle = pair(task.copy(), config, ctx.seed("episodes"))
    try:
        whole = _play(ctx, config, _player(bundle, config), parts)
        result = _finish(ctx, config, bundle, whole)
    finally:
        bundle.close()
    # After the game is closed: the baseline is a game of its own.
    seed, stopped = ctx.seed("episodes"), len(whole) < config.episodes
    with ctx.progress(None, "the same games for the baseline"):
        said, pairs = headline(
            config, lambda other: pair(task.factory(other), other, seed), whole, stopped=stopped
        )
    artifacts = dict(result.artifacts)
    if pairs:
        artifacts["baseline"] = ctx.artifact("baseline.npz")
        save_npz(artifacts["baseline"], pairs)
    return replace(result, headline=said, artifacts=artifacts, units=units_of(whole, said.metric))


def _player(bundle: Bundle, config: HciConfig) -> Player:
    return Player(bundle, config.episodes, config.backend, full=config.record == "all")


def _play(ctx: RunContext, config: HciConfig, player: Player, parts: list[Episodes]) -> Episodes:
    played = sum(len(part) for part in parts)
    keeper = _Keeper(ctx)
    with ctx.progress(config.episodes, "episodes") as progress:
        progress.advance(played)
        # Something is played before the wish to stop is read, so that a stopped run has a result.
        while played < config.episodes and not (parts and ctx.should_stop):
            # Chunks end where those of an uninterrupted run end.
            end = min((played // config.chunk + 1) * config.chunk, config.episodes)
            parts.append(player.play(range(played, end), keeper.pause))
            played += len(parts[-1])
            progress.advance(len(parts[-1]))
            if played == end:
                last = _last_rounds(parts, (end - 1) % config.chunk + 1)
                ctx.log(played, **interval_metrics("rounds", *mean_interval(last)))
            if keeper.is_due and played < config.episodes:
                parts = [join(parts)]
                keeper.keep(parts[0])
    whole = join(parts)
    if played < config.episodes and keeper.kept != played:
        keeper.keep(whole)
    return whole


def _finish(ctx: RunContext, config: HciConfig, bundle: Bundle, whole: Episodes) -> Result:
    artifacts = {"episodes": ctx.artifact(DONE), "timeline": ctx.artifact("timeline.json")}
    whole.save(artifacts["episodes"])
    shown = timeline(bundle, min(config.shown, len(whole)))
    artifacts["timeline"].write_text(json.dumps(shown), encoding="utf-8", newline="\n")
    if config.jsonl:
        artifacts["rounds"] = ctx.artifact("episodes.jsonl")
        whole.save_jsonl(artifacts["rounds"])
    metrics = summarise(whole)
    cut = float(whole.truncated.mean())
    metrics |= optimum_metrics(optimum_of(bundle), metrics["rounds/mean"], cut)
    words = interval_words(metrics.get("rounds/low"), metrics.get("rounds/high"))
    counted = "1 episode" if len(whole) == 1 else f"{len(whole)} episodes"
    summary = (
        f"{counted}: {metrics['rounds/mean']:.3f} rounds each ({words}), "
        f"{100 * metrics['success/mean']:.1f} % reached the end"
    )
    if "optimum/above" in metrics:
        best, above = metrics["optimum/rounds"], metrics["optimum/above"]
        summary += f"; within {100 * max(above, 0.0):.1f} % of optimal ({best:.4f}, exact)"
    return Result(metrics=metrics, artifacts=artifacts, summary=summary)


class _Keeper:
    """Publishes what was played as checkpoints, now and then: a run that is killed goes on from the last.

    Args:
        ctx: The run.
    """

    def __init__(self, ctx: RunContext) -> None:
        self._ctx = ctx
        self._next = time.monotonic() + KEEP_EVERY
        self.kept = 0

    @property
    def is_due(self) -> bool:
        """True once enough has been played since the last checkpoint."""
        return time.monotonic() >= self._next

    def pause(self) -> bool:
        """Return whether playing should pause: to keep what was played, or because the run is asked to end."""
        return self.is_due or self._ctx.should_stop

    def keep(self, played: Episodes) -> None:
        """Publish all episodes so far."""
        begun = time.monotonic()
        with self._ctx.checkpoint(len(played)) as folder:
            played.save(folder / DONE)
        ended = time.monotonic()
        self.kept = len(played)
        self._next = ended + max(KEEP_EVERY, (ended - begun) / KEEP_SHARE)


def _last_rounds(parts: list[Episodes], count: int) -> NDArray[Any]:
    """Return how many rounds the last `count` episodes took."""
    taken: list[NDArray[Any]] = []
    for part in reversed(parts):
        taken.insert(0, part.num_rounds[max(len(part) - count, 0) :])
        count -= len(taken[0])
        if count == 0:
            break
    return np.concatenate(taken)
