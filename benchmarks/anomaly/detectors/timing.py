"""Interleaved CPU times of rivals in one process, on one thread."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping


def cpu_medians(rivals: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return each rival's median CPU time [s]; they take turns, so that a busy machine hurts them alike."""
    times: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(rounds):
        for name, run in rivals.items():
            start = time.process_time()
            run()
            times[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def report(title: str, medians: Mapping[str, float], ours: str) -> None:
    """Print the medians and how many times longer than ours each takes."""
    print(title)
    for name, seconds in medians.items():
        print(f"  {name:28s} {seconds:10.4f} s   {seconds / medians[ours]:8.1f} x")
