"""`python -m taskloom.execute RUN_DIR`: what is shipped is a folder, and doing it twice is harmless."""

import subprocess
import sys
from pathlib import Path

import pytest
from taskloom.placement.worker import main
from taskloom.runs import open_run
from taskloom_probe.support import environment, lines, make_run, start_worker, steps, wait_until
from taskloom_probe.tasks import FailConfig, WalkConfig


def test_worker_runs_a_folder_and_says_nothing(tmp_path: Path) -> None:
    layout = make_run(tmp_path, "walk", WalkConfig(steps=4))
    command = [sys.executable, "-m", "taskloom.execute", str(layout.dir)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    again = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert again.returncode == 0
    run = open_run(str(layout.dir))
    assert (run.status, run.record.attempts, steps(run)) == ("finished", 1, [1, 2, 3, 4])


def test_worker_that_is_killed_leaves_a_crashed_run_that_the_next_worker_finishes(
    tmp_path: Path,
) -> None:
    layout = make_run(tmp_path, "walk", WalkConfig(steps=300, pause=0.003))
    with start_worker(layout) as worker:
        wait_until(lambda: lines(layout) > 12)
        assert open_run(str(layout.dir)).status == "running"
        worker.kill()
    assert open_run(str(layout.dir)).status == "crashed"
    with start_worker(layout) as worker:
        assert worker.wait(300) == 0
    run = open_run(str(layout.dir))
    assert (run.status, run.record.attempts) == ("finished", 2)
    assert steps(run) == list(range(1, 301))


def test_worker_reports_a_failure_by_its_exit_code(tmp_path: Path) -> None:
    layout = make_run(tmp_path, "fail", FailConfig())
    with start_worker(layout) as worker:
        assert worker.wait(300) == 1
        assert worker.stderr is not None
        assert "ValueError: the value is wrong" in worker.stderr.read()


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["a", "b"], 2), (["/nonexistent"], 5)])
def test_worker_refuses_bad_arguments_in_one_line(
    arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "Traceback" not in error
