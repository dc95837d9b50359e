"""The errors that taskloom raises, and the exit code each one ends a command with.

    TaskloomError                 1
    |-- UsageError                2   a command line that cannot be understood
    |   |-- UnknownNameError      2   a domain, task, component or parameter that does not exist
    |   `-- ConfigError           2   a value that a config does not accept
    |-- CheckFailedError          3   `tasks check` or `tasks doctor` found something wrong
    |-- MissingExtraError         4   something that this command needs is not installed
    |-- PluginError               4   an installed plugin cannot be loaded
    |-- StoreError                5   the run store cannot be read or written
    |   |-- RunNotFoundError      5   no run has this id
    |   |-- RunCorruptError       5   a run folder cannot be read
    |   `-- StoreLockedError      5   another process holds the run
    |-- RunFailedError            1   the task itself raised
    `-- ProcessLostError          1   a process that shared a run's work is gone: the run counts as crashed, and can go on

Tasks and components raise ordinary exceptions: core classifies them where it calls them, so a plugin author imports nothing
from here.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """Exit codes of the `tasks` command."""

    OK = 0
    FAILED = 1
    USAGE = 2
    CHECK_FAILED = 3
    NOT_INSTALLED = 4
    STORE = 5
    INTERRUPTED = 130
    TERMINATED = 143


class TaskloomError(Exception):
    """An error with one sentence for the user, and perhaps a hint on what to do next.

    Args:
        message: What was wrong, where, and what is allowed, in one sentence.
        hint: The next command to try, or the closest match.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def hint(self) -> str:
        """The next command to try, or the closest match; a note of the exception, so that a traceback shows it too."""
        return self._hint

    @hint.setter
    def hint(self, text: str) -> None:
        notes = [
            note for note in getattr(self, "__notes__", ()) if note != getattr(self, "_hint", "")
        ]
        self._hint = text
        self.__notes__ = [*notes, text] if text else notes


class UsageError(TaskloomError):
    """A command line that cannot be understood."""

    exit_code = ExitCode.USAGE


class UnknownNameError(UsageError):
    """A domain, task, component or parameter that does not exist."""


class ConfigError(UsageError):
    """A value that a config does not accept."""


class CheckFailedError(TaskloomError):
    """A check found something wrong."""

    exit_code = ExitCode.CHECK_FAILED


class MissingExtraError(TaskloomError):
    """Something that this command needs is not installed."""

    exit_code = ExitCode.NOT_INSTALLED


class PluginError(TaskloomError):
    """An installed plugin cannot be loaded."""

    exit_code = ExitCode.NOT_INSTALLED


class StoreError(TaskloomError):
    """The run store cannot be read or written."""

    exit_code = ExitCode.STORE


class RunNotFoundError(StoreError):
    """No run has this id."""


class RunCorruptError(StoreError):
    """A run folder cannot be read.

    Args:
        message: What is damaged, and how, in one sentence.
        hint: What to do next.
        reason: The same without the folder, for a row of a listing that names it; the message if empty.
    """

    def __init__(self, message: str, *, hint: str = "", reason: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason or message.rstrip(".")


class StoreLockedError(StoreError):
    """Another process holds the run."""


class RunFailedError(TaskloomError):
    """The task itself raised, or reported failure."""


class ProcessLostError(TaskloomError):
    """A process that shared the run's work is gone, for no reason of the task's."""
