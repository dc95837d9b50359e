"""Cost of knowing what a run was: unchanged inputs, and the code that ran; exits with 3 when a bar does not hold.

    python benchmarks/identity/measure.py [--size-mib N] [--repeats N]

CPU time; the medians of some repetitions.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from taskloom.asking import resolve_request
from taskloom.identity.filecache import FileCache
from taskloom.identity.identify import differences, identify
from taskloom.runs.run import list_runs

INPUTS_BAR = 5.0  # [ms], one unchanged file of 1 GB
CODE_BAR = 0.10  # of the CPU time of the smallest cold run
_COUNTED = """
import time
from taskloom.identity.witness import Witness
spent = 0.0
def timed(name):
    inner = getattr(Witness, name)
    def call(*arguments, **options):
        global spent
        began = time.process_time()
        try:
            return inner(*arguments, **options)
        finally:
            spent += time.process_time() - began
    setattr(Witness, name, call)
for name in ("__init__", "__enter__", "conclude", "write_git"):
    timed(name)
from taskloom.cli import main
import sys
main(sys.argv[1:])
sys.stderr.write(f"SPENT {spent} {time.process_time()}\\n")
"""


def milliseconds(call: Callable[[], object]) -> float:
    """Return the wall time of a call [ms]."""
    began = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - began)


def unchanged_input(folder: Path, size_mib: int, repeats: int) -> float:
    """Return the time to learn that a file is unchanged [ms]."""
    path = folder / "data.bin"
    with path.open("wb") as file:
        for _ in range(size_mib):
            file.write(os.urandom(1 << 20))
    os.utime(path, (1, 1))
    time.sleep(2.5)  # until it counts as settled
    with FileCache(folder) as files, contextlib.redirect_stderr(io.StringIO()):
        files.digest(path)

    def look() -> None:
        with FileCache(folder) as files:
            files.digest(path)
            if files.hashed:
                raise RuntimeError("an unchanged file was read again")

    return statistics.median(milliseconds(look) for _ in range(repeats))


def share_of_a_cold_run(folder: Path, repeats: int) -> tuple[float, float]:
    """Return the CPU time of noting the code as a share of that of a cold run, and of that run [s]."""
    shares, totals = [], []
    for seed in range(repeats + 1):
        words = ["run", "hci", "example", f"--seed={seed}", "--store", str(folder), "--quiet"]
        done = subprocess.run(
            [sys.executable, "-c", _COUNTED, *words],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        spent, total = map(float, done.stderr.split("SPENT ")[1].split())
        if seed:  # the first one fills the caches
            shares.append(spent / total)
            totals.append(total)
    return statistics.median(shares), statistics.median(totals)


def look_up(folder: Path, repeats: int) -> float:
    """Return the time of identifying a config and verifying a finished run against it [ms]."""
    loaded, resolved = resolve_request("hci/example", {}, {})
    run = list_runs(folder)[-1]

    def look() -> None:
        differences(run, identify(loaded, resolved.config, store=folder))

    look()
    return statistics.median(milliseconds(look) for _ in range(repeats))


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size-mib", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = unchanged_input(folder, options.size_mib, options.repeats)
        share, total = share_of_a_cold_run(folder / "runs", options.repeats)
        seconds = look_up(folder / "runs", options.repeats)
    print(f"unchanged input of {options.size_mib} MiB: {inputs:.2f} ms (bar {INPUTS_BAR:g} ms)")
    print(f"noting the code: {share:.1%} of a cold run of {total:.2f} CPU s (bar {CODE_BAR:.0%})")
    print(f"look-up and verification: {seconds:.1f} ms")
    return 0 if inputs <= INPUTS_BAR and share <= CODE_BAR else 3


if __name__ == "__main__":
    sys.exit(main())
