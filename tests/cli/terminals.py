"""A process that has imported the commands and no plugin, and forks for each command line: `python terminals.py`.

It reads `[words, folder, stdout, stderr, columns, encoding]` as JSON, one a line, and runs the command in a child with the
streams as a shell would hand them over; then it writes the exit code. A test that forked itself would fork with the threads
of whatever the tests before it have imported.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

import taskloom.api  # warms the children up
import taskloom.report.page  # noqa: F401 -- likewise
from taskloom.cli import main


def become(
    words: list[str], folder: Path, streams: dict[int, str], columns: int, encoding: str
) -> NoReturn:
    """Stand where a fresh interpreter would, and run the command line."""
    code = 99
    try:
        os.chdir(folder)
        os.environ["COLUMNS"] = str(columns)
        os.environ["TASKS_STORE"] = "runs"
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        names = {1: "stdout", 2: "stderr"}
        for number, kind in streams.items():
            lead(number, kind, folder / names[number])
            stream = None
            if kind != "closed":
                stream = io.TextIOWrapper(os.fdopen(number, "wb", closefd=False), encoding)
            setattr(sys, names[number], stream)
            setattr(sys, f"__{names[number]}__", stream)
        sys.argv = ["tasks", *words]
        code = main()
    except BaseException as error:
        with contextlib.suppress(Exception):
            sys.stderr.write(f"Traceback: {error!r}")
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        with contextlib.suppress(Exception):
            sys.stderr.flush()
        os._exit(code)


def lead(number: int, kind: str, path: Path) -> None:
    """Lead a standard descriptor to a file, to nothing, to a full disk, or to a reader that has gone."""
    if kind == "closed":
        os.close(number)
        return
    if kind == "gone":
        reader, target = os.pipe()
        os.close(reader)
    else:
        target = os.open("/dev/full" if kind == "full" else path, os.O_WRONLY)
    os.dup2(target, number)
    os.close(target)


for line in sys.stdin:
    words, folder, out, err, columns, encoding = json.loads(line)
    pid = os.fork()
    if pid == 0:
        become(words, Path(folder), {1: out, 2: err}, columns, encoding)
    sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
    sys.stdout.flush()
