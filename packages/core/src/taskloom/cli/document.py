"""The one JSON document that stdout holds under `--json`, whatever plugins, tasks and child programs print.

While a command runs, stdout leads to stderr, and `print_json` keeps the document. A verb may also print its document itself:
what it prints is then looked through when it is over.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, TextIO

from taskloom.system.descriptors import close_copy, private_copy

_OPTION = "--json"
# Their documents go through `print_json`; a verb of a plugin may know nothing of it.
_OWN = frozenset(
    [
        "check",
        "doctor",
        "info",
        "list",
        "new",
        "report",
        "resume",
        "run",
        "runs",
        "study",
        "sweep",
        "view",
    ]
)


class Document:
    """The document of a command, if it is asked for.

    Attributes:
        is_wanted: Whether stdout is to hold one JSON document and nothing else.
    """

    def __init__(self) -> None:
        self.is_wanted = False
        self._text: str | None = None
        self._failure: str | None = None

    @contextmanager
    def alone(self, words: Sequence[str]) -> Iterator[None]:
        """Keep everything but the document off stdout while a command runs, if its words ask for JSON."""
        if not wants_document(words):
            yield
            return
        self.is_wanted, self._text, self._failure = True, None, None
        stdout = sys.stdout
        try:
            with _aside(stdout, is_kept=words[0] not in _OWN) as printed:
                yield
                stdout.flush()
                found = printed()
            if self._text is None and _is_json(found):
                self._text = found
            elif found:
                sys.stderr.write(found)
        finally:
            self.is_wanted = False
            stdout.write(self._text or self._failure or _EMPTY)
            with contextlib.suppress(BrokenPipeError):
                stdout.flush()

    def put(self, value: object) -> None:
        """Print a value as JSON, or keep it until the command is over; a later one takes the place of an earlier one."""
        text = _written(value)
        if self.is_wanted:
            self._text = text
        else:
            sys.stdout.write(text)

    def put_failure(self, kind: str, message: str, hint: str, code: int) -> None:
        """Keep what is printed of a command that failed, unless it has a document of its own."""
        if self.is_wanted:
            error = {"type": kind, "message": message, "hint": hint}
            self._failure = _written({"error": error, "exit": code})


DOCUMENT = Document()
_EMPTY = '{\n  "exit": 0\n}\n'
"""The document of a command that has nothing to tell."""


def _written(value: object) -> str:
    import json  # 3 ms that `tasks --version` does without

    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def wants_document(words: Sequence[str]) -> bool:
    """Return whether a command line asks for one JSON document."""
    said = words[: words.index("--")] if "--" in words else words
    return _OPTION in said and not {"--help", "-h"}.intersection(said)


@contextmanager
def _aside(stdout: TextIO, *, is_kept: bool) -> Iterator[Any]:
    """Lead stdout to stderr, or to a place where it is kept; yields what returns that."""
    try:
        is_own = stdout.fileno() == 1
    except (OSError, ValueError):
        is_own = False
    if not is_own:
        scratch = io.StringIO()
        sys.stdout = scratch if is_kept else sys.stderr
        try:
            yield scratch.getvalue
        finally:
            sys.stdout = stdout
        return
    stdout.flush()
    saved = private_copy(1)
    file: IO[bytes] | None = None
    if is_kept:
        import tempfile  # only for verbs

        file = tempfile.TemporaryFile()  # noqa: SIM115 -- closed below
    os.dup2(2 if file is None else file.fileno(), 1)
    try:
        yield lambda: _content(file)
    finally:
        stdout.flush()
        os.dup2(saved, 1)
        close_copy(saved)
        if file is not None:
            file.close()


def _content(file: IO[bytes] | None) -> str:
    if file is None:
        return ""
    file.seek(0)
    return file.read().decode("utf-8", "backslashreplace")


def _is_json(text: str) -> bool:
    import json

    try:
        json.loads(text)
    except ValueError:
        return False
    return True
