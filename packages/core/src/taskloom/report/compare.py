"""Runs side by side: what differs, which is best, by how much and on what that rests."""

from __future__ import annotations

from collections.abc import Sequence

import htpy as h

from taskloom.comparison.differences import (
    VariantDifference,
    best_of,
    difference,
    problems_of,
    reference_of,
)
from taskloom.comparison.variants import Metric, Variant, metric_of, variants
from taskloom.report import figures
from taskloom.report.across import across
from taskloom.report.blocks import band, note, render_blocks, table
from taskloom.report.domain_blocks import compared_blocks
from taskloom.report.intervals import interval_strip
from taskloom.report.naming import chosen_values, names_of, tasks_of
from taskloom.report.page import Folded
from taskloom.report.tables import leaves, value_text
from taskloom.report.variant_curves import variant_curves
from taskloom.runs.run import Run
from taskloom.statistics.intervals import Interval
from taskloom.wording import format_bound, format_value

_MOST_WORDS = 6
"""Values of a parameter that the lede names."""


def comparison_page(
    runs: Sequence[Run], *, reference: str = "", missing: str = ""
) -> tuple[str, h.Node, list[tuple[str, h.Node]], list[Folded]]:
    """Return the title, the header, the sections and the folded parts of a comparison.

    Args:
        runs: At least two runs.
        reference: Name of the variant that the others are held against; empty takes the plainest.
        missing: Sentence about points of a sweep that are not there, with the most frequent reason; or empty.

    Raises:
        UnknownNameError: There is no such variant.
    """
    metric = metric_of(runs)
    found = variants(runs, metric.name if metric else "")
    against = _references(found, reference)
    title = f"{len(runs)} runs compared"
    several = len(set(tasks_of(runs))) > 1
    sections: list[tuple[str, h.Node]] = [
        ("Key", _key(found)),
        ("Comparison", _own_figures(found) if several else _comparison(found, metric, against)),
        ("Side by side", _side_by_side(found)),
        ("Over the parameters", None if several else across(found, metric)),
        ("Over the steps", variant_curves(found)),
    ]
    folds = [
        Folded("All numbers", _results(runs)),
        Folded("What is equal", _equal(runs), _count_of_equal(runs)),
        Folded("Runs", _overview(runs), f"{len(runs):,} runs"),
    ]
    header = h.header[
        h.p(".kicker")["taskloom \u00b7 comparison"],
        h.h1[title],
        h.p(".lede")[_lede(runs, found)],
        missing and h.p(".note")[missing],
        band("No best named", "The tasks differ.") if several else _verdict(found, metric),
    ]
    return title, header, sections, folds


def _references(found: Sequence[Variant], name: str) -> dict[int, Variant]:
    """Return the reference of each variant by its id: the one asked for, else the plainest of the same problem."""
    if name:
        return dict.fromkeys(map(id, found), reference_of(found, name))
    return {id(item): reference_of(group) for group in problems_of(found) for item in group}


def _lede(runs: Sequence[Run], found: Sequence[Variant]) -> str:
    """Return what differs, in words."""
    tasks = sorted({f"{run.domain} {run.task}" for run in runs})
    chosen = chosen_values(runs)
    seeds = dict.fromkeys(chosen.pop("seed", []))
    said = ["the task"] if len(tasks) > 1 else []
    for path, column in chosen.items():
        values = [*dict.fromkeys(column)]
        rest = f" and {len(values) - _MOST_WORDS} more" if len(values) > _MOST_WORDS else ""
        said.append(f"{path.removesuffix('.kind')} ({', '.join(values[:_MOST_WORDS])}{rest})")
    what = "; ".join(said) or ("the seed" if seeds else "nothing in their configs")
    over = f", over {len(seeds)} seeds" if said and len(seeds) > 1 else ""
    s = "s" * (len(found) != 1)
    return f"{', '.join(tasks)}: {len(found)} variant{s}{over}. They differ in {what}."


