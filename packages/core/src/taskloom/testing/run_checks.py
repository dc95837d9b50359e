"""Checks of tiny runs: what they leave behind, and that they can be repeated."""

from __future__ import annotations

import math
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from taskloom.identity.identify import config_id_of
from taskloom.lifecycle.create import create_run
from taskloom.lifecycle.lifecycle import continue_run
from taskloom.params.layers import resolve
from taskloom.registry.isolate import load_target
from taskloom.registry.resolve import find_domain, metrics_of
from taskloom.report.model import Chart, Facts, Fold, Heading, Html, Image, Table, Text
from taskloom.request import RunOptions
from taskloom.system.machine import KERNEL_FOLDERS
from taskloom.testing.trial import Trial

FIRST = "a tiny run finishes"
_BLOCKS = (Heading, Text, Table, Chart, Image, Html, Fold, Facts)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def _finishes(trial: Trial) -> str | None:
    with _Watch(trial.folder) as watch:
        status = trial.run.status
    trial.stray = watch.stray
    return None if status == "finished" else f"the run is {status}"


def _stays_inside(trial: Trial) -> str | None:
    trial.run  # noqa: B018 -- the run must have happened
    left = sorted(path.name for path in Path.cwd().iterdir())
    if left:
        return f"the run wrote {', '.join(left)} into the working folder; use ctx.artifact(name)"
    if trial.stray:
        return f"the run wrote {', '.join(sorted(trial.stray))}; use ctx.artifact(name)"
    return None


def _metrics(trial: Trial) -> str | None:
    if not trial.run.metrics:
        return "the result has no metrics"
    odd = [name for name, value in trial.run.metrics.items() if not math.isfinite(value)]
    if odd:
        return f"{', '.join(odd)} is not finite"
    known = metrics_of(trial.loaded) if trial.construct().driver else ()
    unnamed = [
        name for name in trial.run.metrics if not any(fnmatchcase(name, word) for word in known)
    ]
    if known and unnamed:
        return f"the domain's manifest lacks {', '.join(unnamed)}; add them to DomainRef.metrics"
    return None


def _artifacts(trial: Trial) -> str | None:
    result = trial.uninterrupted.result
    for name, path in result.artifacts.items():
        if not Path(path).exists():
            return f"the artifact {name!r} does not exist: {path}"
        if not Path(path).resolve().is_relative_to(trial.folder):
            return f"the artifact {name!r} lies outside the run folder: {path}"
    return None


def _summary(trial: Trial) -> str | None:
    summary = trial.run.summary
    if not summary.strip():
        return "the result has no summary"
    return None if summary.isprintable() else "the summary is longer than one line"


def _lines(trial: Trial) -> str | None:
    repeated = [
        line for line, count in Counter(trial.uninterrupted.lines).items() if count > 1 and line[1]
    ]
    return f"the line {repeated[0]} is logged twice" if repeated else None


def _repeats(trial: Trial) -> str | None:
    first, second = trial.run, trial.uninterrupted
    difference = differing(trial.steady(first.metrics), trial.steady(second.result.metrics))
    if difference:
        return difference
    return (
        None
        if trial.lines(first) == second.lines
        else "two runs with the same seed logged different lines"
    )


def _other_seed(trial: Trial) -> str | None:
    config = trial.configure(seed=trial.config.seed + 1)
    layout = create_run(trial.loaded, config, RunOptions(store=trial.new_store()))
    # Without its report page, which the first run had: drawing charts takes longer than many a tiny run.
    status = continue_run(trial.loaded, layout, quiet=True, report=False).status
    return None if status == "finished" else f"with another seed the run is {status}"


def _folder_repeats(trial: Trial) -> str | None:
    run = trial.run
    config = resolve(trial.loaded.config_class, files=[run.layout.config], environ={}).config
    entry = trial.loaded.entry
    found = config_id_of(f"{entry.domain}/{entry.ref.name}", entry.ref.version, config)
    is_same = found == run.record.config_id
    return None if is_same else "config.toml in the run folder gives another identity"


def _report(trial: Trial) -> str | None:
    domain = trial.loaded.entry.domain
    target = find_domain(domain).ref.report if trial.loaded.entry.distribution else ""
    if not target:
        return None
    report: Any = load_target(target)
    blocks = list(report(trial.run))
    odd = [type(block).__name__ for block in blocks if not isinstance(block, _BLOCKS)]
    if odd:
        return f"the report returned a {odd[0]}, which is no block"
    return None if blocks else "the report has no blocks"


def differing(left: dict[str, float], right: dict[str, float]) -> str | None:
    """Return a sentence about the first metric that differs; NaN equals NaN here."""
    if set(left) != set(right):
        return f"one run has the metric {sorted(set(left) ^ set(right))[0]!r}, the other has not"
    for name, value in left.items():
        if value != right[name] and not (math.isnan(value) and math.isnan(right[name])):
            return f"the metric {name!r} is {value!r} in one run and {right[name]!r} in the other"
    return None


class _Watch:
    """Notes files that Python opens for writing outside of the folders where a run may write.

    Temporary files and caches do no harm. An audit hook cannot be removed, so it is only switched off.
    """

    def __init__(self, folder: Path) -> None:
        caches = [Path.home() / ".cache", Path(sys.prefix), *map(Path, KERNEL_FOLDERS)]
        self._allowed = [
            str(path) for path in (folder, Path(tempfile.gettempdir()).resolve(), *caches)
        ]
        self._active = False
        self.stray: set[str] = set()

    def __enter__(self) -> _Watch:
        self._active = True
        sys.addaudithook(self._hear)
        return self

    def __exit__(self, *exception: object) -> None:
        self._active = False

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._active or event != "open" or not isinstance(arguments[0], str):
            return
        path, _, flags = arguments
        if isinstance(flags, int) and flags & _WRITES and "__pycache__" not in path:
            place = os.path.abspath(path)
            if not any(
                place == allowed or place.startswith(allowed + "/") for allowed in self._allowed
            ):
                self.stray.add(place)


CHECKS: dict[str, Callable[[Trial], str | None]] = {
    FIRST: _finishes,
    "nothing is written outside the run folder": _stays_inside,
    "the final metrics are finite": _metrics,
    "the declared artifacts exist": _artifacts,
    "the summary is one line": _summary,
    "no metric line is logged twice": _lines,
    "the same seed gives the same metrics": _repeats,
    "another seed runs too": _other_seed,
    "the run folder repeats the run": _folder_repeats,
    "the report renders": _report,
}
