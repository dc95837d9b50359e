"""State of the repositories in which the code lies, asked of git while the run goes on."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from taskloom.runs.provenance import strip_credentials
from taskloom.system.processes import own_session

GRACE = 5.0
"""Time that git is given after the run has ended [s]."""
NO_ANSWER = f"git did not answer in {GRACE:g} s"


@dataclass
class Repository:
    """State of one repository.

    Attributes:
        top: Its top folder.
        facts: What goes into `env.json`.
        changed: Paths with uncommitted changes, relative to the top.
        missing: Why its commit is not known, as a clause; empty if it is.
    """

    top: Path
    facts: dict[str, Any] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    missing: str = ""


def repository_of(folder: Path) -> Path | None:
    """Return the top of the repository that a folder lies in; None outside of one. Git itself is not asked."""
    place = Path(os.path.abspath(folder))
    return next((path for path in (place, *place.parents) if (path / ".git").exists()), None)


class GitQuestion:
    """Questions about one repository, asked at once and answered while the run goes on.

    Args:
        top: Its top folder.
    """

    def __init__(self, top: Path) -> None:
        self.top = top
        # Side by side: where git is slow, each question is.
        self._head = _Asked(top, "rev-parse", "HEAD", "--abbrev-ref", "HEAD")
        self._remote = _Asked(top, "config", "--get", "remote.origin.url")
        self._status = _Asked(top, "status", "--porcelain", "-z", "--untracked-files=no")

    def answer(self, deadline: float) -> Repository:
        """Return what is known at the deadline, by the monotonic clock [s]."""
        head, remote, status = (
            item.wait(deadline) for item in (self._head, self._remote, self._status)
        )
        found = Repository(self.top)
        if head is None:
            found.missing = self._head.failure
            return found
        lines = [*head.split("\n"), "", ""]
        if not lines[0]:
            return found  # a repository without a commit
        found.changed = _changed(status or "")
        found.facts = {
            "sha": lines[0],
            "branch": lines[1],
            "dirty": bool(found.changed) if status is not None else None,
            "remote": strip_credentials((remote or "").strip()),
        }
        return found


def difference(repository: Repository, paths: Sequence[str], deadline: float) -> str:
    """Return the uncommitted difference of some files; empty if there is none, or if git does not answer in time.

    Args:
        repository: The state of the repository.
        paths: Paths relative to its top.
        deadline: Time by the monotonic clock [s].
    """
    if not paths:
        return ""
    words = ("diff", "HEAD", "--no-ext-diff", "--no-color", "--", *paths)
    return _Asked(repository.top, *words).wait(deadline) or ""


class _Asked:
    """One question, in a thread of its own.

    Args:
        folder: Where git is started.
        *words: Its arguments.
    """

    def __init__(self, folder: Path, *words: str) -> None:
        self.failure = NO_ANSWER
        self._text: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._process = subprocess.Popen(
                ["git", "--no-optional-locks", *words],
                cwd=folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                # Ctrl-C in the terminal is meant for the run, not for the git that it happens to be asking.
                **own_session(),
            )
        except OSError as error:
            self.failure = f"git cannot be started ({(error.strerror or str(error)).lower()})"
            return
        self._thread = threading.Thread(
            target=self._read, args=(self._process,), name="taskloom-git", daemon=True
        )
        self._thread.start()

    def wait(self, deadline: float) -> str | None:
        """Return what git printed, empty if it failed; None if it does not end in time."""
        if self._process is None:
            return None
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive():
            with suppress(OSError):
                self._process.kill()
        return self._text

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        with process:
            out = process.communicate()[0]
        if process.returncode >= 0:
            self._text = out.decode(errors="replace") if process.returncode == 0 else ""


def _environment() -> dict[str, str]:
    # A stray GIT_DIR would describe another repository; LC_ALL keeps the output in one language.
    clean = {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}
    return {**clean, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}


def _changed(text: str) -> list[str]:
    """Return the changed paths of `git status --porcelain -z`."""
    changed = []
    parts = iter(text.split("\0"))
    for part in parts:
        if part:
            changed.append(part[3:])
            if "R" in part[:2] or "C" in part[:2]:
                next(parts, "")  # the name before
    return changed
