"""CPU time of starting, as a ratio to `python -c pass`, interleaved, medians; exits with 3 when a bar does not hold.

    python benchmarks/house/start_up.py --tasks PATH [--repeats 15]

Ratios cancel the machine; CPU time of the children, user and system, cancels what else runs on it. The Python is the one
beside the command `tasks`.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HELP_BAR = 36.0
TASKS = (
    ("control", "cartpole"),
    ("hci", "pointing"),
    ("anomaly", "toy_features"),
    ("diffusion", "smiles"),
)
BARE = "python -c pass"
BARS: dict[str, float] = {
    "--version": 3.0,
    "list": 5.5,
    "--help": 9.5,
    **{f"run {domain} {task} --help": HELP_BAR for domain, task in TASKS},
}


def cpu_seconds(line: list[str], folder: str) -> float:
    """Return the CPU time of one process [s]."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TASKS_STORE": folder}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(line, env=environment, cwd=folder, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(line)} failed: {done.stderr.decode()}")
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def measure(tasks: Path, repeats: int) -> dict[str, list[float]]:
    """Return the CPU times of every command; they take turns, and the first turn does not count."""
    lines = {BARE: [str(tasks.with_name("python")), "-c", "pass"]}
    lines |= {words: [str(tasks), *words.split()] for words in BARS}
    times: dict[str, list[float]] = {name: [] for name in lines}
    with tempfile.TemporaryDirectory() as folder:
        for repeat in range(repeats + 1):
            for name, line in lines.items():
                seconds = cpu_seconds(line, folder)
                if repeat:
                    times[name].append(seconds)
    return times


def main() -> int:
    """Measure, print a table, and return 3 if a bar does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=Path, default=Path(sys.executable).with_name("tasks"))
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    times = measure(options.tasks.absolute(), options.repeats)
    base = times.pop(BARE)
    print(f"{'command':<40} {'CPU ms':>7} {'ratio':>6} {'bar':>5}")
    print(f"{BARE:<40} {statistics.median(base) * 1e3:7.1f} {1:6.1f}")
    missed = False
    for name, seconds in times.items():
        ratio = statistics.median(a / b for a, b in zip(seconds, base, strict=True))
        late = ratio > BARS[name]
        missed |= late
        shown = f"{statistics.median(seconds) * 1e3:7.1f} {ratio:6.1f} {BARS[name]:5g}"
        print(f"{'tasks ' + name:<40} {shown}{'  MISSED' if late else ''}")
    return 3 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
