"""Runs a task of this domain: pairs it with a user and an assistant, plays, counts and keeps what was played."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from taskloom import Finding, JsonValue, Result, RunContext

from taskloom_hci.config import HciConfig

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from taskloom_hci.batch.episodes import Episodes
    from taskloom_hci.bundle.bundle import Bundle
    from taskloom_hci.task import InteractionTask

C = TypeVar("C", bound=HciConfig)

DONE = "episodes.npz"
# Seconds of play that a killed run may lose; keeping takes at most a twentieth of the time.
KEEP_EVERY = 30.0
KEEP_SHARE = 0.05


class HciTask(ABC, Generic[C]):
    """Base of the tasks: a subclass says which game is played.

    Args:
        config: Who plays, how often, and what is kept.
    """

    def __init__(self, config: C) -> None:
        self._config = config

    @property
    def config(self) -> C:
        """The config that fully determines the run."""
        return self._config

    @abstractmethod
    def game(self) -> InteractionTask:
        """Return the task that the two agents play."""

    def bundle(self, seed: int) -> Bundle:
        """Return the game with its two agents.

        Raises:
            BundleConstraintError: If they do not fit together; it lists every problem.
        """
        # The game needs NumPy and gymnasium, which `--help` must not import.
        from taskloom_hci.bundle.bundle import Bundle
        from taskloom_hci.errors import BundleConstraintError

        game = self.game()
        agents, problems = [], list[str]()
        for component in (self.config.user, self.config.assistant):
            try:
                agents.append(component.build(game) if component is not None else None)
            except BundleConstraintError as error:
                problems.extend(error.problems)
        if problems:
            raise BundleConstraintError(problems)
        return Bundle(game, agents[0], agents[1], seed=seed)

    def check(self) -> Iterable[Finding]:
        """Say whether the task, the user and the assistant fit together, every problem at once."""
        from taskloom_hci.batch.play import choose_backend
        from taskloom_hci.errors import BundleConstraintError, HciError

        try:
            bundle = self.bundle(0)
            way = choose_backend(bundle, self.config.episodes, self.config.backend)
        except BundleConstraintError as error:
            return [Finding("error", problem) for problem in error.problems]
        except HciError as error:
            return [Finding("error", str(error))]
        bundle.close()
        return [Finding("info", f"{self.config.episodes} episodes, played by the backend '{way}'.")]

    def describe(self) -> Mapping[str, JsonValue]:
        """Return the sizes of the game and how it would be played."""
        from taskloom_hci.batch.play import choose_backend

        bundle = self.bundle(0)
        way = choose_backend(bundle, self.config.episodes, self.config.backend)
        facts: dict[str, JsonValue] = {
            "task state": str(bundle.task.state.space()),
            "rounds at most": bundle.max_rounds,
            "batched": "by looping over episodes"
            if bundle.task.kernel() is None
            else "by a kernel",
            "backend": way,
        }
        for agent in (bundle.user, bundle.assistant):
            if agent is not None:
                facts[f"{agent.role} action"] = str(agent.policy.element.space)
        bundle.close()
        return facts

    def run(self, ctx: RunContext, /) -> Result:
        """Play the episodes and summarise them."""
        return self._play(ctx, [])

    def resume(self, ctx: RunContext, checkpoint: Path, /) -> Result:
        """Play the episodes that are left; the end is the one an uninterrupted run reaches."""
        from taskloom_hci.batch.episodes import load

        return self._play(ctx, [load(checkpoint / DONE)])

    def _play(self, ctx: RunContext, parts: list[Episodes]) -> Result:
        from taskloom_hci.batch.episodes import join
        from taskloom_hci.batch.play import Player
        from taskloom_hci.metrics import mean_interval

        config = self.config
        bundle = self.bundle(ctx.seed("episodes"))
        try:
            player = Player(bundle, config.episodes, config.backend)
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
                        rounds = _last_rounds(parts, (end - 1) % config.chunk + 1)
                        mean, low, high = mean_interval(rounds)
                        ctx.log(
                            played, **{"rounds/mean": mean, "rounds/low": low, "rounds/high": high}
                        )
                    if keeper.is_due and played < config.episodes:
                        parts = [join(parts)]
                        keeper.keep(parts[0])
            whole = join(parts)
            if played < config.episodes and keeper.kept != played:
                keeper.keep(whole)
            return self._finish(ctx, bundle, whole)
        finally:
            bundle.close()

    def _finish(self, ctx: RunContext, bundle: Bundle, whole: Episodes) -> Result:
        from taskloom_hci.bundle.timeline import timeline
        from taskloom_hci.metrics import summarise

        artifacts = {"episodes": ctx.artifact(DONE), "timeline": ctx.artifact("timeline.json")}
        whole.save(artifacts["episodes"])
        shown = timeline(bundle, min(self.config.shown, len(whole)))
        artifacts["timeline"].write_text(json.dumps(shown), encoding="utf-8")
        if self.config.jsonl:
            artifacts["rounds"] = ctx.artifact("episodes.jsonl")
            whole.save_jsonl(artifacts["rounds"])
        metrics = {**summarise(whole), **self.extra_metrics(whole)}
        mean, low, high = (metrics[f"rounds/{name}"] for name in ("mean", "low", "high"))
        summary = (
            f"{len(whole)} episodes: {mean:.3f} rounds each (95 % interval {low:.3f} to {high:.3f}), "
            f"{100 * metrics['success/mean']:.1f} % reached the end"
        )
        return Result(metrics=metrics, artifacts=artifacts, summary=summary)

    def extra_metrics(self, episodes: Episodes) -> Mapping[str, float]:
        """Return further metrics that only this task has."""
        del episodes
        return {}


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
        """Whether enough has been played since the last checkpoint."""
        return time.monotonic() >= self._next

    def pause(self) -> bool:
        """Whether playing should pause: to keep what was played, or because somebody wants the run to end."""
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
    import numpy as np

    taken: list[NDArray[Any]] = []
    for part in reversed(parts):
        taken.insert(0, part.num_rounds[max(len(part) - count, 0) :])
        count -= len(taken[0])
        if count == 0:
            break
    return np.concatenate(taken)
