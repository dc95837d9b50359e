"""Bars of studies: coverage, false alarms under optional stopping, and the time of an analysis.

    python benchmarks/studies/measure.py coverage       # 32,000 studies through taskloom.study, about a minute
    python benchmarks/studies/measure.py alarms         # 10,000 null trials of 200 looks, four laws, about a minute
    python benchmarks/studies/measure.py analysis       # 10,000 runs analysed

Only NumPy is needed beside taskloom. Seeds are fixed, so a second run prints the same shares.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import taskloom as tl
from numpy.typing import NDArray
from taskloom import statistics as ts

STUDIES, TRIALS, LOOKS = 2_000, 10_000, 200
CHECKED = 200  # trials of each law in which every look is asked
Draw = Callable[[np.random.Generator, tuple[int, int]], NDArray[np.float64]]


def rates(rng: np.random.Generator, shape: tuple[int, int], low: float) -> NDArray[np.float64]:
    """Return differences of success rates over 100 episodes, less their mean."""
    return (rng.binomial(100, 0.9, shape) - rng.binomial(100, low, shape)) / 100 - (0.9 - low)


def lognormals(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return differences of lognormals with mu 0.3 and 0, less their mean."""
    shift = math.exp(0.8) - math.exp(0.5)
    return rng.lognormal(0.3, 1, shape) - rng.lognormal(0, 1, shape) - shift


COVERED: Mapping[str, Draw] = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "t, 5 degrees": lambda rng, shape: rng.standard_t(5, shape),
    "success rates .9, .7": lambda rng, shape: rates(rng, shape, 0.7),
    "lognormals": lognormals,
}
NULL: Mapping[str, Draw] = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "t, 5 degrees": lambda rng, shape: rng.standard_t(5, shape),
    "success rates .9, .9": lambda rng, shape: rates(rng, shape, 0.9),
    "two-valued": lambda rng, shape: rng.choice([-1.0, 1.0], shape),
}


def coverage() -> None:
    """Print the share of simulated studies whose interval of the difference holds the truth."""
    for name, draw in COVERED.items():
        shares = [f"n={n} {covered(draw, n):.4f}" for n in (3, 5, 10, 20)]
        print(f"{name}: {', '.join(shares)}", flush=True)


def covered(draw: Draw, seeds: int) -> float:
    """Return that share for one law and one number of seeds."""
    hits = 0
    for values in draw(np.random.default_rng(2026), (STUDIES, seeds)).tolist():

        def run(config: Mapping[str, Any], values: list[float] = values) -> dict[str, float]:
            common = 3 * math.cos(config["seed"])
            return {"score": common + (values[config["seed"]] if config["kind"] == "a" else 0.0)}

        study = tl.study(None, {"kind": ["a", "b"]}, range(seeds), metric="score", runner=run)
        hits += study.differences[0].interval.contains(0)
    return hits / STUDIES


def alarms() -> None:
    """Print the share of null trials that some look of 200 decides."""
    for name, draw in NULL.items():
        trials = draw(np.random.default_rng(7), (TRIALS, LOOKS))
        plain = sum(is_ever_decided(values) for values in trials[:CHECKED].tolist())
        assert plain == decided(trials[:CHECKED]), name
        wrong = decided(trials)
        bar = 0.05 + 2 * math.sqrt(0.05 * 0.95 / TRIALS)
        print(f"{name}: {wrong / TRIALS:.4f} (bar {bar:.4f})", flush=True)


def is_ever_decided(values: list[float]) -> bool:
    """Return whether a study would have stopped at one of its looks."""
    return any(ts.look_at(values[:n]).decided for n in range(2, len(values) + 1))


def decided(trials: NDArray[np.float64]) -> int:
    """Return how many trials are ever decided, asking `look_at` only at looks that come within 1 % of deciding.

    Mean and deviation of all beginnings come from running sums: these err by far less than 1 %, so no other look can decide.
    """
    n = np.arange(1, trials.shape[1] + 1)
    means = trials.cumsum(axis=1) / n
    squares = (trials**2).cumsum(axis=1) - n * means**2
    deviations = np.sqrt(np.maximum(squares, 0) / np.maximum(n - 1, 1))
    bars = np.array([ts.anytime_half_width(int(k)) for k in n])
    near = np.isfinite(bars) & (
        np.abs(means) >= 0.99 * np.where(np.isfinite(bars), bars, 0) * deviations
    )
    return sum(
        any(ts.look_at(values[: place + 1].tolist()).decided for place in np.flatnonzero(close))
        for values, close in zip(trials, near, strict=True)
    )


def analysis() -> None:
    """Print the CPU time in which a table of 10,000 runs is analysed: cells, best, 45 comparisons."""
    rng = np.random.default_rng(0)
    rows = [
        {"kind": kind, "rate": rate, "seed": seed, "value": float(rng.normal(kind))}
        for kind in range(10)
        for rate in range(10)
        for seed in range(100)
    ]
    times = []
    for _ in range(3):
        start = time.process_time()
        study = tl.Study.of(rows, compare="kind", better="higher")
        assert len(study.differences) == 45
        assert len(study.table) == 100
        times.append(time.process_time() - start)
    print(f"10,000 runs: {sorted(times)[1]:.2f} CPU-s (bar 0.5)")


if __name__ == "__main__":
    parts = {"coverage": coverage, "alarms": alarms, "analysis": analysis}
    for word in sys.argv[1:] or parts:
        parts[word]()
