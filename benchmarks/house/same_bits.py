"""Runs a list of small runs and keeps a hash of everything they compute; compares two such files, bit by bit.

    python benchmarks/house/same_bits.py --tasks PATH --store DIR --out before.json [--only hci] [--jobs 1]
    python benchmarks/house/same_bits.py --compare before.json after.json [--leave-out REGEX]

Made once before a change that may not change any result and once after it, on one machine, with the command `tasks` of
each. What is a time, a path or an id is left out, by the list in `contents.py`; everything else counts: arrays by name,
dtype, shape and bytes, JSON and text by content. Beside FILE.json lies FILE.npz with the contents, so that a difference
is a number.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from cases import DOMAINS, entries_of
from differences import differences
from running import Runner

# What two runs of the same code do not repeat. The mean over the layers of a detector that was read from its file is summed
# in the order in which safetensors hands its tensors over, which is another in every process: it moves by 1e-14.
UNSTEADY = (r"^anomaly/eval-(detector|run): scores\.npz:.*\|fused$",)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_domain(domain: str, tasks: Path, store: Path, names: list[str]) -> Runner:
    """Run the list of a domain, or the entries that were named."""
    runner = Runner(tasks, domain, store / domain)
    for entry in entries_of(domain):
        if names and entry.name not in names:
            continue
        used, begun = _cpu(), time.monotonic()
        runner.run(entry)
        took = f"{_cpu() - used:.1f} CPU s, {time.monotonic() - begun:.1f} s"
        print(f"{domain}/{entry.name}: {took}", file=sys.stderr, flush=True)
    return runner


def run_all(arguments: argparse.Namespace) -> int:
    """Run the lists and write the file; return 1 if something could not be run."""
    tasks, store = arguments.tasks.absolute(), arguments.store.absolute()
    domains = arguments.only.split(",") if arguments.only else list(DOMAINS)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        runners = list(
            pool.map(lambda each: run_domain(each, tasks, store, arguments.entry), domains)
        )
    runs: dict[str, Any] = {}
    kept: dict[str, Any] = {}
    for runner in runners:
        runs |= runner.found
        kept |= runner.contents.kept
    text = json.dumps({"cpu_seconds": round(_cpu(), 1), "runs": runs}, indent=1, sort_keys=True)
    arguments.out.write_text(text + "\n", encoding="utf-8")
    np.savez_compressed(arguments.out.with_suffix(".npz"), **kept)
    failed = [name for name, items in runs.items() if "error" in items]
    print(f"{len(runs)} runs and commands, {_cpu():.0f} CPU s; not run: {failed or 'none'}")
    return 1 if failed else 0


def compare(before: Path, after: Path, left_out: list[str]) -> int:
    """Print every difference that is not left out; return 1 if there is one."""
    found, patterns = 0, (*UNSTEADY, *left_out)
    for name, what in differences(before, after):
        if not any(re.search(pattern, name) for pattern in patterns):
            found += 1
            print(f"{name}: {what}")
    count = sum(len(items) for items in json.loads(before.read_text("utf-8"))["runs"].values())
    print(f"{found} of {count} items differ")
    return 1 if found else 0


def main() -> int:
    """Run the lists, or compare two files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=Path, help="the command `tasks`")
    parser.add_argument("--store", type=Path, help="folder for the runs; its parts are emptied")
    parser.add_argument("--out", type=Path, help="file to write, .json")
    parser.add_argument("--only", default="", help="domains, with commas between them")
    parser.add_argument("--entry", action="append", default=[], help="one entry; repeatable")
    parser.add_argument("--jobs", type=int, default=1, help="domains at a time")
    parser.add_argument("--compare", type=Path, nargs=2, metavar=("BEFORE", "AFTER"))
    parser.add_argument("--leave-out", action="append", default=[], metavar="REGEX")
    arguments = parser.parse_args()
    if arguments.compare:
        return compare(*arguments.compare, arguments.leave_out)
    if not (arguments.tasks and arguments.store and arguments.out):
        parser.error("say --tasks, --store and --out, or --compare")
    return run_all(arguments)


if __name__ == "__main__":
    sys.exit(main())
