"""What a run prints: kept whole or by its two ends, shown on stderr, and never in the way of a person at the terminal."""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from taskloom.lifecycle import output_file
from taskloom.lifecycle.capture import captured
from taskloom.lifecycle.console import PlainConsole, SilentConsole, open_console
from taskloom.lifecycle.output_file import OutputFile
from taskloom.runs.output import last_lines
from taskloom.secrets.redaction import Redactor

# Children are forked here, in a worker that other tests may have loaded JAX into; they use nothing of it.
pytestmark = pytest.mark.filterwarnings("ignore:os.fork")

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="a child is forked")


def in_child(folder: Path, work: Callable[[], None]) -> tuple[str, str, str]:
    """Run the work in a forked child with streams of its own; return stdout, stderr and what was kept."""
    paths = [folder / "stdout", folder / "stderr"]
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            for number, path, name in zip((1, 2), paths, ("stdout", "stderr"), strict=True):
                target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
                os.dup2(target, number)
                setattr(sys, name, io.TextIOWrapper(os.fdopen(number, "wb", closefd=False)))
            work()
            sys.stdout.flush()
            code = 0
        except BaseException as error:
            os.write(2, f"raised {error!r}".encode())
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    out, err = (path.read_text() for path in paths)
    assert status == 0, err
    kept = folder / "output.txt"
    return out, err, kept.read_text() if kept.exists() else ""


def keeping(folder: Path, work: Callable[[], None], *, quiet: bool = False) -> Callable[[], None]:
    """Return work that runs while its output is captured, and prints one line before and after."""

    def run() -> None:
        print("before")
        with captured(open_console(quiet=quiet)) as output:
            output.keep(folder / "output.txt")
            assert output.not_kept == ""
            work()
        print("after")

    return run


@needs_fork
def test_everything_is_kept_in_order_and_shown_on_stderr(tmp_path: Path) -> None:
    def work() -> None:
        print("printed \u20ac")
        subprocess.run(["echo", "of a child"], check=True)
        os.write(1, b"raw\n")
        sys.stderr.write("to stderr\n")
        ctypes.CDLL(None).printf(b"of C\n")
        print("half a line", end="")

    out, err, kept = in_child(tmp_path, keeping(tmp_path, work))
    assert out == "before\nafter\n"
    assert err == kept
    assert kept.startswith("printed \u20ac\nof a child\nraw\nto stderr\n")
    assert sorted(kept.splitlines()[-2:]) == ["half a line", "of C"] or kept.endswith(
        "half a lineof C\n"
    )


@needs_fork
@pytest.mark.parametrize(
    "closes",
    [lambda: os.close(1), lambda: [sys.stdout.close()], lambda: setattr(sys, "stdout", None)],
)
def test_stdout_comes_back_whatever_the_task_did_to_it(
    tmp_path: Path, closes: Callable[[], object]
) -> None:
    def work() -> None:
        print("kept")
        closes()

    out, err, kept = in_child(tmp_path, keeping(tmp_path, work, quiet=True))
    assert (out, err, kept) == ("before\nafter\n", "", "kept\n")


@needs_fork
def test_a_child_that_outlives_the_run_delays_nothing(tmp_path: Path) -> None:
    def work() -> None:
        subprocess.Popen(["sh", "-c", "echo begun; sleep 300"]).wait(0.5)

    def patient() -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            work()

    began = time.monotonic()
    _, _, kept = in_child(tmp_path, keeping(tmp_path, patient))
    assert kept == "begun\n"
    assert time.monotonic() - began < 150


@needs_fork
def test_an_inner_run_keeps_its_own_and_the_outer_one_both(tmp_path: Path) -> None:
    inner = tmp_path / "inner.txt"

    def work() -> None:
        print("outer")
        with captured(open_console()) as output:
            output.keep(inner)
            print("inner")
        print("outer again")

    out, _, kept = in_child(tmp_path, keeping(tmp_path, work))
    assert inner.read_text() == "inner\n"
    assert kept == "outer\ninner\nouter again\n"
    assert out == "before\nafter\n"


@needs_fork
def test_a_prompt_goes_to_stderr_and_what_follows_is_kept(tmp_path: Path) -> None:
    def work() -> None:
        sys.stdin = io.StringIO("Ada\n")
        print("first")
        print("hello", input("Name? "))

    out, err, kept = in_child(tmp_path, keeping(tmp_path, work))
    assert out == "before\nafter\n"
    assert err == "first\nName? hello Ada\n"
    assert kept == "first\nhello Ada\n"


