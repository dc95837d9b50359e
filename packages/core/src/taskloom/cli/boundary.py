"""The one place where errors become a sentence and an exit code."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import traceback
from collections.abc import Callable

from taskloom.errors import ExitCode, TaskloomError
from taskloom.plain import escaped


def guarded(command: Callable[[], int], *, debug: bool = False) -> int:
    """Run a command and return its exit code; whatever it raises becomes a sentence on stderr.

    Args:
        command: What to run.
        debug: Print the traceback of an error as well.
    """
    _print_anything()
    try:
        code = command()
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_stdout()  # `tasks list | head`: the reader has enough, which is no error
        return ExitCode.OK
    except KeyboardInterrupt:
        _say("interrupted")
        return ExitCode.INTERRUPTED
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _tell(error)
    return code


def _tell(error: Exception) -> int:
    if isinstance(error, TaskloomError):
        for line in error.message.splitlines() or [""]:
            _say(f"error: {line}")
        for position, line in enumerate(error.hint.splitlines()):
            _say(line if position else f"hint: {line}")
        return error.exit_code
    # Typer's own errors; their common base class is not public.
    format_message = getattr(error, "format_message", None)
    if format_message is not None:
        _say(f"error: {_sentence(format_message())}")
        path = getattr(getattr(error, "ctx", None), "command_path", "tasks")
        _say(f"hint: {path} --help")
        return int(getattr(error, "exit_code", ExitCode.USAGE))
    _say(f"error: {type(error).__name__}: {_sentence(str(error))}")
    _say("hint: this is a defect of taskloom or of a plugin; TASKLOOM_DEBUG=1 shows where")
    return ExitCode.FAILED


def _sentence(text: str) -> str:
    return " ".join(text.split())


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # no reader is left
        # The text may hold anything that a file or an environment held.
        sys.stderr.write(f"{escaped(line)}\n")
        sys.stderr.flush()


def _print_anything() -> None:
    """Let no character stop a command: neither one that the terminal's encoding lacks, nor a file name of odd bytes."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        is_utf8 = sys.stdout.encoding.lower().replace("-", "") == "utf8"
        sys.stdout.reconfigure(errors="surrogateescape" if is_utf8 else "backslashreplace")


def _drop_stdout() -> None:
    """Point stdout at nothing, so that Python's own flush at exit does not fail again."""
    with contextlib.suppress(OSError, ValueError):  # stdout is not a file, as in a test
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
