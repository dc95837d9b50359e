"""False alarms and delays of the watch over a stream: `python benchmarks/anomaly/watch.py --out FILE`, about a CPU-minute.

Streams are scores of an AUROC of .97 (normal with a shift of 2.66), the pool begins with 500 of them. The recurrence is that of
`taskloom_anomaly.statistics.betting.Capital`, over all streams at once, and checked against it on the first one.
"""

from __future__ import annotations

import argparse
import bisect
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from taskloom_anomaly.statistics.betting import POWERS, RATES, SHARES, Capital

A, K = np.repeat(SHARES, len(POWERS)), np.tile(POWERS, len(SHARES))
R = np.asarray(RATES)
SHIFT = 2.66


def log_capital(p: np.ndarray, mean_run: bool) -> np.ndarray:
    """Return the logarithm of the capital of each stream after each point, without starting again: (streams, points)."""
    streams, points = p.shape
    with np.errstate(divide="ignore"):
        rest, share = np.log1p(-A), np.log(A * K)
    awake = np.full((streams, len(A), len(R)), -np.inf)
    asleep = np.zeros(len(R))
    found = np.empty((streams, points))
    for t in range(points):
        log_p = np.log(np.maximum(p[:, t], 1e-12))[:, None]
        bets = np.logaddexp(rest, share + (K - 1) * log_p)[:, :, None]
        if mean_run:
            awake = np.logaddexp(awake, 0) + bets
            total = awake[:, :, :1]
        else:
            awake = np.logaddexp(awake, np.log(R) + asleep) + bets
            asleep = asleep + np.log1p(-R)
            total = np.logaddexp(awake, asleep)
        top = total.max(axis=(1, 2), keepdims=True)
        found[:, t] = (top + np.log(np.exp(total - top).mean(axis=(1, 2), keepdims=True)))[:, 0, 0]
    return found


def p_values(scores: np.ndarray, pool: int, rng: np.random.Generator) -> np.ndarray:
    """Return the p-values of streams of scores whose first ones are the pool."""
    found = np.empty((len(scores), scores.shape[1] - pool))
    for i, row in enumerate(scores):
        known = sorted(row[:pool].tolist())
        for t, (value, u) in enumerate(zip(row[pool:].tolist(), rng.random(found.shape[1]), strict=True)):  # fmt: skip
            place = bisect.bisect_right(known, value)
            equal = place - bisect.bisect_left(known, value)
            found[i, t] = (len(known) - place + u * (equal + 1)) / (len(known) + 1)
            known.insert(place, value)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    p = p_values(rng.normal(size=(asked.streams, 99 + asked.points)), 99, rng)
    own, capital = [], Capital()
    for value in p[0, :500]:
        capital.step(float(value))
        own.append(capital.log)
    highest = np.empty(asked.streams)
    for start in range(0, asked.streams, 100):
        logs = log_capital(p[start : start + 100], mean_run=False)
        if not start and logs[0, :500].max() < -math.log(0.01):
            np.testing.assert_allclose(logs[0, :500], own, atol=1e-9)
        highest[start : start + 100] = logs.max(axis=1)
    found: dict[str, Any] = {"streams": asked.streams, "points": asked.points, "alarms": [], "delays": {}}  # fmt: skip
    for alpha in (0.01, 0.05, 0.2):
        share = (highest >= -math.log(alpha)).mean()
        bound = alpha + 2 * math.sqrt(alpha * (1 - alpha) / asked.streams)
        found["alarms"].append((alpha, float(share), bound))
        print(
            f"false alarms at {alpha}: {share:.4f} (bar {bound:.4f}) over {asked.points} points, pool 99, {asked.streams} streams"
        )
    for odd in (1.0, 0.3, 0.1):
        scores = rng.normal(size=(100, 500 + 1000 + 2500))
        scores[:, 1500:] += SHIFT * (rng.random((100, 2500)) < odd)
        p = p_values(scores, 500, rng)
        logs, run = log_capital(p, mean_run=False), log_capital(p, mean_run=True)
        told, found["delays"][str(odd)] = [], []
        for name, values, bar in (("alpha .01", logs, math.log(100)), ("alpha .05", logs, math.log(20)), ("mean run 10000", run, math.log(1e4))):  # fmt: skip
            behind = values[:, 1000:] >= bar
            delay = np.where(behind.any(axis=1), behind.argmax(axis=1) + 1, behind.shape[1])
            found["delays"][str(odd)].append(float(np.median(delay)))
            told.append(f"{name}: {np.median(delay):.0f}")
        print(f"{odd:.0%} odd, median delay in points: {', '.join(told)}")
    if asked.out:
        asked.out.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
