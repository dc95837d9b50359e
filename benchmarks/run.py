"""Run the benchmarks that need no peer's environment, one after another, and keep what each printed.

    python benchmarks/run.py                 # all, about half an hour of one core
    python benchmarks/run.py startup hci     # some
    python benchmarks/run.py --list

Each runs in a process of its own with one thread. What it printed goes to bench-results/NAME.txt as well. Comparisons with a
peer need the peer's own environment: benchmarks/README.md has their commands.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = HERE.parent / "bench-results"
COMMANDS = {
    "startup": ("startup/measure.py",),
    "store": ("store/bench_store.py", "log", "ls", "rebuild"),
    "hci": ("hci/measure.py",),
    "control-optimum": ("control/lq.py",),
    "control-overhead": ("control/overhead.py",),
    "anomaly-pipeline": ("anomaly/pipeline.py",),
    "anomaly-detectors": ("anomaly/detectors/against_stand_ins.py",),
    "anomaly-memory": ("anomaly/detectors/memory.py",),
    "diffusion-training": ("diffusion/throughput.py",),
    "diffusion-sampling": ("diffusion/sampling.py",),
    "diffusion-memory": ("diffusion/memorise.py",),
}
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def measure(name: str) -> bool:
    """Run one benchmark, show its lines as they come, and return whether it ended well."""
    script, *words = COMMANDS[name]
    environment = {**os.environ, **dict.fromkeys(THREADS, "1")}
    command = [sys.executable, "-u", str(HERE / script), *words]
    begun = time.monotonic()
    print(f"== {name}: {script} {' '.join(words)}".rstrip(), flush=True)
    with (
        (RESULTS / f"{name}.txt").open("w") as kept,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
        ) as process,
    ):  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            kept.write(line)
    print(f"-- {name}: {time.monotonic() - begun:.0f} s\n", flush=True)
    return process.returncode == 0


def main() -> int:
    """Run what was asked for; return 1 when one of them failed or missed a bar that it checks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(COMMANDS)}")
    parser.add_argument("--list", action="store_true", help="name them and stop")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.names if name not in COMMANDS]:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(COMMANDS)}")
    if arguments.list:
        print("\n".join(COMMANDS))
        return 0
    RESULTS.mkdir(exist_ok=True)
    failed = [name for name in arguments.names or COMMANDS if not measure(name)]
    if failed:
        print(f"failed or short of a bar: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
