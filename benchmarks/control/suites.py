"""Returns of the suites' tasks at their defaults, on test seeds of this version, beside published ones.

    python benchmarks/control/suites.py [--episodes N] [TASK ...]        # plays what is missing, notes a row each
    python benchmarks/control/suites.py --seeds tuning --set optimizer.sigma=0.3 dm/cartpole.swingup
    python benchmarks/control/suites.py --into docs/reference/control-suites.md    # writes the table, plays nothing

A row names the settings by a digest, the seed and the commit; rows of settings that are no longer the defaults are not shown.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the module beside the folders

from ours import bound
from tables import put
from taskloom import __version__, derive_seed
from taskloom.statistics.intervals import mean_interval
from taskloom_control.bench.variants import Bound, for_seed, settings_digest, with_values
from taskloom_control.closed_loop.loop import ClosedLoop
from taskloom_control.closed_loop.seeds import TUNING, sealed_seeds
from taskloom_control.metrics import episode_metrics
from taskloom_control.suites.table import SUITES

HERE = Path(__file__).parent
ROWS, PUBLISHED = HERE / "suites.jsonl", HERE / "published.json"


def play(task: Bound, seed: int) -> Mapping[str, float]:
    """Return the return of an episode, how long it lasted [s], and the CPU time that it took [s]."""
    began = time.process_time()
    loop = ClosedLoop(for_seed(task, seed), derive_seed(seed, "plan"), derive_seed(seed, "reset"))
    try:
        while not loop.done:
            loop.advance()
        metrics = episode_metrics(loop.simulation, loop.arrays(), loop.config)
    finally:
        loop.close()
    spent = time.process_time() - began
    return {"return": metrics["return"], "seconds": metrics["seconds"], "cpu": round(spent, 2)}


def commit() -> str:
    """Return the commit that is measured, with a mark if code of it was changed: the rows themselves change with every episode."""
    told = [
        subprocess.run(["git", *words], capture_output=True, text=True, check=True, cwd=HERE).stdout
        for words in (
            ["rev-parse", "--short=7", "HEAD"],
            ["status", "--porcelain", "--untracked-files=no", ":/packages", "*.py"],
        )
    ]
    return told[0].strip() + ("-dirty" if told[1] else "")


def rows() -> list[dict[str, object]]:
    """Return the rows that were noted."""
    return [json.loads(line) for line in ROWS.read_text().splitlines()] if ROWS.exists() else []


def measure(names: Iterable[str], seeds: str, episodes: int, values: Mapping[str, object]) -> None:
    """Play what is missing, a row each; tuning seeds are printed and not noted."""
    known = {(row["task"], row["settings"], row["seed"]) for row in rows()}
    for name in names:
        task = with_values(bound(name), values)
        digest = settings_digest(task)
        chosen = (
            list(TUNING)[:episodes]
            if seeds == "tuning"
            else sealed_seeds(f"control/{name}", __version__, 1, episodes).values
        )
        for seed in chosen:
            if (name, digest, seed) in known:
                continue
            row = {"task": name, "settings": digest, "seed": seed, **play(task, seed)}
            row["commit"] = commit()
            print(json.dumps(row), flush=True)
            if seeds != "tuning":
                with ROWS.open("a", encoding="utf-8", newline="\n") as file:
                    file.write(json.dumps(row) + "\n")


def table() -> Iterator[str]:
    """Return the lines of a Markdown table, a task each."""
    published = json.loads(PUBLISHED.read_text())
    yield "| task | return | 95 % | episodes | CPU an episode | published | commit |"
    yield "| --- | ---: | --- | ---: | ---: | --- | --- |"
    noted = rows()
    for ref in SUITES:
        digest = settings_digest(bound(ref.name))
        mine = [row for row in noted if (row["task"], row["settings"]) == (ref.name, digest)]
        theirs = "; ".join(f"{value} [{key}]" for key, value in published.get(ref.name, {}).items())
        if not mine:
            yield f"| `{ref.name}` | not measured | | | | {theirs} | |"
            continue
        values = [float(str(row["return"])) for row in mine]
        found = mean_interval(values)
        interval = "" if found.low is None else f"{found.low:.0f} to {found.high:.0f}"
        cpu = sum(float(str(row["cpu"])) for row in mine) / len(mine)
        commits = ", ".join(sorted({str(row["commit"]) for row in mine}))
        yield (
            f"| `{ref.name}` | {found.estimate:.0f} | {interval} | {len(mine)} | {cpu:.0f} s | {theirs} | {commits} |"
        )


def value_of(text: str) -> object:
    """Return a value as it was written."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*")
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--seeds", choices=["test", "tuning"], default="test")
    parser.add_argument(
        "--set", action="append", default=[], help="A value for tuning: path=value."
    )
    parser.add_argument("--into", type=Path, help="Page to write the table into.")
    arguments = parser.parse_args()
    if arguments.into is not None:
        put(arguments.into, "suites", table())
        return
    values = {
        path: value_of(text) for path, _, text in (item.partition("=") for item in arguments.set)
    }
    names = arguments.tasks or [ref.name for ref in SUITES]
    measure(names, arguments.seeds, arguments.episodes, values)


if __name__ == "__main__":
    main()
