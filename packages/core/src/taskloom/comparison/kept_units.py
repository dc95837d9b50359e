"""UnitValues of two runs, read from their files and set against each other in pairs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from taskloom.arrays import load_npz
from taskloom.errors import TaskloomError
from taskloom.records.limits import UNIT_ROWS
from taskloom.runs.run import Run
from taskloom.statistics.differences import paired_difference
from taskloom.statistics.intervals import Interval
from taskloom.statistics.shares import ratio_interval
from taskloom.statistics.sides import sides_difference
from taskloom.units import NAME

MOST_PAIRS = 1_000_000
"""UnitValues of a run that are read for a page."""
_BYTES = 8 + 8 + 8 + 1  # of value, key, weight and side


@dataclass(frozen=True, slots=True)
class KeptUnits:
    """UnitValues of one run.

    Attributes:
        of: One unit in words.
        key: Keys.
        value: Values.
        weight: Weights, or nothing.
        side: 0 or 1, or nothing.
    """

    of: str
    key: Sequence[int]
    value: Sequence[float]
    weight: Sequence[float] = ()
    side: Sequence[int] = ()


def unit_difference(first: Run, second: Run) -> Interval | str:
    """Return first - second over the units that both have, or the reason why there is none, as a clause.

    Args:
        first: A run.
        second: Another run.
    """
    told = [run.record.units for run in (first, second)]
    if told[0] is None or told[1] is None:
        return "no values of single units are kept"
    if told[0]["id"] != told[1]["id"]:
        return "the runs drew other units: their problems, data or seeds differ"
    if max(int(item["n"]) for item in told if item) > MOST_PAIRS:
        return f"more than {MOST_PAIRS:,} units are not read for a page"
    try:
        ours, theirs = read_units(first), read_units(second)
    except TaskloomError as error:
        return error.message.rstrip(".")
    try:
        return _paired(ours, theirs)
    except ValueError as error:
        return str(error).rstrip(".")


def read_units(run: Run) -> KeptUnits:
    """Return the units of a run.

    Raises:
        RunCorruptError: The file is missing.
        StoreError: It cannot be read, or is too large.
    """
    limit = UNIT_ROWS * _BYTES
    # Compressed or not, a file is never longer than its arrays and a few headers.
    arrays = load_npz(io.BytesIO(run.read(NAME, limit + 4096)), limit=limit)
    parts = {
        name: arrays[name].tolist() for name in ("key", "value", "weight", "side") if name in arrays
    }
    of = str((run.record.units or {}).get("of", "unit"))
    return KeptUnits(of, parts.get("key", []), parts.get("value", []), parts.get("weight", ()), parts.get("side", ()))  # fmt: skip


def _paired(ours: KeptUnits, theirs: KeptUnits) -> Interval:
    if bool(ours.weight) != bool(theirs.weight) or bool(ours.side) != bool(theirs.side):
        raise ValueError("The units of the runs are of two kinds.")
    place = {key: number for number, key in enumerate(theirs.key)}
    pairs = [(number, place[key]) for number, key in enumerate(ours.key) if key in place]
    if not pairs:
        raise ValueError(f"The runs have no {ours.of} in common.")
    if ours.side:
        if any(ours.side[a] != theirs.side[b] for a, b in pairs):
            raise ValueError("The sides of the samples differ.")
        apart = [ours.value[a] - theirs.value[b] for a, b in pairs]
        return sides_difference(apart, [ours.side[a] for a, _ in pairs], of=ours.of)
    if ours.weight:
        if any(ours.weight[a] != theirs.weight[b] for a, b in pairs):
            raise ValueError(f"The {ours.of}s have other weights: another tokenizer counted them.")
        apart = [ours.value[a] - theirs.value[b] for a, b in pairs]
        return ratio_interval(apart, [ours.weight[a] for a, _ in pairs], of=ours.of)
    first = {ours.key[a]: ours.value[a] for a, _ in pairs}
    second = {theirs.key[b]: theirs.value[b] for _, b in pairs}
    return paired_difference(first, second, of=ours.of).interval
