"""Commands on systems that lack what Linux has, as far as hiding shows it (see tests/hidden): macOS and Windows."""

from __future__ import annotations

import http.cookiejar
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from taskloom.runs import list_runs, open_run
from taskloom_probe.support import lines, steps, wait_until

HERE = Path(__file__).parents[1]
# Several command lines in one process: most of what each would take is imports.
SHELL = """
import contextlib, io, json, sys
from taskloom.cli import main
told = []
for words in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    told.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(told))
"""
MAIN = "from taskloom.cli import main; import sys; sys.exit(main())"


@dataclass(frozen=True)
class System:
    """Another system, with a store of its own.

    Attributes:
        profile: Its name.
        store: Its store.
        site: Further code that it finds.
    """

    profile: str
    store: Path
    site: str = ""

    @property
    def environment(self) -> dict[str, str]:
        path = os.pathsep.join((str(HERE / "hidden"), str(HERE / "probe"), self.site))
        return {
            **os.environ,
            "HIDDEN_PROFILE": self.profile,
            "PYTHONPATH": path,
            "TASKS_STORE": str(self.store),
            "OMP_NUM_THREADS": "1",
        }

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start one command."""
        return subprocess.Popen(
            [sys.executable, "-c", MAIN, *words],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *commands: str) -> list[tuple[int, str, str]]:
        """Run commands one after the other; each is a line of words. Return exit code, stdout and stderr of each."""
        done = subprocess.run(
            [sys.executable, "-c", SHELL, json.dumps([line.split() for line in commands])],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        told = [tuple(item) for item in json.loads(done.stdout.splitlines()[-1])]
        for line, (_, out, err) in zip(commands, told, strict=True):
            assert "Traceback" not in out + err, (line, err)
            assert "defect" not in err, (line, err)
        return told


@pytest.fixture(params=["mac", "win"])
def system(request: pytest.FixtureRequest, tmp_path: Path) -> System:
    if request.param == "win":
        # filelock goes on seeing the real system; its native lock would prove nothing.
        (tmp_path / "store.toml").write_text('locks = "lease"\n')
    return System(request.param, tmp_path)


@pytest.fixture
def windows(tmp_path: Path) -> System:
    (tmp_path / "store.toml").write_text('locks = "lease"\n')
    return System("win", tmp_path)


def shown_by_viewer(system: System) -> str:
    """Return the first page that `tasks view` serves."""
    with system.start("view", "--port=0") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = next(word for word in line.split() if word.startswith("http"))
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        with urllib.request.build_opener(jar).open(address, timeout=300) as page:
            text = str(page.read().decode())
        process.kill()
    return text


def test_hiding_hides_from_our_modules_alone(system: System) -> None:
    code = (
        "import os, sys, fcntl, signal, taskloom.system.processes as ours, taskloom.system.machine as machine\n"
        "assert os.fork and os.sched_getaffinity and signal.SIGALRM\n"
        "assert not hasattr(machine.os, 'sched_getaffinity')\n"
        "print(ours.can_fork(), ours.can_signal(), machine.cpu_count() >= 1, repr(machine.boot_id()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=system.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    is_mac = system.profile == "mac"
    assert done.stdout == f"{is_mac} {is_mac} True ''\n"


KEYED = """
from pydantic import SecretStr
from taskloom import Config, Result, RunContext

class One(Config):
    key: SecretStr = SecretStr("")

    def run(self, ctx: RunContext) -> Result:
        print("the key is", self.key.get_secret_value())
        return Result({"length": float(len(self.key.get_secret_value()))})
"""
KEYED_MANIFEST = (
    "from taskloom import DomainRef, TaskRef\n"
    "DOMAIN = DomainRef(name='keyed', summary='A test.', extra='', tasks=(TaskRef('one', 'A task.', 'keyed_case:One'),))\n"
)


def test_a_secret_reaches_each_worker_and_no_file(
    system: System, install: Callable[..., Path]
) -> None:
    points = "[taskloom.domains]\nkeyed = keyed_manifest:DOMAIN\n"
    site = install("keyed", points, keyed_case=KEYED, keyed_manifest=KEYED_MANIFEST)
    there = replace(system, site=str(site))
    token = "planted-Xq7v2"
    words = f"keyed one --key={token} --executor=local"
    told = there.run(f"sweep {words} --jobs=2 --seed=0,1", f"run {words} --seed=2")
    assert [code for code, _, _ in told] == [0, 0], told
    runs = list_runs(system.store)
    assert [run.metrics["length"] for run in runs] == [float(len(token))] * 3
    assert "the key is <secret>" in (runs[0].dir / "output.txt").read_text()
    files = [path for path in system.store.rglob("*") if path.is_file()]
    assert [path for path in files if token.encode() in path.read_bytes()] == []


def test_every_command_works(system: System) -> None:
    told = system.run(
        "run probe walk --steps=5",
        "run probe walk --steps=5",
        "sweep probe walk --steps=5,6 --executor=inline",
        "sweep probe walk --steps=7,8 --executor=local --jobs=2",
        "runs ls --json",
        "runs show @last",
        "runs tag @last good",
        "report @last",
        "runs rm @last --yes",
        "doctor",
    )
    codes = [code for code, _, _ in told]
    assert codes == [0] * len(codes), told[next(i for i, code in enumerate(codes) if code)]
    listed = json.loads(told[4][1])["runs"]
    assert sorted(row["metrics"]["steps"] for row in listed) == [5.0, 6.0, 7.0, 8.0]
    assert {row["status"] for row in listed} == {"finished"}
    assert open_run("@last", system.store).id in shown_by_viewer(system)
    facts = told[-1][1]
    if system.profile == "win":
        assert "fork" in facts
        assert "no, runs of a sweep start 0.3 s later" in facts
        assert "ctrl-break" in facts
    else:
        assert "flock" in facts


def test_killed_run_and_a_sweep_whose_submitter_died_go_on(windows: System) -> None:
    """Both are killed before either is resumed, so that their leases run out at the same time."""
    run_words = "run probe walk --steps=60 --every=5 --pause=0.02"
    sweep_words = "sweep probe walk --steps=40,41 --every=5 --pause=0.02 --executor=local --jobs=2"
    with windows.start(*run_words.split()) as alone, windows.start(*sweep_words.split()) as sweep:
        wait_until(
            lambda: (
                len(runs := list_runs(windows.store)) == 3
                and all(lines(run.layout) > 6 for run in runs)
            )
        )
        for process in (alone, sweep):
            process.kill()
            process.communicate()
    (run,) = [run for run in list_runs(windows.store) if run.config["steps"] == 60]
    assert run.status in ("crashed", "running?")
    (folder,) = [path for path in windows.store.iterdir() if (path / "sweep.json").exists()]
    for code, _, err in windows.run(f"{run_words} --resume", f"resume {folder.name}"):
        assert code == 0, err
    runs = list_runs(windows.store)
    assert [run.status for run in runs] == ["finished"] * 3
    for run in runs:
        assert steps(run) == list(range(1, run.config["steps"] + 1))
        assert run.config["steps"] != 60 or run.record.attempts == 2


def test_interrupted_local_sweep_stops_its_runs_by_a_file(windows: System) -> None:
    words = "sweep probe walk --steps=4000 --every=5 --pause=0.02 --executor=local"
    with windows.start(*words.split()) as process:
        wait_until(
            lambda: list_runs(windows.store) and lines(list_runs(windows.store)[0].layout) > 3
        )
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    run = open_run("@last", windows.store)
    assert run.status == "stopped"
    assert not run.layout.stop.exists()