def _verdict(found: Sequence[Variant], metric: Metric | None) -> h.Node:
    """Return which variant is best, or why none can be named."""
    if metric is None:
        return h.p(".note")["The runs have no metric in common."]
    leader, tied, reason = best_of(found, metric.better)
    if leader is None:
        return band("No best named", f"{reason[:1].upper()}{reason[1:]}.")
    value = format_value(leader.interval.estimate, leader.interval.half_width)
    unit = f" {metric.unit}" if metric.unit else ""
    if not tied:
        said = f"{leader.name} is best: {value}{unit}. Every other variant is shown to differ from it over paired seeds."
        return band("Best", said, "good")
    names = ", ".join(item.name for item in tied)
    said = f"{leader.name} leads with {value}{unit}; not shown to differ from it: {names}."
    return band("Not shown to differ", said)


def _own_figures(found: Sequence[Variant]) -> h.Node:
    """Return the headline's figure of each variant: of several tasks no difference means anything."""
    rows: list[tuple[str | int | None, ...]] = []
    for item in found:
        metric = metric_of(item.runs)
        if metric is None:
            rows.append((item.name, "\u2013", len(item.runs), "\u2013", "no metric"))
            continue
        (own,) = variants(item.runs, metric.name)
        row = (item.name, metric.unit or metric.name, len(own.values) or None)
        rows.append((*row, _value(own.interval), _ends(own.interval, own)))
    heads = ("", "figure", "n", "value", "95 % interval")
    return [table(heads, rows, row_heads=True), note("No difference: the tasks differ.")]


def _comparison(
    found: Sequence[Variant], metric: Metric | None, references: dict[int, Variant]
) -> h.Node:
    """Return the table of variants with their intervals and differences, and the strip of them."""
    if metric is None:
        return None
    leader, tied, _ = best_of(found, metric.better)
    marks = {id(item): "not shown to differ from the best" for item in tied}
    if leader is not None:
        marks[id(leader)] = "best"
    columns = ("", "n", metric.unit or metric.name, "95 % interval", "difference", "95 % interval", "mark")  # fmt: skip
    rows = []
    bases: dict[tuple[bool, str], list[str]] = {}
    for item in found:
        against = references[id(item)]
        apart = (
            VariantDifference(None, "reference") if item is against else difference(item, against)
        )
        told = apart.interval
        mark = "reference" if item is against else ""
        marked = [word for word in (mark, marks.get(id(item), "")) if word]
        row = (item.name, len(item.values) or None, _value(item.interval), _ends(item.interval, item))  # fmt: skip
        rows.append((*row, *_difference_cells(told), ", ".join(marked)))
        if item is not against:
            bases.setdefault((told is not None, apart.words), []).append(item.name)
    shown = [(item.name, item.interval) for item in found if item.values]
    direction = f"; {metric.better} is better" if metric.better else ""
    against_all = list(dict.fromkeys(item.name for item in references.values()))
    within = "within each problem, " if len(against_all) > 1 else ""
    return [
        h.p[f"{metric.title}{direction}. Differences are {within}to {'; '.join(against_all)}."],
        table(columns, rows, row_heads=True),
        interval_strip(shown, metric.unit or metric.name) if len(shown) > 1 else None,
        [note(_basis(*key, names, len(found) - len(against_all))) for key, names in bases.items()],
        any(item.is_within for item in found)
        and note("An interval within one run covers the mean over seeds less often than it says."),
    ]


def _difference_cells(told: Interval | None) -> tuple[str, str]:
    return ("\u2013", "\u2013") if told is None else (_value(told), _ends(told))


