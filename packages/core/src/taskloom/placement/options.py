"""Judging the options of a run before anything is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from taskloom.errors import UsageError
from taskloom.placement.executor import INLINE, check_executor
from taskloom.registry.suggest import did_you_mean
from taskloom.request import RunOptions
from taskloom.runs.checkpoints import Criterion
from taskloom.runs.layout import default_store
from taskloom.runs.run import open_run
from taskloom.sinks.sink import check_sinks

_SEVERAL_MACHINES = ("slurm",)
_WORDS = {"claimed": ("wait", "skip", "fail"), "inputs": ("content", "mtime")}


def checked_options(
    options: RunOptions, *, executor: str = INLINE, is_placed: bool = True
) -> RunOptions:
    """Return the options with an executor, absolute folders and the parent's whole id, if all of them can be meant.

    Args:
        options: What was asked for.
        executor: The executor where none was asked for.
        is_placed: Whether an executor gets the run, which must then be able to give what it needs.

    Raises:
        UnknownNameError: There is no such executor or sink.
        MissingExtraError: A sink's library is not installed.
        RunNotFoundError: There is no such parent.
        UsageError: An option makes no sense, or contradicts another.
    """
    name = options.executor or executor
    for one, other in (("resume", "force"), ("resume", "fresh")):
        if getattr(options, one) and getattr(options, other):
            raise UsageError(f"--{one} and --{other} exclude each other")
    for word, allowed in _WORDS.items():
        _check_word(word, getattr(options, word), allowed)
    if options.report:
        _check_word("report", options.report, ("yes", "no"))
    check_executor(name, options.jobs)
    check_capture(options.capture, name if is_placed else INLINE)
    check_sinks(options.sinks)
    if options.keep_best:
        Criterion.parse(options.keep_best)
    check_resources(options, name if is_placed else "")
    store, cwd = default_store(options.store), Path.cwd() / (options.cwd or "")
    if not cwd.is_dir():
        raise UsageError(f"--cwd names {cwd}, which is no folder")
    parent = open_run(options.parent, store).id if options.parent else ""
    return replace(options, executor=name, parent=parent, store=store, cwd=cwd)


def _check_word(name: str, word: str, allowed: Sequence[str]) -> None:
    if word not in allowed:
        raise UsageError(
            f"--{name} is {word!r}; it must be {', '.join(allowed[:-1])} or {allowed[-1]}",
            hint=did_you_mean(word, allowed),
        )


def check_capture(capture: str, executor: str) -> None:
    """Refuse a word that is neither yes nor no, and a terminal where there is none.

    Raises:
        UsageError: So it is.
    """
    if capture not in ("yes", "no"):
        raise UsageError(
            f"--capture is {capture!r}; it must be yes or no.",
            hint=did_you_mean(capture, ("yes", "no")),
        )
    if capture == "no" and executor != INLINE:
        raise UsageError(
            f"--capture=no gives a run the terminal, and a run on {executor} has none.",
            hint="leave it out, or give --executor=inline",
        )


def check_resources(options: RunOptions, executor: str) -> None:
    """Refuse resources that make no sense, or that the executor cannot give; an empty name can give anything.

    Raises:
        UsageError: So it is.
    """
    resources = options.resources
    if resources.cpus < 0 or resources.gpus < 0:
        raise UsageError("--cpus and --gpus must be 0 or more")
    if resources.num_nodes < 1:
        raise UsageError("--nodes must be 1 or more")
    if resources.num_nodes > 1 and executor not in ("", *_SEVERAL_MACHINES):
        raise UsageError(
            f"--nodes={resources.num_nodes}: the {executor} executor gives a run one machine; slurm gives it several",
            hint="or make its folder with --prepare, and start torchrun on every machine: see the guide 'Machines'",
        )
