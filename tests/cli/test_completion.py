"""Completion: what is answered, and that real shells put it on the line."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from taskloom.cli.completion.answer import candidates, split_line

GARDEN = Path(__file__).parent / "garden"


def _found(line: str) -> list[str]:
    words, current = split_line(line)
    return [value for value, _ in candidates(words[1:], current)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("tasks compl", ["completion"]),
        ("tasks gar", ["garden"]),
        ("tasks run gar", ["garden"]),
        ("tasks run garden w", ["wilt", "wait"]),
        ("tasks info garden gr", ["grow"]),
        ("tasks list gard", ["garden"]),
        ("tasks runs s", ["show"]),
        ("tasks garden ", ["water", "taste", "regrow", "weigh", "sniff", "prune"]),
        ("tasks garden water --l", ["--litres="]),
        ("tasks completion ", ["bash", "zsh"]),
        ("tasks run garden grow --feeder=", ["--feeder=drip", "--feeder=flood", "--feeder=mixed"]),
        ("tasks run garden grow --feeder fl", ["flood"]),
        ("tasks run garden grow --feeder.n", ["--feeder.nozzles="]),
        (
            "tasks run garden grow --feeder=flood --feeder.d",
            ["--feeder.depth=", "--feeder.drained"],
        ),
        ("tasks run garden grow --spare=mixed --spare.inner.r", ["--spare.inner.rate="]),
        ("tasks run garden grow --pot.soil=c", ["--pot.soil=clay"]),
        ("tasks run garden grow --shade=", ["--shade=true", "--shade=false"]),
        ("tasks run garden grow --param li", ["light=", "limit="]),
        ("tasks run garden grow --explai", ["--explain"]),
        ("tasks run garden zoo --many.", ["--many.0=", "--many.1=", "--many.2="]),
        ("tasks run garden zoo --herd.", ["--herd.0=", "--herd.0.", "--herd.1=", "--herd.1."]),
        ("tasks run garden zoo --herd.0.d", ["--herd.0.depth=", "--herd.0.drained"]),
        (
            "tasks run garden zoo --herd.5.drained=",
            ["--herd.5.drained=true", "--herd.5.drained=false"],
        ),
        ("tasks run garden zoo --word.", []),
        ("tasks run garden grow --config=", ["<files>"]),
        ("tasks run garden zoo --place=", ["<files>"]),
        ("tasks info garden grow --sch", ["--schema"]),
        ("tasks runs ls --sta", ["--status=", "--stale"]),
        ("tasks nonsense ", []),
        ("tasks run nonsense ", []),
        ("tasks run garden nonsense --", []),
        ("tasks run garden hollow --", []),
        ("tasks garden prune --", []),
        ("tasks run garden grow --feeder=nonsense --", []),
        ("tasks run garden grow '--fee", ["--feeder=", "--feeder.rate=", "--feeder.nozzles="]),
    ],
)
def test_candidates_are_what_could_stand_there(line: str, expected: list[str]) -> None:
    assert _found(line) == expected


def test_candidates_for_a_run_are_the_newest_runs(tasks: Callable[..., Any]) -> None:
    tasks("run", "garden", "grow", "--days=1")
    found = _found("tasks runs show ")
    assert found[0] == "@last"
    assert found[1].endswith(tuple("abcdefghijkmnpqrstuvwxyz23456789"))
    assert "-garden-grow-" in found[1]


def test_completing_names_imports_neither_typer_nor_pydantic(
    tasks_process: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    code = (
        "import os, sys; from taskloom.cli import main; main([]);"
        "heavy = {'typer', 'pydantic', 'rich', 'yaml', 'numpy'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    for line in ("tasks ", "tasks run ", "tasks run garden "):
        env = {
            **os.environ,
            "PYTHONPATH": str(GARDEN),
            "_TASKS_COMPLETE": "bash",
            "_TASKS_LINE": line,
        }
        done = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Return a function that types a line into an interactive shell and returns what the terminal shows."""
    started: list[tuple[subprocess.Popen[bytes], int]] = []

    def type_in(program: str, setup: str, line: str, until: str) -> str:
        bin_folder = tmp_path / "bin"
        bin_folder.mkdir(exist_ok=True)
        script = bin_folder / "tasks"
        script.write_text(
            f"#!{sys.executable}\nimport sys\nfrom taskloom.cli import main\nsys.exit(main())\n"
        )
        script.chmod(0o755)
        env = {
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "PYTHONPATH": str(GARDEN),
            "HOME": str(tmp_path),
            "TERM": "dumb",
            "PS1": "$ ",
        }
        words = (
            [program, "-f", "-i"] if program == "zsh" else [program, "--norc", "--noprofile", "-i"]
        )
        terminal, other_end = pty.openpty()
        # setsid makes the terminal the shell's own, as job control wants it.
        process = subprocess.Popen(
            ["setsid", "--ctty", *words],
            stdin=other_end, stdout=other_end, stderr=other_end, cwd=tmp_path, env=env,
        )  # fmt: skip
        os.close(other_end)
        started.append((process, terminal))
        _write(terminal, f"{setup}\necho set-$((40 + 2))\n")
        _read(terminal, "set-42")
        _write(terminal, line)
        return _read(terminal, until)

    yield type_in
    for process, terminal in started:
        process.kill()
        process.wait()
        os.close(terminal)


def _write(terminal: int, text: str) -> None:
    os.write(terminal, text.encode())


def _read(terminal: int, until: str, seconds: float = 300.0) -> str:
    text, end = "", time.monotonic() + seconds
    while until not in text:
        ready, _, _ = select.select([terminal], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            pytest.fail(f"the shell did not show {until!r} but:\n{text}")
        text += os.read(terminal, 65536).decode(errors="replace")
    return text


_SETUP = {
    "bash": "bind 'set bell-style none'; source <(tasks completion bash)",
    "zsh": "zstyle ':completion:*' insert-tab false; autoload -U compinit; compinit -u -d ./zcompdump; source <(tasks completion zsh)",
}


@pytest.mark.parametrize("program", ["bash", "zsh"])
@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("echo; tasks list gar\t", "Grow one plant"),
        ("tasks run garden gr\t --feeder=fl\t --feeder.dep\t2 --explain", "feeder.depth"),
        ("tasks run garden grow --pri\t --config=edi\t", 'name = "chard"'),
    ],
)
def test_shell_completes(
    shell: Callable[..., str], program: str, typed: str, shown: str, tmp_path: Path
) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    (tmp_path / "edited.toml").write_text("name = 'chard'\n")
    shell(program, _SETUP[program], f"{typed}\n", shown)


@pytest.mark.parametrize("program", ["bash", "zsh"])
def test_shell_lists_the_choices(shell: Callable[..., str], program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    text = shell(program, _SETUP[program], "tasks run garden \t\t", "hollow")
    assert "drought" in text


def test_completion_refuses_a_shell_that_it_does_not_know(tasks: Callable[..., Any]) -> None:
    outcome = tasks("completion", "bsh")
    assert outcome.code == 2
    assert (
        outcome.err
        == "error: no completion for 'bsh': must be one of bash, zsh\nhint: did you mean 'bash'?\n"
    )
