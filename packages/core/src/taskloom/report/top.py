"""The first 900 pixels of a run's page: what was run, whether it was good, against what, and how to run it again."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import htpy as h

from taskloom.errors import TaskloomError
from taskloom.headline import Baseline, Figure, Headline
from taskloom.registry.resolve import find_task
from taskloom.report import figures
from taskloom.report.choices import Choice, command
from taskloom.report.model import Facts
from taskloom.report.tables import leaves, source_of, value_text
from taskloom.runs.run import Run
from taskloom.wording import format_bound, format_value

# Words come first and colour second: each class stands for one of four tones.
_TONES = {
    "better": "good",
    "solved": "good",
    "worse": "bad",
    "unsolved": "bad",
    "invalid": "bad",
    "undecided": "even",
    "identical": "even",
    "none": "even",
}
_MOST_ROWS = 12
_MOST_NAME = 40


def top(run: Run, choices: Sequence[Choice] | None, facts: Sequence[Facts]) -> h.Element:
    """Return the page's header.

    Args:
        run: The run.
        choices: What was chosen for it; None if its task is not known here.
        facts: Further rows of "What was run", from the domain.
    """
    headline = run.headline
    failure = failure_of(run)
    return h.header[
        _line(run),
        h.h1[_sentence(run)],
        failure if failure is not None else _band(run, headline),
        h.div(".top")[
            _figures(run, headline) if failure is None else None,
            h.div(".was")[
                h.h2["What was run"],
                h.dl(".rows")[_rows(run, choices), _baseline_row(headline), _fact_rows(facts)],
                h.h2["Run it again"],
                h.pre(".again", tabindex="0")[again(run, choices)],
            ],
        ],
    ]


def again(run: Run, choices: Sequence[Choice] | None) -> str:
    """Return the command that repeats a run; by its own config file where the task is not known here."""
    if choices is None:
        return (
            f"tasks run {run.domain} {run.task} --config {run.dir.parent.name}/{run.id}/config.toml"
        )
    return command(run, choices)


def failure_of(run: Run) -> h.Element | None:
    """Return the sentence of a run that failed, with where it was raised; None for all others."""
    failure = run.record.failure
    if failure is None:
        return None
    frames: h.Node = failure.traceback and h.pre(tabindex="0")[failure.traceback.rstrip()]
    if failure.foreseen:  # the sentence was written for the reader; where it was raised is for few
        frames = frames and h.details[h.summary["Where it was raised"], frames]
    return h.div(".failure", role="alert")[
        h.p[failure.message if failure.foreseen else f"{failure.type}: {failure.message}"],
        failure.hint and h.p(".hint")[failure.hint],
        frames,
    ]


def _line(run: Run) -> h.Element:
    """Return what, when, how long, which seed and which run, on one line."""
    record = run.record
    started = record.started or record.created
    parts = [
        f"{started[:16].replace('T', ' ')} UTC" if started else "",
        f"took {figures.duration(record.duration)}" if record.duration else "",
        f"seed {value_text(run.config.get('seed', 0))}",
        run.id,
        f"resumed {record.attempts - 1} times" if record.attempts > 2 else "",
        "resumed once" if record.attempts == 2 else "",
        record.name,
        ", ".join(record.tags),
    ]
    return h.p(".kicker")[
        h.strong[f"{run.domain} {run.task}"],
        (h.span[part] for part in parts if part),
        h.span(class_=["badge", run.status])[run.status],
    ]


def _sentence(run: Run) -> str:
    """Return the task's sentence, or its name where the task is not installed."""
    try:
        return find_task(run.domain, run.task).ref.summary or run.task
    except TaskloomError:
        return run.task


def _band(run: Run, headline: Headline | None) -> h.Node:
    if headline is None:
        return run.summary and h.p(".lede")[run.summary]
    return h.div(f".band.{_TONES[headline.verdict]}")[
        h.p(".verdict")[headline.band], h.p(".said")[_with_code(headline.sentence)]
    ]


def _with_code(sentence: str) -> list[h.Node]:
    """Return a sentence in which what stands between backticks is set as code."""
    return [h.code[part] if number % 2 else part for number, part in enumerate(sentence.split("`"))]


def _figures(run: Run, headline: Headline | None) -> h.Node:
    """Return the figure with its interval, the strip that sets it beside the baseline, and the companions."""
    if headline is None:
        return _first_metric(run)
    half = None if headline.low is None or headline.high is None else (headline.high - headline.low) / 2  # fmt: skip
    reason = f"no interval: {headline.no_interval}"
    ends = _ends(headline.low, headline.high, headline.level) or reason
    direction = headline.better
    unit = f"{headline.unit}; " if headline.unit else ""
    return h.div(".result")[
        h.p(".of")[headline.title],
        h.p(".large")[
            h.span(".value", data_metric=headline.metric)[_text(headline.value, half)],
            " ",
            h.span(".ends")[ends],
        ],
        _strip(headline, half),
        h.p(".small")[f"{unit}{direction} is better; bars are intervals"],
        headline.no_baseline and h.p(".small")[f"no baseline: {headline.no_baseline}"],
        h.dl(".companions")[(_companion(figure) for figure in headline.companions)],
    ]


def _first_metric(run: Run) -> h.Node:
    """Return the first metric of a task that names no headline; nothing is said about it."""
    if not run.metrics:
        return None
    name, value = next(iter(run.metrics.items()))
    return h.div(".result")[
        h.p(".of")[name],
        h.p(".large")[
            h.span(".value", data_metric=name)[figures.number(value)],
            " ",
            h.span(".ends")["no interval: the task names none"],
        ],
        h.p(".small")["no baseline: the task names none"],
    ]


