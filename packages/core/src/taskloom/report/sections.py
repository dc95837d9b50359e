"""The parts of a run's page."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

import htpy as h

from taskloom.errors import RunCorruptError
from taskloom.records.files import kind_of, name_below, stat_file
from taskloom.report import figures
from taskloom.report.blocks import image, note, render_blocks, table
from taskloom.report.choices import Choice, differing
from taskloom.report.course import MetricCourse, whole_course
from taskloom.report.history import history_charts, logged_once
from taskloom.report.model import Block, Image, Table
from taskloom.report.tables import leaves, metric_tables, source_of, value_text
from taskloom.runs.output import OUTPUT, last_lines
from taskloom.runs.provenance import commit_of
from taskloom.runs.run import Run

LOG_LINES = 40
OUTPUT_LINES = 200
ARTIFACT_ROWS = 500
"""Artifacts that are listed."""
_ABSENT = {"missing": "missing", "folder": "folder", "other": "no regular file", "file": ""}
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp")
_LONG = 300


def results(run: Run) -> h.Node:
    """Return the final metrics, all of them and nowhere else; nothing when there are none."""
    if not run.metrics:
        return None
    plain, tables = metric_tables(run.metrics)
    parts = [Table(("metric", "value"), list(plain.items()))] if plain else []
    return h.div(".beside")[
        (h.div[table(block.columns, block.rows, row_heads=True)] for block in (*parts, *tables))
    ]


def histories(run: Run, course_of: Callable[[Run], MetricCourse] = whole_course) -> h.Node:
    """Return the charts of logged metrics; nothing when nothing was logged.

    Args:
        run: The run.
        course_of: Function that reads its metric lines.
    """
    try:
        course = course_of(run)
    except RunCorruptError as error:
        return note(f"The metric lines cannot be read: {error.reason}.")
    rows = course.rows
    reading = (
        course.share < 1
        and h.p(".note", role="status")[f"Reading the metric lines: {100 * course.share:.0f} %."]
    )
    drawn, left_out = history_charts(rows)
    # A final metric stands under "All numbers", and only there.
    once = [
        (name, int(step), value)
        for name, (step, value) in logged_once(rows).items()
        if run.metrics.get(name) != value
    ]
    if not drawn and not once and not reading:
        return None
    rest = f"No room for {len(left_out)} more: {', '.join(left_out[:20])}." if left_out else ""
    lines = course.count
    return [
        reading,
        h.p(".note")[f"{lines:,} line{'s' * (lines != 1)} in metrics.jsonl, over the step."],
        render_blocks(drawn, run.dir),
        table(("metric", "step", "value"), once, "Logged once.") if once else None,
        rest and note(rest),
    ]


def config_note(choices: Sequence[Choice] | None) -> str:
    """Return how many parameters differ from the defaults of their task."""
    if choices is None:
        return ""
    return f"{len(list(differing(choices)))} of {len(choices)} differ from the defaults"


def config(run: Run, choices: Sequence[Choice] | None) -> h.Node:
    """Return the resolved config with the layer that set each value; first, and bold, what is not the default."""
    other = {choice.parameter.path for choice in choices or () if not choice.is_default}
    rows = []
    found = leaves(run.config)
    for path in sorted(found, key=lambda path: path.removesuffix(".kind") not in other):
        value = found[path]
        layer = source_of(path, run.record.sources)
        text = value_text(value)
        shown = text if len(text) <= _LONG else f"{text[:_LONG]}\u2026 ({len(text):,} characters)"
        cells = (
            h.th(".path", scope="row")[path],
            h.td(".value")[shown],
            h.td[h.span(".layer")[layer]],
        )
        stands_out = (
            path.removesuffix(".kind") in other if choices is not None else layer != "default"
        )
        rows.append(h.tr(class_={"set": stands_out})[cells])
    heads = (h.th(scope="col")[name] for name in ("parameter", "value", "set by"))
    return h.div(".scroll", tabindex="0", role="group", aria_label="Config")[
        h.table(".settings")[h.thead[h.tr[heads]], h.tbody[rows]]
    ]


def artifacts(run: Run, shown: Sequence[Block]) -> h.Node:
    """Return the files that the task left; pictures that the domain's section does not show are embedded."""
    seen = {name_below(block.path, run.dir) for block in shown if isinstance(block, Image)}
    pictures: list[h.Node] = []
    rows: list[h.Node] = []
    told = run.record.artifacts
    for name, relative in itertools.islice(told.items(), ARTIFACT_ROWS):
        found = stat_file(run.dir, relative)
        suffix = PurePosixPath(relative).suffix.lower()
        if suffix in _PICTURES and found and relative not in seen:
            pictures.append(image(Image(Path(relative), name), run.dir))
        size = figures.size(found.st_size) if found else _ABSENT[kind_of(run.dir, relative)]
        cell = h.td(".path")[h.a(href=_address(relative))[relative] if found else relative]
        rows.append(h.tr[h.th(scope="row")[name], cell, h.td(".n")[size]])
    if not rows:
        return None
    rest = len(told) - len(rows)
    heads = (
        h.th(scope="col")["artifact"],
        h.th(scope="col")["file"],
        h.th(".n", scope="col")["size"],
    )
    return [
        h.div(".scroll", tabindex="0", role="group", aria_label="Artifacts")[
            h.table[h.thead[h.tr[heads]], h.tbody[rows]]
        ],
        rest > 0 and h.p(".more")[f"{rest:,} more artifacts are not shown."],
        pictures and h.div(".grid")[pictures],
    ]


