"""The one place where errors become a sentence and an exit code."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Sequence

from taskloom.cli.document import DOCUMENT
from taskloom.cli.streams import StandardStreams
from taskloom.errors import ExitCode, TaskloomError, UsageError
from taskloom.lifecycle.terminal import fitted
from taskloom.plain import escaped
from taskloom.secrets.redaction import KNOWN

_REFUSALS = frozenset(
    getattr(errno, name)
    for name in [
        "EACCES",
        "EDQUOT",
        "EIO",
        "ELOOP",
        "EMFILE",
        "ENAMETOOLONG",
        "ENFILE",
        "ENOSPC",
        "ENOTDIR",
        "EPERM",
        "EROFS",
        "ESTALE",
    ]
    if hasattr(errno, name)
)
"""Reasons for which a system refuses a file, whatever the program did."""
_RUNNING = frozenset({"run", "sweep", "resume", "study"})
"""The commands whose result is in the store, whatever becomes of what they print."""


def guarded(command: Callable[[], int], *, debug: bool = False) -> int:
    """Run a command and return its exit code; whatever it raises becomes a sentence on stderr.

    Args:
        command: What to run.
        debug: Print the traceback of an error as well.
    """
    try:
        code = command()
        sys.stdout.flush()
    except BrokenPipeError:  # by a stream that is not our own: the reader has enough
        return ExitCode.OK
    except KeyboardInterrupt:
        return _told("KeyboardInterrupt", "interrupted", "", ExitCode.INTERRUPTED, label="")
    except Exception as error:
        if debug:
            import traceback  # 8 ms

            _write(KNOWN.text(traceback.format_exc()))
        return _tell(error)
    return code


def readable(words: Sequence[str]) -> list[str]:
    """Return the words of a command line as text, whatever the locale took them for.

    Under a locale that cannot decode them, words of UTF-8 are what they are everywhere else.

    Raises:
        UsageError: A word is no text in UTF-8; the message names its option.
    """
    return [word if word.isascii() else _decoded(word) for word in words]


def code_with(streams: StandardStreams, words: Sequence[str], code: int) -> int:
    """Return the exit code of a command, given what became of its output.

    A run is over whether or not its last lines could be shown. Of a command that only prints, lost output is a failure.
    """
    lost = streams.lost()
    if not lost or code or (words[:1] and words[0] in _RUNNING):
        return code
    _say(f"error: stdout cannot be written: {lost.lower()}")
    return ExitCode.STORE


def _decoded(word: str) -> str:
    try:
        return os.fsencode(word).decode()
    except UnicodeEncodeError:  # a call from Python, with a text that no command line holds
        return word
    except UnicodeDecodeError as error:
        name, equals, _ = word.partition("=")
        where = f"the value of {name}" if equals and name.startswith("-") else repr(word)[1:-1]
        raise UsageError(
            f"{where} is no text in UTF-8: byte {error.object[error.start]:#04x} at position {error.start} begins no character.",
            hint="write it in UTF-8",
        ) from None


def _tell(error: Exception) -> int:
    kind = type(error).__name__
    if isinstance(error, TaskloomError):
        return _told(kind, error.message, error.hint, error.exit_code)
    # Typer's own errors; their common base class is not public.
    format_message = getattr(error, "format_message", None)
    if format_message is not None:
        path = getattr(getattr(error, "ctx", None), "command_path", "tasks")
        code = int(getattr(error, "exit_code", ExitCode.USAGE))
        return _told("UsageError", _sentence(format_message()), f"{path} --help", code)
    if isinstance(error, OSError) and error.filename and error.errno in _REFUSALS:
        message = f"{error.strerror}: {_sentence(str(error.filename))}"
        return _told(kind, message, "", ExitCode.STORE)
    from taskloom.cli.frames import foreign_place  # asks which plugins are installed

    place = foreign_place(error)
    culprit = f"a plugin, at {place}" if place else "taskloom"
    hint = f"this is a defect of {culprit}; TASKLOOM_DEBUG=1 shows the way there"
    return _told(kind, f"{kind}: {_sentence(str(error))}", hint, ExitCode.FAILED)


def _told(kind: str, message: str, hint: str, code: int, *, label: str = "error: ") -> int:
    """Tell of an error on stderr, and in the document of the command if one is asked for; return the exit code."""
    message, hint = KNOWN.text(message), KNOWN.text(hint)
    for line in message.splitlines() or [""]:
        _say(f"{label}{line}")
    for position, line in enumerate(hint.splitlines()):
        _say(line if position else f"hint: {line}")
    DOCUMENT.put_failure(kind, message, hint, int(code))
    return code


def _sentence(text: str) -> str:
    return " ".join(text.split())


def _say(line: str) -> None:
    # The text may hold anything that a file or an environment held.
    _write(f"{fitted(escaped(line), sys.stderr)}\n")


def _write(text: str) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):  # no reader is left
        sys.stderr.write(text)
        sys.stderr.flush()
