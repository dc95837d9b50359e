"""Regenerate the figures that the pages of the anomaly domain publish: the default against its baselines, and the attacks.

    python benchmarks/anomaly/figures.py [--seeds 5] [--trigger inside] [--out figures.json]

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
    parser.add_argument("--trigger", default="inside")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    settings = {"trigger": {"kind": given.trigger}} if given.task == "backdoor" else {}
    rows = [run_once(given.task, seed, settings) for seed in range(given.seeds)]
    shown = [name for name in (*NUMBERS, "cpu_s") if name in rows[0]]
    print("| seed | " + " | ".join(shown) + " |")
    print("| --- |" + " ---: |" * len(shown))
    for seed, row in enumerate(rows):
        print(f"| {seed} | " + " | ".join(f"{row[name]:.3f}" for name in shown) + " |")
    if given.out:
        given.out.write_text(json.dumps({"task": given.task, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
