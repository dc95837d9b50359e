"""CPU time of each command as a ratio to `python -c pass`, interleaved, medians; exits with 3 when a bar does not hold.

    python benchmarks/startup/measure.py [--repeats N] [--json FILE]

Ratios cancel the machine; CPU time of the children (user and system) cancels what else runs on it. The commands of all rows
take turns within one repetition, so that a slow minute hits every row alike.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

GARDEN = Path(__file__).parents[2] / "tests" / "cli" / "garden"
SCRIPT = Path(sys.executable).with_name("tasks")
BASELINE = "python -c pass"

# name: (words after `tasks`, largest allowed ratio or None)
COMMANDS: dict[str, tuple[list[str], float | None]] = {
    "tasks --version": (["--version"], 8.0),
    "tasks list": (["list"], 8.0),
    "tasks --help": (["--help"], 13.0),
    "tasks run D T --help (garden grow)": (["run", "garden", "grow", "--help"], 40.0),
    "completion of a task": (["#complete", "tasks run garden "], 8.0),
    "completion of an option": (["#complete", "tasks run garden grow --fee"], 40.0),
    "tasks run D T --dry-run": (["run", "garden", "grow", "--dry-run"], None),
    "tasks runs ls": (["runs", "ls"], None),
}


def commands() -> dict[str, tuple[list[str], float | None]]:
    """Return the commands to measure: those above, and the help of the first task of every installed domain."""
    from taskloom.registry import installed_domains, tasks_of

    found = dict(COMMANDS)
    for entry in installed_domains():
        for task in tasks_of(entry.ref.name)[:1]:
            words = ["run", entry.ref.name, task.ref.name, "--help"]
            found[f"tasks {' '.join(words)}"] = (words, 40.0)
    return found


def cpu_seconds(words: list[str], folder: str) -> float:
    """Return the CPU time of one process [s]."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(GARDEN),
        "OMP_NUM_THREADS": "1",
        "TASKS_STORE": folder,
    }
    line = [str(SCRIPT), *words]
    if not words:
        line = [sys.executable, "-c", "pass"]
    elif words[0] == "#complete":
        environment |= {"_TASKS_COMPLETE": "bash", "_TASKS_LINE": words[1]}
        line = [str(SCRIPT)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(line, env=environment, cwd=folder, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{words} failed: {done.stderr.decode()}")
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> int:
    """Measure, print a table, and return 3 if a bar does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = {BASELINE: ([], None), **commands()}
    times: dict[str, list[float]] = {name: [] for name in rows}
    with tempfile.TemporaryDirectory() as folder:
        for repeat in range(options.repeats + 1):
            for name, (words, _) in rows.items():
                seconds = cpu_seconds(words, folder)
                if repeat:  # the first round fills the caches of the disk
                    times[name].append(seconds)
    base = statistics.median(times[BASELINE])
    failed = False
    print(f"{'command':<46} {'CPU ms':>7} {'ratio':>6} {'bar':>5}")
    results = {}
    for name, (_, bar) in rows.items():
        middle = statistics.median(times[name])
        ratio = middle / base
        missed = bar is not None and ratio > bar
        failed |= missed
        shown = f"{bar:g}" if bar else ""
        print(
            f"{name:<46} {middle * 1e3:7.1f} {ratio:6.1f} {shown:>5}{'  MISSED' if missed else ''}"
        )
        results[name] = {"cpu_ms": middle * 1e3, "ratio": ratio, "bar": bar}
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return 3 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
