"""The trials of a search: which point comes next, which run belongs to it, and what Optuna is told of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from taskloom.errors import ConfigError, RunCorruptError, UnknownNameError, UsageError
from taskloom.lifecycle.create import identify_asked
from taskloom.lifecycle.decision import look, settle
from taskloom.lifecycle.refusal import refusal_of, remove_refused
from taskloom.placement.place import Relay, Watcher
from taskloom.records.names import is_id
from taskloom.registry.entries import LoadedTask
from taskloom.registry.suggest import did_you_mean
from taskloom.runs import claims
from taskloom.runs.run import Run
from taskloom.seeding import derive_seed
from taskloom.sweeps.desk import Desk
from taskloom.sweeps.expand import Axis, Point
from taskloom.sweeps.points import pause
from taskloom.sweeps.record import SweepRecord
from taskloom.sweeps.space import Space

if TYPE_CHECKING:
    import optuna

    from taskloom.params.layers import Resolved

_RUN = "run"  # the trial's attribute that names its run folder
_REFUSED = "refused"  # why it can have none


@dataclass(frozen=True, slots=True)
class _Asked:
    """A trial that the study asked for, and its point."""

    trial: optuna.Trial
    point: Point


@dataclass(frozen=True, slots=True)
class Goal:
    """Goal of a search.

    Attributes:
        metric: The final metric.
        is_max: Whether more is better.
        trials: How many points to try.
        seed: Seed of the sampler.
    """

    metric: str
    is_max: bool
    trials: int
    seed: int = 0

    @classmethod
    def parse(cls, text: str, trials: int, seed: int = 0) -> Goal:
        """Read `metrics.auroc/fused:max`.

        Raises:
            UsageError: It is no goal.
        """
        metric, colon, direction = text.removeprefix("metrics.").rpartition(":")
        if not colon or not metric or direction not in ("max", "min"):
            raise UsageError(
                f"--optimize is {text!r}; write it as metrics.NAME:max or metrics.NAME:min."
            )
        if trials < 1:
            raise UsageError(f"--trials is {trials}; it must be 1 or more.")
        return cls(metric, direction == "max", trials, seed)


@dataclass(frozen=True, slots=True)
class Search:
    """A search as its folder tells it: a sweep whose points are found on the way.

    Attributes:
        sweep: The sweep.
        goal: What it is for.
        axes: What may vary.
        fixed: What is the same everywhere.
    """

    sweep: SweepRecord
    goal: Goal
    axes: Mapping[str, Axis]
    fixed: Point


class Trials(Relay):
    """Run folders of a search, whose study is told what came of them.

    Args:
        loaded: The task.
        search: What is searched.
        store: Where the runs are.
        study: Optuna's memory.
        watcher: Listener to what happens.

    A point that was chosen before is not run again: its trial hears of the same run.

    Attributes:
        runs: The names of all run folders so far, each once.
        reused: The names of those that had finished before, with what was accepted about each.
        refused: Points that can have no run, with the reason.
    """

    def __init__(
        self,
        loaded: LoadedTask,
        search: Search,
        store: Path,
        study: optuna.Study,
        watcher: Watcher,
    ) -> None:
        super().__init__(watcher)
        self.runs: list[str] = []
        self.reused: dict[str, tuple[str, ...]] = {}
        self.refused: list[tuple[Point, str]] = []
        self._loaded, self._search, self._store = loaded, search, store
        self._study = study
        self._desk = Desk(loaded, search.sweep, store)
        self._waiting: dict[str, list[int]] = {}
        self._by_identity: dict[str, Run] = {}
        self._placed: set[str] = set()
        self._asked: dict[str, _Asked] = {}
        self._told: dict[str, str] = {}

    def ended(self, run: Run, /) -> None:
        """Tell the study, unless the run was only stopped or lost, and may go on."""
        self._desk.release(run.id)
        super().ended(run)
        self._placed.discard(run.id)
        asked = self._asked.pop(run.id, None)
        refused = refusal_of(run)
        if refused:
            self._by_identity.pop(run.record.identity, None)
            self._told[run.record.identity] = refused
            self.runs.remove(run.id)
            if asked is not None:
                self._waiting.pop(run.id, None)
                self._refuse(asked.trial, asked.point, refused)
            remove_refused(run)
        elif run.status in ("finished", "failed"):
            self._tell(run)

    def close(self) -> None:
        """Let go of every claim."""
        self._desk.close()

    def folders(self) -> Iterator[Path | None]:
        """Yield run folders: first those of trials that were interrupted, then those of new ones.

        None means that another process computes what the next trial asks for.
        """
        for run in self._interrupted():
            yield from self._go_on(run)
        space = Space(self._loaded, self._search.axes, self._search.fixed)
        while (count := self._count()) < self._search.goal.trials:
            self._study.sampler = _sampler(self._search.goal.seed, count)
            trial = self._study.ask()
            point = space.choose(trial)
            try:
                resolved = space.resolve(point)
            except ConfigError as error:  # values that are allowed, and not beside each other
                self._refuse(trial, point, error.message)
            else:
                yield from self._begin(_Asked(trial, point), resolved)

    def _begin(self, asked: _Asked, resolved: Resolved) -> Iterator[Path | None]:
        """Yield the folder of a new trial's run, unless a run answers it that has finished or was placed before."""
        options, sweep = self._desk.options, self._search.sweep.id
        now = identify_asked(self._loaded, resolved.config, options)
        if now.identity in self._told:
            self._refuse(asked.trial, asked.point, self._told[now.identity])
            return
        trial = asked.trial
        run, opened = self._by_identity.get(now.identity), False
        if run is None:
            settled = settle(now, options, look(now, options, sweep=sweep), sweep=sweep)
            while settled.decision.action == "wait":
                self._desk.refuse_to_wait(settled.decision)
                yield from pause()
                settled = settle(now, options, settled.decision, sweep=sweep)
            decision = settled.decision
            if decision.action == "reuse" and decision.run is not None:
                run = self._desk.reuse(decision, decision.run)
                self.reused[run.id] = run.stale
            else:
                run = self._desk.open(now, resolved.config, resolved.sources, settled)
                self._placed.add(run.id)
                self._asked[run.id] = asked
                opened = True
        trial.set_user_attr(_RUN, run.id)
        self._remember(run, trial.number, now.identity)
        if opened:
            yield run.dir
        elif run.id not in self._placed:  # else it is told of once that run is over
            self._tell(Run(run.dir))

    def _go_on(self, run: Run) -> Iterator[Path | None]:
        """Yield the folder of a run that was interrupted, once no other process computes it."""
        claim = claims.take(self._store, run.record.identity)
        while claim is None:
            yield from pause()
            claim = claims.take(self._store, run.record.identity)
        run = Run(run.dir)
        if run.status == "finished":
            claim.release()
            self._tell(run)
            return
        self._desk.keep(run.id, claim)
        self._placed.add(run.id)
        yield run.dir

    def _count(self) -> int:
        """Count the trials that have a run or none at all; one whose submitter died before it made the run does not count."""
        trials = self._study.get_trials(deepcopy=False)
        return sum(_RUN in trial.user_attrs or _REFUSED in trial.user_attrs for trial in trials)

    def _refuse(self, trial: optuna.Trial, point: Point, sentence: str) -> None:
        """Tell the study of a point that can have no run, and go on with others."""
        from optuna.trial import TrialState

        trial.set_user_attr(_REFUSED, sentence)
        self._study.tell(trial, state=TrialState.FAIL)
        self.refused.append((point, sentence))

    def _interrupted(self) -> list[Run]:
        """Return the runs of trials that the study waits for, and tell it of those that are over."""
        from optuna.trial import TrialState

        for frozen in self._study.get_trials(deepcopy=False):
            name = _run_of(frozen)
            run = _read(self._store / name) if name else None
            is_open = frozen.state == TrialState.RUNNING
            if _REFUSED in frozen.user_attrs:
                point = {path: str(value) for path, value in frozen.params.items()}
                self.refused.append((point, str(frozen.user_attrs[_REFUSED])))
                continue
            if run is not None:
                number = frozen.number if is_open else None
                self._remember(run, number, run.record.identity)
            elif is_open:
                self._study.tell(frozen.number, state=TrialState.FAIL)
        runs = [_read(self._store / name) for name in self._waiting]
        for run in runs:
            if run is not None and run.status == "finished":
                self._tell(run)
        return [run for run in runs if run is not None and run.status != "finished"]

    def _remember(self, run: Run, number: int | None, identity: str) -> None:
        if run.id not in self.runs:
            self.runs.append(run.id)
        self._by_identity[identity] = run
        if number is not None:
            self._waiting.setdefault(run.id, []).append(number)

    def _tell(self, run: Run) -> None:
        """Tell the study how a run went, for every trial that chose its point."""
        from optuna.trial import TrialState

        metric = self._search.goal.metric
        value = run.metrics.get(metric)
        if run.status == "finished" and value is None:
            raise UnknownNameError(
                f"The run {run.id} has no metric '{metric}'; it has {', '.join(run.metrics)}.",
                hint=did_you_mean(metric, run.metrics),
            )
        for number in self._waiting.pop(run.id, []):
            if run.status == "finished" and value is not None and math.isfinite(value):
                self._study.tell(number, value)
            else:
                self._study.tell(number, state=TrialState.FAIL)


def trial_runs(study: optuna.Study) -> list[str]:
    """Return the names of the runs of a study's trials, each once."""
    named = map(_run_of, study.get_trials(deepcopy=False))
    return list(dict.fromkeys(name for name in named if name))


def _run_of(trial: optuna.trial.FrozenTrial) -> str:
    """Return the name of a trial's run in the store; empty if it has none, or names something else."""
    name = trial.user_attrs.get(_RUN)
    return name if isinstance(name, str) and is_id(name) else ""


def _sampler(seed: int, number: int) -> optuna.samplers.BaseSampler:
    """Return what draws one trial: seeded for each anew, so that a search that is resumed neither repeats nor changes points."""
    from optuna.samplers import TPESampler

    return TPESampler(seed=derive_seed(seed, f"trial/{number}") % 2**32)


def _read(folder: Path) -> Run | None:
    try:
        return Run(folder)
    except RunCorruptError:
        return None
