"""Tables of a study: columns and rows of text, and the form for a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from taskloom.digits import digits
from taskloom.plain import aligned
from taskloom.statistics.intervals import Interval
from taskloom.studies.analysis import LevelComparison
from taskloom.studies.cells import BARE, StudyCell
from taskloom.studies.looking import StudyLook
from taskloom.studies.question import StudyQuestion
from taskloom.studies.values import StudyValues, label
from taskloom.wording import format_bound, format_value

_MARKS = {"best": "best", "tied": "not shown to differ from the best", "": ""}
_CORRECTIONS = {"holm": "Holm", "bh": "Benjamini-Hochberg", "bonferroni": "Bonferroni", "none": ""}
_SHOWN_MISSING = 5

Table = tuple[tuple[str, ...], list[tuple[str, ...]]]


class StudyFacts(Protocol):
    """Facts of a study that its tables show; `taskloom.studies.study.Study` has them."""

    @property
    def id(self) -> str:
        """Id of the sweep that holds the runs."""
        ...

    @property
    def values(self) -> StudyValues:
        """Values by combination and seed."""
        ...

    @property
    def question(self) -> StudyQuestion:
        """Question that was asked."""
        ...

    @property
    def table(self) -> Sequence[StudyCell]:
        """Combinations."""
        ...

    @property
    def levels(self) -> Sequence[StudyCell]:
        """Levels, averaged over the other factors."""
        ...

    @property
    def differences(self) -> Sequence[LevelComparison]:
        """Comparisons."""
        ...

    @property
    def looks(self) -> Sequence[StudyLook]:
        """Looks of a study that stops by looking."""
        ...

    @property
    def is_looked_at(self) -> bool:
        """True of a study that stops by looking."""
        ...

    @property
    def exit_code(self) -> int:
        """Exit code of the command."""
        ...


def percent(level: float) -> str:
    """Return a level as a reader sees it: `95 %`."""
    return f"{100 * level:.4g} %"


def ends_of(interval: Interval) -> str:
    """Return the ends of an interval with the digits that its width supports, or the reason why there is none."""
    half = interval.half_width
    if interval.low is None or interval.high is None:
        return interval.no_interval
    return f"{format_bound(interval.low, half)} to {format_bound(interval.high, half)}"


def middle_of(interval: Interval) -> str:
    """Return the estimate with as many digits as its interval supports; a dash where there is none."""
    if not math.isfinite(interval.estimate):
        return "-"
    return format_value(interval.estimate, interval.half_width)


def cell_table(study: StudyFacts, cells: Sequence[StudyCell]) -> Table:
    """Return the columns and rows of combinations: levels, mean, interval, n, and words."""
    if not cells:
        return (), []
    factors = tuple(cells[0].levels)
    remarks = [_remarks(cell) for cell in cells]
    columns = (*factors, study.question.metric, f"{percent(study.question.level)} interval", "n")
    columns += ("",) if any(remarks) else ()
    rows = []
    for cell, words in zip(cells, remarks, strict=True):
        levels = tuple(label(level) for level in cell.levels.values())
        row = (*levels, middle_of(cell.interval), ends_of(cell.interval), str(cell.interval.n))
        rows.append((*row, words) if any(remarks) else row)
    return columns, rows


def _remarks(cell: StudyCell) -> str:
    words = [_MARKS[cell.mark], cell.note, cell.warning, *cell.interval.notes]
    if cell.geometric is not None:
        words.append(f"geometric mean {middle_of(cell.geometric)} ({ends_of(cell.geometric)})")
    return "; ".join(word for word in words if word)


def comparison_table(study: StudyFacts, *, has_p: bool) -> Table:
    """Return the columns and rows of comparisons: difference, interval, verdict; p-values only for a terminal."""
    found = study.differences
    if not found:
        return (), []
    question = study.question
    several = len(found) > 1
    columns = ["comparison", "difference", f"{percent(question.level)} interval"]
    columns += [f"all {len(found)} at once"] if several else []
    corrected = _CORRECTIONS["bonferroni" if study.is_looked_at else question.correct]
    columns += ["p", *([f"p ({corrected})"] if several and corrected else [])] if has_p else []
    columns += ["n", "verdict"]
    rows = []
    for item in found:
        row = [item.name, middle_of(item.interval), ends_of(item.interval)]
        row += [ends_of(item.family)] if several else []
        if has_p:
            row += [_p(item.p), *([_p(item.adjusted_p)] if several and corrected else [])]
        rows.append((*row, str(item.interval.n), "; ".join([item.words, *item.interval.notes])))
    return tuple(columns), rows


def _p(value: float | None) -> str:
    return "-" if value is None else "< 0.0001" if value < 1e-4 else digits(value, 3)


def heading(study: StudyFacts) -> str:
    """Return one line on what the study is: metric, size, seeds and the method of its intervals."""
    values = study.values
    count, seeds = len(values.cells), values.seeds
    named = (
        f"seeds ({seeds[0]} to {seeds[-1]})"
        if len(seeds) > 1
        else f"seed ({', '.join(map(str, seeds))})"
    )
    methods = dict.fromkeys(cell.interval.method for cell in study.table)
    # A level without an interval, since the study stopped by looking.
    method = "; ".join(name for name in methods if name != BARE) or "of differences alone"
    of = f" ({values.rows[0].trials} trials a run)" if values.rows[0].trials else ""
    cells = f"{count} combination{'s' * (count != 1)}"
    return f"{study.question.metric}{of}: {cells} x {len(seeds)} {named}; intervals: {method}"


def method_of(study: StudyFacts, *, has_p: bool = False) -> str:
    """Return one line on how levels are compared; p-values are named on a terminal alone."""
    item, question = study.differences[0], study.question
    others = [
        name for name in study.values.factors if name not in {d.factor for d in study.differences}
    ]
    over = f", averaged over {', '.join(others)}" if others else ""
    test = f"; p by {item.test}" if has_p and item.test and item.p is not None else ""
    correction = _CORRECTIONS["bonferroni" if study.is_looked_at else question.correct]
    several = f", corrected by {correction}" if len(study.differences) > 1 and correction else ""
    factors = ", ".join(dict.fromkeys(d.factor for d in study.differences))
    return f"{factors}: differences within each seed{over}; {item.interval.method}{test}{several if test else ''}"


def notes_of(study: StudyFacts) -> list[str]:
    """Return what a reader has to know beside the tables: what is missing, how the study stopped, what was not compared."""
    notes = []
    missing = study.values.missing
    for row in missing[:_SHOWN_MISSING]:
        run = f" ({row.run})" if row.run else ""
        notes.append(f"missing: {study.values.name(row.levels)} seed {row.seed}{run}: {row.reason}")
    if len(missing) > _SHOWN_MISSING:
        notes.append(f"missing: {len(missing) - _SHOWN_MISSING} more")
    if not study.differences and len(study.values.cells) > 1:
        notes.append("nothing is compared: name a factor with --compare")
    if study.is_looked_at:
        looks, question = study.looks, study.question
        end = "the rule was met" if looks and looks[-1].decided else "the rule was not met"
        notes.append(
            f"stopped by looking ({question.until}, g = {question.g:g}): {end} after "
            f"{len(study.values.seeds)} seeds and {len(looks)} look{'s' * (len(looks) != 1)}; intervals are anytime-valid"
        )
    return notes


def text_of(study: StudyFacts) -> str:
    """Return a study as a terminal shows it."""
    parts = [heading(study), "", aligned(*cell_table(study, study.table)).rstrip("\n")]
    if study.differences:
        parts += ["", method_of(study, has_p=True), ""]
        parts.append(aligned(*comparison_table(study, has_p=True)).rstrip("\n"))
    if notes := notes_of(study):
        parts += ["", *(f"note: {note}" for note in notes)]
    return "\n".join(parts) + "\n"