def log(lines: Sequence[Mapping[str, Any]]) -> h.Node:
    """Return the end of the log."""
    if not lines:
        return None
    shown = lines[-LOG_LINES:]
    earlier = len(lines) - len(shown)
    text: list[h.Node] = [
        [
            h.span(".when")[str(line.get("time", ""))[11:19]],
            " ",
            h.span(class_=str(line.get("level", "")))[str(line.get("message", "")).rstrip()],
            "\n",
        ]
        for line in shown
    ]
    return [
        earlier > 0 and h.p(".more")[f"The last {len(shown)} of {len(lines):,} lines."],
        h.pre(".log", tabindex="0")[text],
    ]


def output(run: Run) -> h.Node:
    """Return the last lines that the task printed; nothing if it printed none."""
    if run.record.output:
        return note(f"Output not kept: {run.record.output}.")
    lines, has_more = last_lines(run.dir, OUTPUT_LINES)
    if not lines:
        return None
    # A progress bar draws over its line; what it drew last is what a terminal shows.
    shown = [line.rstrip("\r").rpartition("\r")[2] for line in lines]
    return [
        has_more and h.p(".more")[f"The last {len(shown)} lines of {OUTPUT}."],
        h.pre(".log", tabindex="0")["\n".join(shown)],
    ]


def surroundings(run: Run, environment: Mapping[str, Any]) -> h.Node:
    """Return where the run came from and what it ran on."""
    record = run.record
    origin = {
        "identity": record.identity[:10],
        "computation": record.computation[:10],
        "task version": str(record.version),
        "code": run.code,
        "continues": record.parent,
        "sweep": record.sweep,
        "commit": commit_of(environment),
        "host": record.host,
    }
    rows = [(name, text) for name, text in origin.items() if text]
    names = ("python", "platform", "cpus")
    rows += [(name, str(environment[name])) for name in names if name in environment]
    rows += [(name, str(value)) for name, value in _mapping(environment, "variables").items()]
    rows += [
        ("git " + name, figures.cell(value)) for name, value in _mapping(environment, "git").items()
    ]
    packages = _mapping(environment, "distributions")
    listed = h.ul(".packages")[(h.li[f"{name} {version}"] for name, version in packages.items())]
    return [
        table(("", ""), rows, row_heads=True),
        packages and h.details[h.summary[f"{len(packages)} installed distributions"], listed],
    ]


def called(run: Run) -> h.Node:
    """Return the command line as it was typed, and the one that repeats it from the record."""
    where = Path(run.dir.parent.name) / run.id / "config.toml"
    command = f"tasks run {shlex.join(run.words)} --config {shlex.quote(str(where))}"
    argv = shlex.join(run.record.argv)
    return [
        argv and h.pre(tabindex="0")[argv],
        h.p["The same parameters from its record, from the folder that holds the store:"],
        h.pre(tabindex="0")[command],
    ]


def _mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    inner = value.get(key)
    return inner if isinstance(inner, dict) else {}


def _address(relative: str) -> str:
    """Return the address of a file of the run; quoted, `javascript:x` is the name of a file and no scheme."""
    return quote(relative)
