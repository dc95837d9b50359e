"""The first 900 pixels of a run's page: what was run, whether it was good, against what, and how to run it again."""

from __future__ import annotations

from collections.abc import Sequence

import htpy as h

from taskloom.errors import TaskloomError
from taskloom.headline import Baseline, Figure, Headline
from taskloom.registry.resolve import find_task
from taskloom.report import figures
from taskloom.report.choices import Choice, command
from taskloom.report.model import Facts
from taskloom.report.strip import strip, text_of, with_minus
from taskloom.report.tables import leaves, source_of, value_text
from taskloom.runs.run import Run
from taskloom.wording import format_bound

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
_MOST_ROWS = 10
_MOST_COMPONENTS = 6
"""Components that have a row each although they are the default."""
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
                h.pre(".again", tabindex="0")[_in_words(again(run, choices))],
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


def _in_words(line: str) -> list[h.Node]:
    """Return a command line that breaks between its words: a browser would break `--train.steps` behind a hyphen."""
    return [[" " if n else "", h.span[word]] for n, word in enumerate(line.split(" "))]


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
    started, again = record.started or record.created, max(record.attempts - 1, 0)
    parts = [
        ("started" if record.started else "created", f"{started[:16].replace('T', ' ')} UTC" if started else ""),
        ("duration", f"took {figures.duration(record.duration)}" if record.duration else ""),
        ("config.seed", f"seed {value_text(run.config['seed'])}" if "seed" in run.config else ""),
        ("id", run.id),

        ("name", record.name),
        ("tags", ", ".join(record.tags)),
    ]  # fmt: skip
    return h.p(".kicker")[
        h.strong(data_metric="task")[f"{run.domain} {run.task}"],
        (h.span(data_metric=path)[part] for path, part in parts if part),
        again > 0
        and h.span(data_fact="resumed")[f"resumed {'once' if again == 1 else f'{again} times'}"],
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
        return run.summary and h.p(".lede", data_metric="summary")[run.summary]
    return h.div(f".band.{_TONES[headline.verdict]}")[
        h.p(".verdict", data_metric="headline.baseline.name")[headline.band],
        h.p(".said", data_metric="headline.sentence")[_with_code(headline.sentence)],
    ]


def _with_code(sentence: str) -> list[h.Node]:
    """Return a sentence in which what stands between backticks is set as code."""
    return [h.code[part] if number % 2 else part for number, part in enumerate(sentence.split("`"))]


def _figures(run: Run, headline: Headline | None) -> h.Node:
    """Return the figure with its interval, the strip that sets it beside the baseline, and the companions."""
    if headline is None:
        return _first_metric(run)
    half = None if headline.low is None or headline.high is None else (headline.high - headline.low) / 2  # fmt: skip
    beside = headline.baseline
    has_bars = half is not None or (beside is not None and beside.low is not None)
    unit = f"{headline.unit}; " if headline.unit else ""
    return h.div(".result")[
        h.p(".of", data_metric="headline.title")[headline.title],
        h.p(".large")[
            h.span(".value", data_metric=headline.metric)[text_of(headline.value, half)],
            " ",
            h.span(".ends")[_ends(headline)],
        ],
        strip(headline, half),
        h.p(".small", data_metric="headline.unit")[
            f"{unit}{headline.better} is better" + "; bars are intervals" * has_bars
        ],
        headline.no_baseline
        and h.p(".small", data_metric="headline.no_baseline")[
            f"no baseline: {headline.no_baseline}"
        ],
        bool(headline.companions)
        and h.dl(".companions")[
            (_companion(*numbered) for numbered in enumerate(headline.companions))
        ],
    ]


def _first_metric(run: Run) -> h.Node:
    """Return the first metric of a task that names no headline; nothing is said about it."""
    if not run.metrics:
        return None
    name, value = next(iter(run.metrics.items()))
    return h.div(".result")[
        h.p(".of", data_metric="headline")[name],
        h.p(".large")[
            h.span(".value", data_metric=name)[figures.number(value)],
            " ",
            h.span(".ends")["no interval: the task names none"],
        ],
        h.p(".small")["no baseline: the task names none"],
    ]


def _ends(headline: Headline) -> h.Node:
    """Return the interval, each number with the name of its field; or the reason why there is none."""
    low, high = headline.low, headline.high
    if low is None or high is None:
        return h.span(data_metric="headline.no_interval")[f"no interval: {headline.no_interval}"]
    half = (high - low) / 2
    return [
        h.span(data_metric="headline.level")[f"{100 * headline.level:.6g} %"],
        " interval ",
        h.span(data_metric="headline.low")[with_minus(format_bound(low, half))],
        " to ",
        h.span(data_metric="headline.high")[with_minus(format_bound(high, half))],
    ]


def _companion(number: int, figure: Figure) -> h.Element:
    place = f"headline.companions.{number}"
    return h.div[
        h.dt(data_metric=f"{place}.label")[figure.label],
        h.dd[
            h.b(data_metric=f"{place}.text")[with_minus(figure.text)],
            figure.note and h.span(data_metric=f"{place}.note")[with_minus(figure.note)],
        ],
    ]


def _rows(run: Run, choices: Sequence[Choice] | None) -> list[h.Node]:
    """Return a row for each component and each value that is not its default."""
    if choices is None:
        return _rows_of_record(run)
    rows: list[h.Node] = []
    few = sum(choice.parameter.is_component for choice in choices) <= _MOST_COMPONENTS
    plain = []
    for choice in choices:
        parameter = choice.parameter
        if parameter.is_component and choice.is_default and not few:
            plain.append(choice)
        elif parameter.is_component:
            default = "default" if choice.is_default else f"default: {parameter.default}"
            label = parameter.path.replace("_", " ")
            body: list[h.Node] = [
                h.code[choice.text],
                h.span(data_about=parameter.path)[f": {choice.summary.rstrip('.')} "]
                if choice.summary
                else " ",
                h.small(data_default=parameter.path)[f"({default})"],
            ]
            rows.append(_row(label, body, not choice.is_default, parameter.path))
        elif not choice.is_default and not parameter.execution_only and parameter.path != "seed":
            unit = f" {parameter.unit}" if parameter.unit else ""
            body = [h.code[f"{_short(choice.text)}{unit}"], " "]
            if parameter.default is not None:
                default = f"(default {_short(parameter.default)}{unit})"
                body.append(h.small(data_default=parameter.path)[default])
            rows.append(_row(parameter.path.replace("_", " "), body, True, parameter.path))
    left = len(rows) - _MOST_ROWS
    return [
        *rows[:_MOST_ROWS],
        *([_row("by default", _named(plain), False)] if plain else []),
        *([_row("and", f"{left} more, see Configuration", False)] if left > 0 else []),
    ]


def _named(plain: Sequence[Choice]) -> list[h.Node]:
    """Return components that are the default by their names alone: where a task has many, few are what a reader asks for."""
    return [
        [
            ", " if number else "",
            f"{choice.parameter.path.replace('_', ' ')} ",
            h.code(data_metric=f"config.{choice.parameter.path}")[choice.text],
        ]
        for number, choice in enumerate(plain)
    ]


def _rows_of_record(run: Run) -> list[h.Node]:
    """Return what the record says of a task that is not here: the values that some layer set."""
    found = leaves(run.config)
    kept = [
        (path, value_text(value))
        for path, value in found.items()
        if path.endswith(".kind") or source_of(path, run.record.sources) != "default"
    ]
    return [_row(path.removesuffix(".kind"), h.code[_short(text)], True, path) for path, text in kept[:_MOST_ROWS]]  # fmt: skip


def _short(text: str) -> str:
    return text if len(text) <= _MOST_NAME else f"{text[: _MOST_NAME - 1]}\u2026"


def _row(label: str, body: h.Node, strong: bool, path: str = "") -> h.Element:
    """Return a row; one about a parameter names it, so that its text can be held against the record."""
    about = {"data_metric": f"config.{path}"} if path else {"data_fact": label}
    return h.div(class_={"set": strong})[h.dt[label], h.dd(**about)[body]]


def _baseline_row(headline: Headline | None) -> h.Node:
    baseline: Baseline | None = None if headline is None else headline.baseline
    if baseline is None:
        return None
    name = h.span(data_metric="headline.baseline.name")[baseline.name]
    command = h.code(data_metric="headline.baseline.command")[baseline.command]
    return _row("baseline", [name, ": ", command], False)


def _fact_rows(facts: Sequence[Facts]) -> h.Node:
    return [_row(label, text, strong) for block in facts for label, text, strong in block.rows]