def _text(value: float, half: float | None) -> str:
    return _with_minus(format_value(value, half))


def _ends(low: float | None, high: float | None, level: float) -> str:
    if low is None or high is None:
        return ""
    half = (high - low) / 2
    shown = _with_minus(f"{format_bound(low, half)} to {format_bound(high, half)}")
    return f"{100 * level:.6g} % interval {shown}"


def _with_minus(text: str) -> str:
    """Return a text whose numbers below 0 have a minus sign; hyphens inside words stay."""
    return re.sub(r"(?<![\w.])-(?=\d)", "\u2212", text)


def _companion(figure: Figure) -> h.Element:
    return h.div[
        h.dt[figure.label],
        h.dd[
            h.b[_with_minus(figure.text)],
            figure.note and h.span[_with_minus(figure.note)],
        ],
    ]


@dataclass(frozen=True, slots=True)
class _Mark:
    """One row of the strip.

    Attributes:
        name: Its name.
        value: The figure.
        low: Lower end of its interval, or None.
        high: Upper end, or None.
        text: The figure with its digits.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    text: str

    @property
    def numbers(self) -> list[float]:
        """Numbers that the axis has to reach."""
        known = (x for x in (self.value, self.low, self.high) if x is not None)
        return [x for x in known if math.isfinite(x)]


def _strip(headline: Headline, half: float | None) -> h.Node:
    """Return this run and its baseline as dots with their intervals on one axis, in HTML: its text keeps its size."""
    plain = headline.baseline
    if plain is None:
        return None
    their_half = half
    if plain.low is not None and plain.high is not None:
        their_half = (plain.high - plain.low) / 2
    ours = _Mark("this run", headline.value, headline.low, headline.high, _text(headline.value, half))  # fmt: skip
    theirs = _Mark(plain.name, plain.value, plain.low, plain.high, _text(plain.value, their_half))
    numbers = ours.numbers + theirs.numbers
    first, last = min(numbers), max(numbers)
    span = (last - first) or 1.0

    def place(x: float) -> float:
        return 3 + 94 * (x - first) / span  # percent, with room for the dots at both ends

    def row(mark: _Mark, kind: str) -> h.Element:
        bar = None
        if mark.low is not None and mark.high is not None:
            width = max(place(mark.high) - place(mark.low), 0.5)
            bar = h.i(".bar", style=f"left:{place(mark.low):.2f}%;width:{width:.2f}%")
        dot = h.i(".dot", style=f"left:{place(mark.value):.2f}%") if math.isfinite(mark.value) else None  # fmt: skip
        return h.div(f".row.{kind}")[
            h.span(".name")[mark.name],
            h.span(".axis", aria_hidden="true")[bar, dot],
            h.span(".number")[mark.text],
        ]

    return h.div(".strip")[row(ours, "own"), row(theirs, "other")]


def _rows(run: Run, choices: Sequence[Choice] | None) -> list[h.Node]:
    """Return a row for each component and each value that is not its default."""
    if choices is None:
        return _rows_of_record(run)
    rows: list[h.Node] = []
    for choice in choices:
        parameter = choice.parameter
        if parameter.is_component:
            default = "default" if choice.is_default else f"default: {parameter.default}"
            label = parameter.path.replace("_", " ")
            body: list[h.Node] = [
                h.code[choice.text],
                f": {choice.summary.rstrip('.')} " if choice.summary else " ",
                h.small[f"({default})"],
            ]
            rows.append(_row(label, body, not choice.is_default))
        elif not choice.is_default and not parameter.execution_only and parameter.path != "seed":
            unit = f" {parameter.unit}" if parameter.unit else ""
            body = [h.code[f"{_short(choice.text)}{unit}"], " "]
            if parameter.default is not None:
                body.append(h.small[f"(default {_short(parameter.default)}{unit})"])
            rows.append(_row(parameter.path.replace("_", " "), body, True))
    left = len(rows) - _MOST_ROWS
    return [
        *rows[:_MOST_ROWS],
        *([_row("and", f"{left} more, see Configuration", False)] if left > 0 else []),
    ]


def _rows_of_record(run: Run) -> list[h.Node]:
    """Return what the record says of a task that is not here: the values that some layer set."""
    found = leaves(run.config)
    kept = [
        (path, value_text(value))
        for path, value in found.items()
        if path.endswith(".kind") or source_of(path, run.record.sources) != "default"
    ]
    return [_row(path.removesuffix(".kind"), h.code[_short(text)], True) for path, text in kept[:_MOST_ROWS]]  # fmt: skip


def _short(text: str) -> str:
    return text if len(text) <= _MOST_NAME else f"{text[: _MOST_NAME - 1]}\u2026"


def _row(label: str, body: h.Node, strong: bool) -> h.Element:
    return h.div(class_={"set": strong})[h.dt[label], h.dd[body]]


def _baseline_row(headline: Headline | None) -> h.Node:
    baseline: Baseline | None = None if headline is None else headline.baseline
    if baseline is None:
        return None
    return _row("baseline", [f"{baseline.name}: ", h.code[baseline.command]], False)


def _fact_rows(facts: Sequence[Facts]) -> h.Node:
    return [_row(label, text, strong) for block in facts for label, text, strong in block.rows]
