"""CPU time after a change over that before it: interleaved pairs, medians, and how sure they are.

    python benchmarks/house/speed.py --before PYTHON --after PYTHON [--pairs 20] [--only optimizers,hci]

Two processes at a time, one of each interpreter, take turns at the same fixed pieces of work (`workloads.py`), and measure
them by their own CPU clocks; who comes first changes from pair to pair, and both are started anew every few pairs. The
ratio of a piece is the median over the pairs; its interval is the bootstrap's, 95 %. A bar is missed when the lower end of
the interval is above it: then exits with 3.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

WORKLOADS = Path(__file__).with_name("workloads.py")
GROUPS = ("optimizers", "control", "hci", "hci_rows", "anomaly", "diffusion")
BARS = {"optimizers": 1.05}
BAR = 1.03
TOGETHER = 5  # pairs between two starts
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Worker:
    """A process that measures the pieces of a group when it is asked to."""

    def __init__(self, python: Path, group: str) -> None:
        self._process = subprocess.Popen(
            [str(python), str(WORKLOADS), group],
            env={**os.environ, **dict.fromkeys(THREADS, "1")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.names: list[str] = json.loads(self._answer())

    def measure(self, name: str) -> float:
        """Return the CPU seconds of a piece."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{name}\n")
        self._process.stdin.flush()
        return float(self._answer())

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            sys.exit("a process ended early")
        return line


def ratios_of(before: Path, after: Path, group: str, pairs: int) -> dict[str, list[float]]:
    """Return the ratio of every piece of a group in every pair."""
    ratios: dict[str, list[float]] = {}
    for begin in range(0, pairs, TOGETHER):
        old, new = Worker(before, group), Worker(after, group)
        for name in old.names:
            for pair in range(begin, min(begin + TOGETHER, pairs)):
                turns = (old, new) if pair % 2 == 0 else (new, old)
                seconds = {worker: worker.measure(name) for worker in turns}
                ratios.setdefault(name, []).append(seconds[new] / seconds[old])
        for worker in (old, new):
            worker.close()
        print(f"{group}: {min(begin + TOGETHER, pairs)} of {pairs} pairs", file=sys.stderr)
    return ratios


def interval(values: list[float]) -> tuple[float, float]:
    """Return the bootstrap's 95 % interval of the median."""
    rng = np.random.default_rng(0)
    medians = np.median(rng.choice(values, (4000, len(values))), axis=1)
    low, high = np.quantile(medians, (0.025, 0.975))
    return float(low), float(high)


def main() -> int:
    """Measure, print a table, and return 3 if a bar does not hold."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--before", type=Path, required=True, help="interpreter of the old checkout"
    )
    parser.add_argument("--after", type=Path, required=True, help="interpreter of the new one")
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--only", default=",".join(GROUPS), help="groups, with commas between them")
    options = parser.parse_args()
    missed = False
    print(f"{'piece of work':<24} {'ratio':>6} {'95 % interval':>16} {'bar':>5}")
    for group in options.only.split(","):
        bar = BARS.get(group, BAR)
        found = ratios_of(options.before.absolute(), options.after.absolute(), group, options.pairs)
        for name, values in found.items():
            low, high = interval(values)
            missed |= low > bar
            shown = f"{float(np.median(values)):6.3f} {low:7.3f} to {high:5.3f} {bar:5g}"
            print(f"{name:<24} {shown}{'  MISSED' if low > bar else ''}", flush=True)
    return 3 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
