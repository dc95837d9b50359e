"""Records of a request beside a task's config: options of the run, and its origin. Neither changes what is computed.

One field here is one option of `tasks run` and `tasks sweep`, and one argument of `taskloom.run` and `taskloom.sweep`. To add a
run option, add a field (to `KeptOptions` if the run's folder has to remember it) and use it where it matters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from taskloom.context import Resources
from taskloom.errors import UsageError
from taskloom.settling import settle

WATCHED = "watch"
"""Kind of origin of a run that a person steered: what it did is more than its config, so it answers no command."""


@dataclass(frozen=True, slots=True)
class Flag:
    """Form of a field on the command line.

    Attributes:
        metavar: The word that stands for its value in help; empty for a switch.
        help: Its sentence in help; the field's own documentation if empty.
        each: The same where it counts for every run of a sweep; `help` if empty.
        spelling: Its names; those of the field if empty.
        names: The entry-point group whose names `{names}` in a sentence stands for.
    """

    metavar: str = ""
    help: str = ""
    each: str = ""
    spelling: tuple[str, ...] = ()
    names: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptOptions:
    """The part of a run's options that its folder keeps.

    Attributes:
        name: A name for the run.
        tags: Tags for the run.
        resources: What the run may use.
        sinks: Destinations of metrics besides the run's folder.
        keep_best: Keep the checkpoint at which this metric was best, besides the newest.
        parent: The run that this one goes on from.
        report: Whether to write the report page (yes) or not (no); without a word a run does, and one of a sweep does not.
    """

    name: Annotated[str, Flag("TEXT")] = ""
    tags: Annotated[
        Sequence[str], Flag("TEXT", "A tag for the run. Repeatable.", spelling=("--tag",))
    ] = ()
    resources: Resources = field(default_factory=Resources)
    sinks: Annotated[
        Sequence[str],
        Flag(
            "NAME",
            "Send metrics to {names} too.",
            "Send metrics to {names} too. Repeatable.",
            ("--sink",),
            "taskloom.sinks",
        ),
    ] = ()
    keep_best: Annotated[str, Flag("METRIC:min|max")] = ""
    parent: Annotated[str, Flag("RUN")] = ""
    report: Annotated[
        str,
        Flag(
            "yes|no",
            "Write the report page (yes, if nothing is said), or do not.",
            "Write a report page of each run too; `tasks report RUN` writes one later.",
        ),
    ] = ""

    def __post_init__(self) -> None:
        """Take a text for a list of one, and lists for tuples, so that a record equals what was asked for."""
        for name in ("tags", "sinks"):
            value = getattr(self, name)
            if isinstance(value, str):
                object.__setattr__(self, name, (value,))
            elif isinstance(value, list):
                object.__setattr__(self, name, tuple(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions(KeptOptions):
    """Options of a run, or of each run of a sweep.

        taskloom.run("hci/pointing", options=taskloom.RunOptions(tags=["pilot"], force=True))

    Attributes:
        store: Run store (else TASKS_STORE, else ./runs).
        executor: Where runs are placed; empty means inline for a run, local for a sweep.
        jobs: How many runs at a time; 0 lets the executor choose.
        force: Run even if an identical run has finished, or is running.
        resume: Go on with an identical run that has not finished; this is so without it too.
        fresh: Begin anew instead of going on with an identical run that has not finished.
        accept: Take a run that has finished although its code, packages or inputs have changed, and remember that.
        accept_changes: Go on with a run although its code, packages or inputs have changed, and record it.
        claimed: What to do about a process that computes the same now: wait, skip it, or fail.
        inputs: What tells that a folder is the same: its content, or size and time of each file (mtime).
        cwd: Folder that relative paths count from (else the working directory).
        task_domain: Domain of a class that fits several and is not installed.
        capture: Whether to keep what the task prints (yes), or to leave it the terminal (no).
        quiet: Say nothing while it runs.
    """

    store: Annotated[Path | None, Flag("DIR")] = None
    executor: Annotated[
        str,
        Flag(
            "NAME",
            "Place the run: {names}.",
            "Where runs are placed: {names}.",
            names="taskloom.executors",
        ),
    ] = ""
    jobs: Annotated[int, Flag("N")] = 0
    force: Annotated[bool, Flag(each="Run points even if an identical run has finished.")] = False
    resume: Annotated[bool, Flag()] = False
    fresh: Annotated[
        bool, Flag(each="Begin points anew instead of going on with runs that have not finished.")
    ] = False
    accept: Annotated[
        bool,
        Flag(each="Take runs that have finished although code, packages or inputs have changed."),
    ] = False
    accept_changes: Annotated[
        bool, Flag(each="Go on with runs although code, packages or inputs have changed.")
    ] = False
    claimed: Annotated[str, Flag("wait|skip|fail")] = "wait"
    inputs: Annotated[str, Flag("content|mtime")] = "content"
    cwd: Annotated[Path | None, Flag("DIR")] = None
    task_domain: Annotated[str, Flag("NAME")] = ""
    capture: Annotated[
        str,
        Flag(
            "yes|no",
            each="Keep what the tasks print (yes), or leave them the terminal (no; inline only).",
        ),
    ] = "yes"
    quiet: Annotated[bool, Flag(spelling=("--quiet", "-q"))] = False

    def __post_init__(self) -> None:
        """Take each value as one of its type.

        Raises:
            UsageError: A value is of another type: no record is made of it.
        """
        KeptOptions.__post_init__(self)
        _refuse_truth("report", self.report)
        _refuse_truth("capture", self.capture)
        settle(self, RunOptions)


def _refuse_truth(name: str, value: object) -> None:
    if isinstance(value, bool):
        raise UsageError(f"RunOptions.{name} is {value}; write it as '{'yes' if value else 'no'}'.")


@dataclass(frozen=True, slots=True)
class Origin:
    """Origin of the request for a run.

    Attributes:
        argv: The command line; empty for a call from Python.
        sources: Where every value of the config came from, by its dotted path.
        sweep: The sweep that the run belongs to; or empty.
        kind: Kind of request, `watch` for a run that a person steers by hand; empty: what the caller's voice says.
    """

    argv: Sequence[str] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    sweep: str = ""
    kind: str = ""