@needs_fork
@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
def test_a_debugger_gets_the_terminal(tmp_path: Path) -> None:
    import pdb
    import pty

    def work() -> None:
        print("first")
        found = 41
        breakpoint()
        print("last", found)

    pid, terminal = pty.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            for number, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
                stream = os.fdopen(number, "r" if number == 0 else "w", closefd=False)
                setattr(sys, name, stream)
            # pytest has put its own debugger in the place of Python's.
            sys.breakpointhook = lambda: pdb.Pdb().set_trace(sys._getframe(1))
            keeping(tmp_path, work)()
            sys.stdout.flush()
        os._exit(0)
    shown = b""
    answers = [(b"(Pdb) ", b"found + 1\n"), (b"42", b"continue\n"), (b"\0", b"")]
    for awaited, answer in answers:
        with contextlib.suppress(OSError):  # the end of a terminal
            while awaited not in shown:
                if not (data := os.read(terminal, 4096)):
                    break
                shown += data
            os.write(terminal, answer)
    os.waitpid(pid, 0)
    os.close(terminal)
    assert b"last 41" in shown
    assert (tmp_path / "output.txt").read_text().startswith("first\n[a debugger was opened")


def test_where_streams_are_not_the_process_own_they_are_copied(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with captured(PlainConsole(io.StringIO())) as output:
        print("early")
        output.keep(tmp_path / "output.txt")
        print("late", file=sys.stderr)
        with captured(SilentConsole()) as inner:
            inner.keep(tmp_path / "inner.txt")
            print("quiet")
    assert (tmp_path / "output.txt").read_text() == "early\nlate\n"
    assert (tmp_path / "inner.txt").read_text() == "quiet\n"
    assert capsys.readouterr() == ("early\n", "late\n")


def test_reasons_to_leave_the_streams_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    before = sys.stdout, sys.stderr
    with captured(SilentConsole(), "--capture=no") as output:
        assert (sys.stdout, sys.stderr) == before
        assert output.not_kept == "--capture=no"
    monkeypatch.setenv("PYTHONBREAKPOINT", "ipdb.set_trace")
    with captured(SilentConsole()) as output:
        assert (sys.stdout, sys.stderr) == before
        assert output.not_kept == "a debugger is at work"


def test_two_runs_in_two_threads_do_not_take_the_streams_from_each_other() -> None:
    told: list[str] = []

    def second() -> None:
        with captured(SilentConsole()) as output:
            told.append(output.not_kept)

    with captured(SilentConsole()):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert told == ["another run of this process has the output"]


@given(st.lists(st.binary(min_size=1, max_size=700), max_size=30), st.integers(0, 30))
def test_a_long_output_keeps_its_two_ends(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], attempt: int
) -> None:
    path = tmp_path_factory.mktemp("output") / "output.txt"
    limit = 1000
    for part in (pieces[:attempt], pieces[attempt:]):  # a resumed run goes on in the file
        file = OutputFile(limit)
        file.keep(path)
        for piece in part:
            file.write(piece)
        file.close()
    whole, kept = b"".join(pieces), path.read_bytes()
    if len(whole) <= limit:
        assert kept == whole
        return
    assert len(kept) <= limit
    head, _, rest = kept.partition(b"\n[... ")
    count, _, tail = rest.partition(b" bytes left out ...]\n")
    assert whole.startswith(head)
    assert whole.endswith(tail)
    assert len(head) + int(count) + len(tail) == len(whole)
    assert len(head) == limit // 2
    assert len(tail) > limit // 3


def test_a_secret_is_kept_out_across_the_borders_of_what_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Redactor()
    known.learn(["sk-LEAKED-12"])
    monkeypatch.setattr(output_file, "KNOWN", known)
    file = OutputFile()
    shown = file.write(b"before any file sk-LE")
    file.keep(tmp_path / "output.txt")
    for piece in (b"AKED", b"-12 and sk", b"-LEAKED-1", b"3"):
        shown += file.write(piece)
    shown += file.close()
    assert (tmp_path / "output.txt").read_bytes() == shown
    assert shown == b"before any file <secret> and sk-LEAKED-13"


def test_output_that_cannot_be_kept_is_lost_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("as it was")
    (tmp_path / "output.txt").symlink_to(tmp_path / "target")
    file = OutputFile()
    file.keep(tmp_path / "output.txt")
    assert file.write(b"text") == b"text"
    file.close()
    assert (tmp_path / "target").read_text() == "as it was"


def test_the_last_lines_are_read_from_the_end(tmp_path: Path) -> None:
    (tmp_path / "output.txt").write_text("".join(f"line {number}\n" for number in range(50_000)))
    assert last_lines(tmp_path, 2) == (["line 49998", "line 49999"], True)
    (tmp_path / "output.txt").write_text("one\ntwo")
    assert last_lines(tmp_path, 2) == (["one", "two"], False)
    assert last_lines(tmp_path / "missing", 2) == ([], False)


CRASH = """
import ctypes, sys
from pathlib import Path
from taskloom.lifecycle.capture import captured
from taskloom.lifecycle.console import SilentConsole
from taskloom.placement import zygote

def crash():
    ctypes.string_at(0)

path = Path(sys.argv[1])
zygote._redirect(path)
with captured(SilentConsole()) as output:
    output.keep(path)
    print("begun", flush=True)
    output.settle()
    crash()
"""


def test_the_place_of_a_native_crash_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "output.txt"
    assert subprocess.run([sys.executable, "-c", CRASH, str(path)], check=False).returncode < 0
    kept = path.read_text()
    assert kept.startswith("begun\nFatal Python error: Segmentation fault")
    assert " in crash\n" in kept
