"""The standings of a leaderboard: means, ranks and regrets by task and detector, and pairs that are tested on the same samples.

Within a task two detectors scored the same samples: their difference of AUROC has DeLong's variance for each seed. Over tasks and seeds their differences
are tested by Wilcoxon's signed ranks. Where several pairs are tested, p-values are Holm's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from taskloom.statistics.distributions import normal_quantile
from taskloom.statistics.intervals import mean_interval
from taskloom.statistics.significance import holm, sign_flip_test

from taskloom_anomaly.detection.leaderboard import SCHEMA, Cell
from taskloom_anomaly.metrics.intervals import auroc_difference
from taskloom_anomaly.metrics.ranking import average_ranks

FEWEST_PAIRS = 6
_DIGITS = 6


def standings(cells: Sequence[Cell]) -> dict[str, Any]:
    """Return the whole board, as its file has it: the same for the same cells, to the byte.

    Args:
        cells: All cells, in the order of tasks, detectors and seeds.
    """
    tasks = {name: list(own) for name, own in groupby(cells, key=lambda cell: cell.task)}
    table = {name: _of_task(own) for name, own in tasks.items()}
    counted = [cell for cell in cells if not cell.refused and cell.valid]
    board: dict[str, Any] = _rounded(
        {
            "schema": SCHEMA,
            "tasks": table,
            "detectors": _over_tasks(counted, table),
            "pairs": _pairs(counted),
        }
    )
    return board


def _of_task(cells: Sequence[Cell]) -> dict[str, Any]:
    own: dict[str, Any] = {}
    for name, group in groupby(cells, key=lambda cell: cell.detector):
        several = list(group)
        good = [cell for cell in several if not cell.refused]
        if not good:
            own[name] = {"refused": several[0].refused}
            continue
        found = mean_interval([cell.area for cell in good])
        own[name] = {
            "auroc": found.estimate,
            "low": found.low,
            "high": found.high,
            "seeds": [cell.seed for cell in good],
            "regret_to_best_layer": float(np.mean([cell.regret for cell in good])),
        }
    scored = [name for name, row in own.items() if "auroc" in row]
    ranks = average_ranks(-np.asarray([own[name]["auroc"] for name in scored]))
    for name, rank in zip(scored, ranks, strict=True):
        own[name]["rank"] = float(rank)
    bases = {cell.seed: cell.baseline for cell in cells if not cell.refused}
    valid = {cell.seed: cell.valid for cell in cells}
    return {
        "detectors": own,
        "invalid_seeds": sorted(seed for seed, ok in valid.items() if not ok),
        "baseline": {
            "names": sorted({name for name, _ in bases.values()}),
            "auroc": float(np.mean([area for _, area in bases.values()])) if bases else None,
        },
        "pairs": _pairs_in_task([cell for cell in cells if not cell.refused]),
    }


def _pairs_in_task(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Return the best detector of a task against each other one: DeLong's difference, averaged over seeds."""
    by = _by_detector(cells)
    if len(by) < 2:
        return []
    areas = {name: float(np.mean([cell.area for cell in own.values()])) for name, own in by.items()}
    first = max(areas, key=lambda name: areas[name])
    found: list[dict[str, Any]] = []
    for second in by:
        seeds = sorted(by[first].keys() & by[second].keys())
        if second == first or not seeds:
            continue
        parts = [_delong(by[first][seed], by[second][seed]) for seed in seeds]
        difference = float(np.mean([part[0] for part in parts]))
        error = float(np.sqrt(sum(part[1] for part in parts)) / len(parts))
        reach = normal_quantile(0.975) * error
        p = _two_sided(difference, error)
        found.append({"first": first, "second": second, "difference": difference, "low": difference - reach, "high": difference + reach, "p": p})  # fmt: skip
    for row, p in zip(found, holm([row["p"] for row in found]), strict=True):
        row["p_holm"] = p
    return found


