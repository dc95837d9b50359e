"""A small process that has imported the core and forks a worker for each run: `python -m taskloom.placement.zygote`.

A fresh interpreter spends a third of a second on imports before a run begins. The zygote has spent it once, has no threads and
has loaded no task, so forking it is safe and takes a few milliseconds; the task's own libraries are imported in the worker.

It reads `[folder, secrets]`, one JSON list a line, from its standard input and writes `["started", folder, pid]` and
`["ended", folder, code]` to its standard output. When its input ends, because its submitter closed it or died, it waits for
its workers and ends. It has a process group of its own, so that Ctrl-C reaches a worker once, forwarded by the submitter.
"""

from __future__ import annotations

import faulthandler
import json
import os
import select
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from taskloom.config import Config
from taskloom.placement.worker import NO_REPORT, main as work
from taskloom.registry.discovery import freeze, installed_domains
from taskloom.secrets import vault
from taskloom.secrets.redaction import KNOWN
from taskloom.system import processes
from taskloom.system.files import open_plain

_OUTPUT = "output.txt"


class Zygote:
    """The loop: fork for each folder that is read, report each worker that ends."""

    def __init__(self) -> None:
        self._workers: dict[int, str] = {}
        self._pending = b""
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_writer, False)
        os.set_blocking(self._wake_reader, False)

    def run(self) -> None:
        """Serve until the input has ended and every worker with it."""
        processes.wake_for_children(self._wake_writer)
        waiting = [0, self._wake_reader]
        while 0 in waiting or self._workers:
            ready, _, _ = select.select(waiting, [], [])
            if self._wake_reader in ready:
                os.read(self._wake_reader, 4096)
            self._reap()
            if 0 in ready and not self._read():
                waiting.remove(0)

    def _read(self) -> bool:
        """Read what the submitter says; False when it has said all."""
        data = os.read(0, 65536)
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            self._start(*json.loads(line))
        return bool(data)

    def _start(self, folder: str, secrets: list[Any]) -> None:
        pid = processes.fork()
        if pid == 0:
            self._become_worker(folder, secrets)
        self._workers[pid] = folder
        _say("started", folder, pid)

    def _reap(self) -> None:
        while self._workers:
            ended = processes.reap()
            if ended is None:
                return
            pid, code = ended
            _say("ended", self._workers.pop(pid), code)

    def _become_worker(self, folder: str, secrets: list[Any]) -> NoReturn:
        """Never returns into the zygote's loop, whatever happens."""
        code = 1
        try:
            processes.wake_for_children(-1)
            os.close(self._wake_reader)
            os.close(self._wake_writer)
            _redirect(Path(folder) / _OUTPUT)
            vault.unpack(str(Path(folder).absolute()), secrets)
            code = work([NO_REPORT, folder])
        except BaseException as error:
            sys.stderr.write(KNOWN.text("".join(traceback.format_exception(error))))
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)


class _Warm(Config):
    """Validated once here: pydantic looks for its plugins at the first validation, which takes it 20 ms."""


def _redirect(path: Path) -> None:
    """Send what is printed outside of the run, and the place of a native crash, into the run folder."""
    output = open_plain(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.close(nothing)
    # Past the pipe of the run, whose reader dies with the process. It stays open, and holds places and no values.
    faulthandler.enable(output)


def _say(event: str, folder: str, number: int) -> None:
    try:
        os.write(1, json.dumps([event, folder, number]).encode() + b"\n")
    except BrokenPipeError:
        return  # the submitter is gone; the runs go on, and their folders tell how they went


if __name__ == "__main__":
    # Imported before it forks, for the workers.
    for name in ("taskloom.params", "taskloom.placement.folder"):
        import_module(name)
    freeze()
    installed_domains()  # read once here, and not in every worker; manifests import nothing heavy
    _Warm.model_validate({})
    processes.fail_on_broken_pipes()
    Zygote().run()
