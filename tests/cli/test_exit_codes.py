"""The exit codes of the table: one test for each."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from taskloom.errors import ExitCode

GARDEN = Path(__file__).parent / "garden"
Tasks = Callable[..., Any]


def test_exit_code_0_is_success(tasks: Tasks) -> None:
    assert tasks("run", "garden", "grow", "--days=1").code == ExitCode.OK == 0


def test_exit_code_1_is_a_task_that_raised(tasks: Tasks) -> None:
    outcome = tasks("run", "garden", "wilt")
    assert outcome.code == ExitCode.FAILED == 1
    assert "RuntimeError: the plant has wilted" in outcome.err
    assert outcome.err.splitlines()[-1].startswith("hint: Continue it with: tasks resume")
    assert tasks("runs", "ls").out.count("failed") == 1


def test_exit_code_2_is_a_line_that_cannot_be_understood(tasks: Tasks) -> None:
    assert tasks("run", "garden", "grow", "--dayz=1").code == ExitCode.USAGE == 2
    assert tasks("nonsense").code == 2


def test_exit_code_3_is_a_check_that_failed(tasks: Tasks) -> None:
    outcome = tasks("check", "garden", "drought")
    assert outcome.code == ExitCode.CHECK_FAILED == 3
    assert outcome.out == "error: there is no water\n"
    assert tasks("check", "garden", "grow").code == 0


def test_exit_code_4_is_something_that_is_not_installed(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    from taskloom.registry import refresh

    monkeypatch.setenv("TASKLOOM_DISABLE_PLUGINS", "control")
    refresh()
    try:
        outcome = tasks("run", "control", "cartpole")
    finally:
        monkeypatch.delenv("TASKLOOM_DISABLE_PLUGINS")
        refresh()
    assert outcome.code == ExitCode.NOT_INSTALLED == 4
    assert (
        outcome.err == "error: domain 'control' is not installed: pip install 'taskloom[control]'\n"
    )


def test_exit_code_5_is_a_store_that_cannot_be_used(tasks: Tasks, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert tasks("run", "garden", "grow", "--store=file/store").code == ExitCode.STORE == 5
    outcome = tasks("runs", "show", "nothing")
    assert outcome.code == 5
    assert len(outcome.err.splitlines()) == 2
    tasks("run", "garden", "grow", "--days=1")
    record = next((tmp_path / "runs").glob("*/run.json"))
    record.write_text(record.read_text()[:100])
    assert tasks("runs", "show", record.parent.name).code == 5
    assert "damaged" in tasks("runs", "ls").out


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)]
)
def test_exit_code_of_a_run_that_was_stopped(
    tmp_path: Path, sent: signal.Signals, code: ExitCode
) -> None:
    line = "import sys; from taskloom.cli import main; sys.exit(main())"
    words = [sys.executable, "-c", line, "run", "garden", "wait", "--store", str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": str(GARDEN)}
    with subprocess.Popen(
        words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        end = time.monotonic() + 300
        while not list(tmp_path.glob("*/metrics.jsonl")):
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(sent)
        out, err = process.communicate(timeout=300)
    assert process.returncode == code
    assert "Traceback" not in err
    assert out.splitlines()[-1].startswith("stopped: ")


def test_keyboard_interrupt_outside_a_run_is_130(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("taskloom.cli.catalogue.installed_domains", interrupt)
    outcome = tasks("list")
    assert (outcome.code, outcome.err) == (130, "interrupted\n")


def test_a_reader_that_has_enough_is_no_error() -> None:
    line = "import sys; from taskloom.cli import main; sys.exit(main(['list', '--json']))"
    env = {**os.environ, "PYTHONPATH": str(GARDEN)}
    with subprocess.Popen(
        [sys.executable, "-c", line], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_a_defect_is_a_sentence_and_debug_shows_where(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise ZeroDivisionError("by\nzero")

    monkeypatch.setattr("taskloom.cli.catalogue.installed_domains", fail)
    outcome = tasks("list")
    assert outcome.code == 1
    assert outcome.err.splitlines()[0] == "error: ZeroDivisionError: by zero"
    assert "Traceback" not in outcome.err
    assert "Traceback" in tasks("--debug", "list").err
    monkeypatch.setenv("TASKLOOM_DEBUG", "1")
    assert "Traceback" in tasks("list").err
