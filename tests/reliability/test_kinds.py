"""Kill -9 on real tasks of all four kinds, at random instants: nothing is lost, and every run reaches the same end."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from taskloom.lifecycle.create import create_run
from taskloom.request import RunOptions
from taskloom.runs import Run, RunLayout, open_run, provenance
from taskloom.runs.checkpoints import published, verify
from taskloom.testing.trial import Trial
from taskloom_probe.forks import Forker
from taskloom_probe.kinds import KINDS
from taskloom_probe.support import environment
from tests_sizes import size

# The cheap kinds take the larger share. The soak tests take 300 of each, in another order.
KILLS = {
    "anomaly": size("kills_of_networks"),
    "diffusion": size("kills_of_networks"),
    "hci": size("kills_of_episodes"),
    "control": size("kills_of_episodes"),
}
SOAK_KILLS = int(os.environ.get("TASKLOOM_SOAK_KILLS", "300"))
SOAK_LINES = int(os.environ.get("TASKLOOM_SOAK_LINES", "4000000"))
SOAK_STOPS = int(os.environ.get("TASKLOOM_SOAK_STOPS", "200"))
MOST_OF_ONE_RUN = 6


class Killer:
    """Makes runs of one kind, and kills their workers.

    Args:
        kind: One of `KINDS`.
        folder: An empty folder.
        forker: Starts workers.
        seed: Of the instants.
    """

    def __init__(self, kind: str, folder: Path, forker: Forker, seed: int) -> None:
        self._trial: Trial = KINDS[kind].trial(folder)
        self._store = folder / "store"
        self._forker = forker
        self._generator = random.Random(seed)
        self._found = provenance.gather()
        self._whole = self._finish(self._make())
        self._duration = self._whole.record.duration

    def kill(self, kills: int, *, until_resumed: bool = False) -> int:
        """Kill so many workers, let each run reach its end, and return how often a run went on from a checkpoint.

        Which instants lie behind a checkpoint depends on what else the machine does: with `until_resumed` up to four times as
        many are killed until one has.
        """
        done = resumed = 0
        most = 4 * kills
        while done < kills or (until_resumed and not resumed and done < most):
            kills = max(kills, done + 1)
            layout = self._make()
            hits = 0
            while done < kills and hits < MOST_OF_ONE_RUN and self._kill_once(layout):
                done, hits = done + 1, hits + 1
                resumed += any(published(layout.checkpoints))
            run = self._finish(layout)
            if hits == 0:  # how long a run takes depends on what else the machine does
                self._duration = run.record.duration
            self._assert_same_end(run)
        return resumed

    def _make(self) -> RunLayout:
        trial = self._trial
        return create_run(
            trial.loaded, trial.config, RunOptions(store=self._store), found=self._found
        )

    def _finish(self, layout: RunLayout) -> Run:
        worker = self._forker.start("execute", layout.dir)
        assert self._forker.wait(worker) == 0
        return open_run(str(layout.dir))

    def _kill_once(self, layout: RunLayout) -> bool:
        """Kill a worker at a random instant of its run; False if it was quicker."""
        worker = self._forker.start("execute", layout.dir)
        time.sleep(1.2 * self._duration * self._generator.random())
        seen = layout.metrics.read_bytes().count(b"\n") if layout.metrics.exists() else 0
        was_quicker = self._forker.kill(worker) == 0
        run = Run(layout.dir)
        assert run.status in (("finished",) if was_quicker else ("created", "crashed", "finished"))
        assert len(run.history()) >= seen
        for checkpoint in published(layout.checkpoints):
            verify(checkpoint.dir)
        return not was_quicker

    def _assert_same_end(self, run: Run) -> None:
        assert run.status == "finished"
        assert self._trial.steady(run.metrics) == self._trial.steady(self._whole.metrics)
        assert self._trial.lines(run) == self._trial.lines(self._whole)


def _kill(kind: str, folder: Path, kills: int, seed: int) -> int:
    # hci publishes a checkpoint only when it is asked to stop: a killed run begins anew.
    goes_on = kind != "hci"
    # Every worker would compile anew what JAX compiles.
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder / "compiled")
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    with Forker(kind) as forker:
        return Killer(kind, folder, forker, seed).kill(kills, until_resumed=goes_on)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"):
        monkeypatch.setenv(name, "")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_killed_runs_of_every_kind_reach_the_same_end(kind: str, tmp_path: Path) -> None:
    resumed = _kill(kind, tmp_path, KILLS[kind], seed=1)
    assert kind == "hci" or resumed > 0


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_soak_random_kills_of_every_kind_lose_nothing(kind: str, tmp_path: Path) -> None:
    resumed = _kill(kind, tmp_path, SOAK_KILLS, seed=time.time_ns())
    assert kind == "hci" or resumed > 0
    print(f"{kind}: {SOAK_KILLS} kills, {resumed} of them continued from a checkpoint")


@pytest.mark.soak
def test_soak_memory_stays_flat_over_many_lines(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from taskloom.lifecycle.lifecycle import run_task; from taskloom.request import RunOptions; from taskloom_probe.support import load\n"
        "from taskloom_probe.tasks import WalkConfig\n"
        "def peak(steps):\n"
        "    run_task(load('walk'), WalkConfig(steps=steps, every=10**6), RunOptions(store=Path(sys.argv[1]), quiet=True))\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "first = peak(20_000); print(peak(int(sys.argv[2])) - first)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(SOAK_LINES)],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 50_000  # kilobytes: neither the run nor its report keeps the lines


@pytest.mark.soak
def test_soak_two_hundred_interrupted_runs_equal_uninterrupted_ones(tmp_path: Path) -> None:
    trial = KINDS["hci"].trial(tmp_path)
    whole = trial.uninterrupted
    generator = random.Random(time.time_ns())
    for _ in range(SOAK_STOPS):
        resumed = trial.stop_and_resume(generator.randrange(whole.asked))
        assert trial.steady(resumed.result.metrics) == trial.steady(whole.result.metrics)
        assert resumed.lines == whole.lines
