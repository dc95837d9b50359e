"""Calls from Python: what they cost beyond the run itself; exits with 3 when a bar does not hold.

    python benchmarks/core/from_python.py [--repeats 15]

CPU time, medians; the least of each call too, and `python -c pass` beside it, since a busy machine makes every figure larger. The import of `taskloom` is a ratio to `python -c pass`, in processes that take turns. A run of a one-line
task is measured without its report, a finished run with everything.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import taskloom as tl
from taskloom.lifecycle import attempt

BARS = {"import taskloom / pass": 2.2, "a finished run": 30.0, "a one-line task": 15.0}  # [ms]
COIN = """
import taskloom as tl


class Coin(tl.Config):
    p: float = 0.5

    def run(self, ctx: tl.RunContext) -> tl.Result:
        return tl.Result({"heads": self.p})
"""


def milliseconds(call: Callable[[int], object], repeats: int) -> tuple[float, float]:
    """Return the median and the least CPU time of a call [ms]; the first does not count."""
    times = []
    for repeat in range(repeats + 1):
        before = time.process_time()
        call(repeat)
        times.append((time.process_time() - before) * 1000)
    return statistics.median(times[1:]), min(times[1:])


def start_up(repeats: int) -> tuple[float, float, float]:
    """Return the CPU time of `import taskloom` as a ratio to that of `pass`, and median and least of `pass` itself [ms]."""
    times: dict[str, list[float]] = {"pass": [], "import taskloom": []}
    for repeat in range(repeats + 1):
        for code, found in times.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-c", code], check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            if repeat:
                found.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    alone = statistics.median(times["pass"])
    ratio = statistics.median(times["import taskloom"]) / alone
    return ratio, alone * 1000, min(times["pass"]) * 1000


def measure(repeats: int) -> dict[str, tuple[float, float]]:
    """Return every figure by its name: the median, and the least."""
    tl.run("coin.py:Coin")  # imports, and what is looked up once
    ratio, alone, least = start_up(repeats)
    figures = {"import taskloom / pass": (ratio, ratio), "python -c pass": (alone, least)}
    figures["a finished run"] = milliseconds(lambda _: tl.run("coin.py:Coin"), repeats)
    figures["a one-line task with its report"] = milliseconds(
        lambda number: tl.run("coin.py:Coin", p=number / 1000), repeats
    )
    attempt._write_report = lambda run, console: None
    figures["a one-line task"] = milliseconds(
        lambda number: tl.run("coin.py:Coin", seed=number + 1), repeats
    )
    return figures


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("coin.py").write_text(COIN)
        figures = measure(repeats)
        os.chdir("/")
    for name, (figure, least) in figures.items():
        bar = f"  (bar {BARS[name]:g})" if name in BARS else ""
        print(f"{name:<34} {figure:8.2f}  least {least:8.2f}{bar}")
    return 3 if any(figures[name][0] > bar for name, bar in BARS.items()) else 0


if __name__ == "__main__":
    sys.exit(main())
