"""Lines of progress, as pure functions of numbers and a width: bar, count, rate and time left; and the newest metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from taskloom.digits import digits

MEMORY = 15.0
"""Time over which the rate is averaged [s]."""
_PATIENCE = 2.0  # [s] and updates before a time left is worth showing
_OFFSET = 0.1  # [s] within which the first count is that of a run which goes on
_LONGEST, _SHORTEST = 24, 6
_NARROW = 40
_SHORT_FROM = 100_000
_CELLS = ("\u2501", "\u2500")
_PLAIN_CELLS = ("#", "-")


@dataclass
class Pace:
    """Rate of progress: an exponential mean, so that a slow first step is soon forgotten.

    Attributes:
        begun: When it began [s].
        done: Units counted, those of an earlier attempt included.
    """

    begun: float
    done: int = 0
    _updates: int = 0
    _at: float = 0.0
    _units: float = 0.0
    _seconds: float = 0.0

    def advance(self, steps: int, now: float) -> None:
        """Count further units at a time [s]."""
        since = now - (self._at or self.begun)
        self.done += steps
        # What an earlier attempt has done is counted, and says nothing about the speed of this one.
        if not self._updates and now - self.begun < _OFFSET:
            self._at = now
            return
        forgotten = math.exp(-since / MEMORY)
        self._units = self._units * forgotten + steps
        self._seconds = self._seconds * forgotten + since
        self._at, self._updates = now, self._updates + 1

    @property
    def rate(self) -> float | None:
        """Units a second; None before there is one."""
        return self._units / self._seconds if self._seconds > 0 and self._units > 0 else None

    def left(self, total: int | None, now: float) -> float | None:
        """Return the time left [s]; None without a total, and in the first two seconds and updates."""
        early = now - self.begun < _PATIENCE or self._updates < _PATIENCE
        if total is None or early or self.rate is None:
            return None
        # Time that has passed since the last update has passed of the rest, too.
        return max((total - self.done) / self.rate - (now - self._at), 0.0)


def bar_line(
    label: str,
    done: int,
    total: int | None,
    *,
    rate: float | None = None,
    left: float | None = None,
    elapsed: float | None = None,
    width: int = 80,
    is_plain: bool = False,
) -> str:
    """Return one line of progress that fits a width in terminal cells.

    What goes first for room is the word "left", then the rate, then the label. A bar of at least 6 cells, the count and the
    time left stay down to 40 columns; below, the count and the time.

    Args:
        label: What is counted.
        done: Units that are done.
        total: Units in all; None where that is not known.
        rate: Units a second, or None.
        left: Time left [s], or None.
        elapsed: Time since the beginning [s], shown where nothing has been counted and nothing is known of how much there is.
        width: Columns of the terminal.
        is_plain: True to draw the bar in ASCII.

    Example:
        >>> bar_line("training", 220, 4000, rate=61.3, left=62, width=40, is_plain=True)
        'training #--------- 220/4000 61.3/s 1:02'
    """
    count = short_count(done) if total is None else f"{short_count(done)}/{short_count(total)}"
    speed = "" if rate is None else rate_text(rate)
    time = "" if left is None else clock(left)
    if total is None and not done:
        return _fitted(label, ["" if elapsed is None else clock(elapsed)], width)
    if total is None:
        return _fitted(label, [count, speed], width)
    if width < _NARROW:
        return " ".join(part for part in (count, time) if part)[: max(width, 0)]
    ends = [[count, speed, time, "left" if time else ""], [count, speed, time], [count, time]]
    tail = ""
    for parts in ends:
        tail = " ".join(part for part in parts if part)
        room = width - cell_width(tail) - cell_width(label) - (2 if label else 1)
        if room >= _SHORTEST:
            bar = _bar(done, total, min(room, _LONGEST), is_plain)
            return " ".join(part for part in (label, bar, tail) if part)
    bar = _bar(done, total, _SHORTEST, is_plain)
    return _fitted(label, [bar, tail], width)


def metrics_line(step: int, metrics: Mapping[str, float], width: int) -> str:
    """Return the newest metrics as whole pairs that fit a width, and the number of those that do not.

    Example:
        >>> metrics_line(3, {"loss": 0.25, "accuracy": 0.9, "learning_rate": 0.001}, 32)
        'step 3  loss 0.25  +2 more'
    """
    line = f"step {step}"
    pairs = [f"{name} {digits(value, 4)}" for name, value in metrics.items()]
    for shown, pair in enumerate(pairs):
        rest = len(pairs) - shown - 1
        more = f"  +{rest} more" if rest else ""
        if cell_width(f"{line}  {pair}{more}") > width:
            line = f"{line}  +{rest + 1} more"
            break
        line = f"{line}  {pair}"
    return line if cell_width(line) <= width else ""


def led(metrics: Mapping[str, float], lead: Sequence[str]) -> dict[str, float]:
    """Return metrics with those first that lead.

    Args:
        metrics: Metrics by name.
        lead: Names in the order in which they lead; those that are missing are left out.

    Example:
        >>> led({"loss": 0.25, "rate": 3.0, "auroc": 0.9}, ("auroc", "nelbo"))
        {'auroc': 0.9, 'loss': 0.25, 'rate': 3.0}
    """
    return {**{name: metrics[name] for name in lead if name in metrics}, **metrics}


def short_count(number: int) -> str:
    """Return a count with all its digits, from 100,000 on with three.

    Example:
        >>> short_count(99_999), short_count(393_216), short_count(3_000_000), short_count(999_950)
        ('99999', '393k', '3.0M', '1.0M')
    """
    if number < _SHORT_FROM:
        return str(number)
    value, units = float(number), iter("kMGTPE")
    unit = ""
    while value >= 999.5 and (following := next(units, "")):
        value, unit = value / 1000, following
    return f"{value:.1f}{unit}" if value < 9.95 else f"{value:.0f}{unit}"


def rate_text(rate: float) -> str:
    """Return a rate a second; a slow one as seconds a unit.

    Example:
        >>> rate_text(61.32), rate_text(151_000.0), rate_text(0.021)
        ('61.3/s', '151k/s', '47.6s/it')
    """
    if not 0 < rate < math.inf:
        return ""
    if rate < 1:
        return f"{1 / rate:.3g}s/it" if rate > 1e-3 else f"{1 / rate:.0f}s/it"
    return f"{rate:.3g}/s" if rate < 999.5 else f"{short_count(round(rate))}/s"


def clock(seconds: float) -> str:
    """Return a time span as a clock shows it.

    Example:
        >>> clock(17.2), clock(62), clock(7322), clock(200_000)
        ('0:17', '1:02', '2:02:02', '2d 7h')
    """
    if not math.isfinite(seconds):
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 24:
        return f"{hours // 24}d {hours % 24}h"
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def cell_width(text: str) -> int:
    """Return the columns of a terminal that a text takes; most letters take one, and some of Asia two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # rich is heavy: a terminal has loaded it

    return cell_len(text)


def _bar(done: int, total: int, cells: int, is_plain: bool) -> str:
    full, empty = _PLAIN_CELLS if is_plain else _CELLS
    filled = min(max(round(cells * done / total), 0), cells) if total > 0 else cells
    return full * filled + empty * (cells - filled)


def _fitted(label: str, parts: list[str], width: int) -> str:
    """Return label and parts, with the label cut to what is left, and the parts cut where even that is too much."""
    tail = " ".join(part for part in parts if part)
    room = width - cell_width(tail) - 1
    if cell_width(label) > room:
        while label and cell_width(label) > room - 1:
            label = label[:-1]
        label = f"{label.rstrip()}\u2026" if label else ""
    line = f"{label} {tail}" if label else tail
    while line and cell_width(line) > width:
        line = line[:-1]
    return line