def _delong(first: Cell, second: Cell) -> tuple[float, float]:
    """Return the difference of two AUROCs on the same samples, and its variance."""
    assert first.normal is not None
    assert first.anomalous is not None
    assert second.normal is not None
    assert second.anomalous is not None
    pair = np.stack([first.normal, second.normal]), np.stack([first.anomalous, second.anomalous])
    difference, low, high = auroc_difference(*pair, level=0.5)
    half = max(high - difference, difference - low)
    return difference, (half / normal_quantile(0.75)) ** 2


def _two_sided(difference: float, error: float) -> float:
    from scipy.special import ndtr  # scipy is heavy

    if error <= 1e-12:
        return 1.0 if abs(difference) <= 1e-12 else 0.0
    return float(2 * ndtr(-abs(difference) / error))


def _by_detector(cells: Sequence[Cell]) -> dict[str, dict[int, Cell]]:
    found: dict[str, dict[int, Cell]] = {}
    for cell in cells:
        found.setdefault(cell.detector, {})[cell.seed] = cell
    return found


def _areas(cells: Sequence[Cell]) -> dict[str, dict[tuple[str, int], float]]:
    found: dict[str, dict[tuple[str, int], float]] = {}
    for cell in cells:
        found.setdefault(cell.detector, {})[cell.task, cell.seed] = cell.area
    return found


def _over_tasks(cells: Sequence[Cell], table: Mapping[str, Any]) -> dict[str, Any]:
    areas = _areas(cells)
    best: dict[str, float] = {}
    for name, task in table.items():
        rows = [row["auroc"] for row in task["detectors"].values() if "auroc" in row]
        if rows and not task["invalid_seeds"]:
            best[name] = max(rows)
    found = {}
    for detector, own in areas.items():
        tasks = sorted({task for task, _ in own} & best.keys())
        rows = [table[task]["detectors"][detector] for task in tasks]
        regrets = [best[task] - row["auroc"] for task, row in zip(tasks, rows, strict=True)]
        if not rows:
            continue
        found[detector] = {
            "tasks": len(tasks),
            "auroc": float(np.mean([row["auroc"] for row in rows])),
            "rank": float(np.mean([row["rank"] for row in rows])),
            "regret_to_best_detector": float(np.mean(regrets)),
            "worst_regret": float(max(regrets)),
            "regret_to_best_layer": float(np.mean([row["regret_to_best_layer"] for row in rows])),
        }
    return found


def _pairs(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Return every pair of detectors on the tasks and seeds that both have, the one that leads first."""
    areas = _areas(cells)
    names = list(areas)
    found: list[dict[str, Any]] = []
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            units = sorted(areas[one].keys() & areas[other].keys())
            values = [areas[one][unit] - areas[other][unit] for unit in units]
            leads = not values or float(np.mean(values)) >= 0
            first, second = (one, other) if leads else (other, one)
            found.append(_pair(first, second, [value if leads else -value for value in values]))
    tested = [row for row in found if "p" in row]
    for row, p in zip(tested, holm([row["p"] for row in tested]) if tested else [], strict=True):
        row["p_holm"] = p
    return found


def _pair(first: str, second: str, values: Sequence[float]) -> dict[str, Any]:
    row: dict[str, Any] = {"first": first, "second": second, "n": len(values)}
    if len(values) < FEWEST_PAIRS:
        return {**row, "note": "too few to compare"}
    own = mean_interval(values)
    row |= {"difference": own.estimate, "low": own.low, "high": own.high}
    moved = np.asarray([value for value in values if value])
    if not len(moved):
        return {**row, "p": 1.0}
    # Wilcoxon's test is that of random signs on ranks; without a difference there is no sign.
    signed = np.sign(moved) * average_ranks(np.abs(moved))
    p = sign_flip_test(signed.tolist()).p
    return {**row, "p": 1.0 if p is None else p}


def _rounded(value: Any) -> Any:  # noqa: ANN401 -- whatever JSON holds
    """Return a value with floats of six digits: the last bits are not the same on every machine, and say nothing."""
    if isinstance(value, float):
        return round(value, _DIGITS)
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return value