def _basis(has_difference: bool, words: str, names: Sequence[str], total: int) -> str:
    """Return what differences rest on, or why there are none, and of which variants that is said."""
    few = names if len(names) <= _MOST_WORDS else [*names[:_MOST_WORDS], f"{len(names) - _MOST_WORDS} more"]  # fmt: skip
    which = "" if len(names) == total else f" of {'; '.join(few)}"
    return f"Differences{which}: {words}." if has_difference else f"No difference{which}: {words}."


def _value(interval: Interval) -> str:
    return _minus(format_value(interval.estimate, interval.half_width))


def _minus(text: str) -> str:
    """Return the text of a number with a minus sign in place of the hyphen."""
    return f"\u2212{text[1:]}" if text.startswith("-") else text


def _ends(interval: Interval, of: Variant | None = None) -> str:
    """Return both ends, with what they are of; of two seeds their values."""
    if interval.low is None or interval.high is None:
        values = [format_value(value) for value in of.values.values()] if of is not None else []
        shown = f": {', '.join(values)}" if len(values) == 2 else ""
        return f"none, {interval.no_interval}{shown}"
    half = interval.half_width
    ends = " to ".join(_minus(format_bound(end, half)) for end in (interval.low, interval.high))
    return f"{ends}, within one run" if of is not None and of.is_within else ends


def _key(found: Sequence[Variant]) -> h.Node:
    """Return what the letters stand for, where names are letters."""
    chosen = chosen_values([item.runs[0] for item in found])
    chosen.pop("seed", None)
    if any("=" in item.name for item in found) or len(chosen) < 2:
        return None
    return _of_paths(chosen, [item.name for item in found])


def _of_paths(rows: dict[str, list[str]], heads: Sequence[str]) -> h.Node:
    body = (
        h.tr[h.th(".path", scope="row")[path], (h.td(".value")[value] for value in values)]
        for path, values in rows.items()
    )
    titles = [h.th(scope="col")["parameter"], (h.th(scope="col")[head] for head in heads)]
    return h.div(".scroll", tabindex="0", role="group", aria_label="Parameters that differ")[
        h.table[h.thead[h.tr[titles]], h.tbody[body]]
    ]


def _side_by_side(found: Sequence[Variant]) -> h.Node:
    """Return what the domain draws of several runs on shared axes: one run a variant, that of the first seed."""
    blocks, problem = compared_blocks({item.name: item.runs[0] for item in found})
    if problem:
        return note(problem)
    several = any(len(item.runs) > 1 for item in found)
    return [
        several and note("Of each variant the run of its first seed."),
        *render_blocks(blocks, found[0].runs[0].dir),
    ] if blocks else None  # fmt: skip


def _results(runs: Sequence[Run]) -> h.Node:
    names = list(dict.fromkeys(name for run in runs for name in run.metrics))
    if not names:
        return None
    rows = [(name, *(run.metrics.get(name) for run in runs)) for name in names]
    return table(("metric", *names_of(runs)), rows, row_heads=True)


def _equal(runs: Sequence[Run]) -> h.Node:
    """Return the parameters that all runs share."""
    return table(("parameter", "value"), _equal_values(runs), row_heads=True) or None


def _count_of_equal(runs: Sequence[Run]) -> str:
    count = len(_equal_values(runs))
    return f"{count} parameter{'s' * (count != 1)}"


def _equal_values(runs: Sequence[Run]) -> list[tuple[str, str]]:
    flat = [{p: value_text(v) for p, v in leaves(run.config).items()} for run in runs]
    return [(p, v) for p, v in flat[0].items() if all(other.get(p) == v for other in flat)]


def _overview(runs: Sequence[Run]) -> h.Node:
    rows = [
        (
            label,
            run.id,
            f"{run.domain} {run.task}",
            run.status,
            figures.duration(run.record.duration),
            run.summary if run.headline is None else run.headline.sentence,
        )
        for label, run in zip(names_of(runs), runs, strict=True)
    ]
    heads = ("", "run", "task", "status", "duration", "summary")
    return h.div(".overview")[table(heads, rows, row_heads=True)]
