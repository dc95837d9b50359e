"""Regenerate the figures that the pages of the anomaly domain publish: the default against its baselines, and the attacks.

    python benchmarks/anomaly/figures.py [--seeds 5] [--trigger inside] [--out figures.json]
    python benchmarks/anomaly/figures.py --task adversarial_examples [--attack fgsm]

Bars: on every seed the lower end of the paired interval of `gain_over_baseline` lies above 0, and the clean twin stays below .65;
`--trigger corner` keeps fused >= .985; `--task adversarial_examples` with FGSM at .2 keeps fused >= .99.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from taskloom.opening import open_task
from taskloom.testing import MemoryContext

NUMBERS = (
    "auroc/fused", "auroc/dense_0", "auroc/dense_1", "auroc/logits", "baseline_auroc/input", "gain_over_baseline/low",
    "clean_twin_auroc/fused", "clean_twin_auroc/dense_0", "clean_twin_auroc/dense_1", "card/clean_accuracy",
    "card/attack_success", "mechanistic_specificity",
)  # fmt: skip


def run_once(task: str, seed: int, settings: dict[str, Any]) -> dict[str, float]:
    """Return the metrics of one run, with its CPU time."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        result = open_task(f"anomaly/{task}", {"seed": seed, **settings}).run(
            MemoryContext(Path(folder), seed)
        )
        return {**result.metrics, "cpu_s": time.process_time() - start}


def main() -> None:
    """Run all seeds and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="backdoor")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--trigger", default="inside")
    parser.add_argument("--attack", default="fgsm", help="Of adversarial_examples.")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    own = {"backdoor": ("trigger", given.trigger), "adversarial_examples": ("attack", given.attack)}
    settings = {name: {"kind": kind} for name, kind in [own[given.task]]} if given.task in own else {}  # fmt: skip
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    rows = [run_once(given.task, seed, settings) for seed in seeds]
    shown = [name for name in (*NUMBERS, "cpu_s") if name in rows[0]]
    print("| seed | " + " | ".join(shown) + " |")
    print("| --- |" + " ---: |" * len(shown))
    for seed, row in zip(seeds, rows, strict=True):
        print(f"| {seed} | " + " | ".join(f"{row[name]:.3f}" for name in shown) + " |")
    if given.out:
        given.out.write_text(json.dumps({"task": given.task, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
