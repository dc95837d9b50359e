"""The command `tasks` as the cases use it: in a process of its own, in this one, or as a viewer."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest
from taskloom.cli import main

COMMAND = str(Path(sys.executable).with_name("tasks"))
Answer = subprocess.CompletedProcess[str]
# From a path and a query to the status and the text of a page.
Get = Callable[..., tuple[int, str]]


@dataclass(frozen=True)
class Tasks:
    """The command `tasks` with a store of its own.

    Attributes:
        environment: Its variables, without the caller's settings.
        capture: Where the output of a command line in this process is read.
    """

    environment: Mapping[str, str]
    capture: pytest.CaptureFixture[str]

    def run(
        self,
        *words: object,
        cwd: Path | None = None,
        timeout: float = 300,
        input: str = "",
        **variables: str,
    ) -> Answer:
        """Run a command line in a process of its own."""
        return subprocess.run(
            [COMMAND, *map(str, words)],
            env={**self.environment, **variables},
            cwd=cwd or self.store.parent,
            input=input,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )

    def call(self, *words: object, cwd: Path | None = None, **variables: str) -> Answer:
        """Run a command line in this process: for cases to which a fresh process means nothing."""
        self.capture.readouterr()
        with (
            patch.dict(os.environ, {**self.environment, **variables}, clear=True),
            contextlib.chdir(cwd or self.store.parent),
        ):
            code = main([str(word) for word in words])
        out, err = self.capture.readouterr()
        return subprocess.CompletedProcess(words, int(code), out, err)

    @contextlib.contextmanager
    def start(
        self, *words: object, cwd: Path | None = None, **streams: int
    ) -> Iterator[subprocess.Popen[str]]:
        """Start a command line in a session of its own, and end it with the block."""
        quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        process = subprocess.Popen(
            [COMMAND, *map(str, words)],
            env=self.environment,
            cwd=cwd or self.store.parent,
            start_new_session=True,
            text=True,
            **{**quiet, **streams},
        )
        with process:
            try:
                yield process
            finally:
                process.kill()

    @contextlib.contextmanager
    def view(self) -> Iterator[Get]:
        """Run the viewer and give a function that asks it for pages."""
        with self.start("view", "--port", "0", stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            address = re.search(r"http://\S+", process.stdout.readline())
            assert address is not None
            opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())

            def get(path: str = "", query: str = "") -> tuple[int, str]:
                place = address[0].partition("?")[0] + path + (f"?{query}" if query else "")
                try:
                    with opener.open(place, timeout=300) as page:
                        return page.status, page.read().decode()
                except urllib.error.HTTPError as error:
                    error.close()
                    return error.code, ""

            # The printed address has the token; the cookie that it brings stands for it from then on.
            with contextlib.suppress(urllib.error.HTTPError):
                opener.open(address[0], timeout=300).close()
            yield get

    @property
    def store(self) -> Path:
        """The folder of the runs."""
        return Path(self.environment["TASKS_STORE"])

    def records(self) -> list[Path]:
        """Return the folders of the runs, oldest first."""
        return sorted(path.parent for path in self.store.glob("*/run.json"))


def edit(path: Path, text: str) -> None:
    """Write a file as an editor does some seconds after all that was there before.

    Bytecode is told from its source by whole seconds and size alone, so two writes of one size
    within a second are one source to Python.
    """
    before = path.stat().st_mtime if path.exists() else 0.0
    path.write_text(text)
    seconds = max(before, path.stat().st_mtime) + 5
    os.utime(path, (seconds, seconds))


def done(answer: Answer) -> Answer:
    """Return the answer of a command that succeeded; without it the case cannot be judged."""
    if answer.returncode:
        raise RuntimeError(f"exit code {answer.returncode}: {answer.stderr[-2000:]}")
    return answer


def metrics(answer: Answer) -> dict[str, float]:
    """Return the metrics that a run printed as JSON."""
    return dict(json.loads(done(answer).stdout)["metrics"])


def is_sentence_about(name: str, answer: Answer) -> bool:
    """Return whether a command that failed says so in words of ours that name a file."""
    told = answer.stderr
    return name in told and "defect" not in told and "Traceback" not in told
