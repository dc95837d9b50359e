"""Layers, and every fusion of them, on seeds that no published figure uses: why FGSM stays below .99 and the corner below .985.

    python benchmarks/anomaly/fusions.py [--seeds 100 101 102]
    python benchmarks/anomaly/fusions.py --tasks corner patch warp --set detector.mode=mixture detector.shrinkage=oas

For each task the AUROC of the layers, of each fusion, and of the mean without the logits, from one run a seed; then what each fusion loses to
the best layer, on average.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from taskloom.opening import open_task
from taskloom.testing import MemoryContext
from taskloom_anomaly.detection.artifacts import scores_of
from taskloom_anomaly.detection.fusion import Fusion, fuse
from taskloom_anomaly.metrics.ranking import auroc

TASKS: dict[str, tuple[str, dict[str, Any]]] = {
    "fgsm": ("adversarial_examples", {"attack": {"kind": "fgsm"}}),
    "corner": ("backdoor", {"trigger": {"kind": "corner"}}),
    "inside": ("backdoor", {"trigger": {"kind": "inside"}}),
    "pgd": ("adversarial_examples", {}),
    "toy_features": ("toy_features", {}),
    "ood_near": ("ood_near", {}),
    "quirky": ("quirky_arithmetic", {}),
    "tabular": ("tabular", {}),
}
MORE: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: ("backdoor", {"trigger": {"kind": name}}) for name in ("patch", "blend", "noise", "sine", "warp")},
    "all_to_all": ("backdoor", {"behavior": "all_to_all"}),
    "ood_far": ("ood_far", {}),
    "tampering": ("measurement_tampering", {}),
}  # fmt: skip
"""Tasks that are looked at where they are named."""
FUSIONS: tuple[Fusion, ...] = ("mean", "max", "sum", "cauchy", "harmonic", "min_p")


def scores(task: str, settings: Mapping[str, Any], seed: int) -> dict[str, dict[str, np.ndarray]]:
    """Return the scores by set and layer of one run, without the fused ones; an attack that took weakly counts, too."""
    plain = {"control.clean_twin": False, "min_attack_success": 0} if task == "backdoor" else {}
    values = {"seed": seed, "baselines": False, **plain, **settings}
    with tempfile.TemporaryDirectory() as folder:
        run = open_task(f"anomaly/{task}", values).run(MemoryContext(Path(folder), seed))
        found = scores_of(run.artifacts["scores"])
    return {name: {k: v for k, v in own.items() if k != "fused"} for name, own in found.items()}


def areas(found: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, float]:
    """Return the AUROC of each layer and of each fusion."""
    normal, held_out = found["normal"], found["calibration"]
    (odd,) = (own for name, own in found.items() if name.startswith("anomalous/"))
    result = {layer: auroc(normal[layer], odd[layer]) for layer in normal}
    for fusion in FUSIONS:
        result[fusion] = auroc(fuse(normal, held_out, fusion), fuse(odd, held_out, fusion))
    inner = [layer for layer in normal if layer != "logits"]
    parts = [
        fuse({layer: own[layer] for layer in inner}, held_out, "mean") for own in (normal, odd)
    ]
    return {**result, "mean, no logits": auroc(parts[0], parts[1])}


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[100, 101, 102])
    parser.add_argument("--tasks", nargs="+", choices=[*TASKS, *MORE], default=list(TASKS))
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="NAME=VALUE", help="Parameters of every task."
    )
    given = parser.parse_args()
    seeds, own = given.seeds, dict(word.split("=", 1) for word in given.set)
    head: list[str] = []
    regrets: dict[str, list[float]] = {fusion: [] for fusion in FUSIONS}
    for name in given.tasks:
        task, settings = {**TASKS, **MORE}[name]
        for seed in seeds:
            row = areas(scores(task, {**settings, **own}, seed))
            best = max(
                value for key, value in row.items() if key not in (*FUSIONS, "mean, no logits")
            )
            for fusion in FUSIONS:
                regrets[fusion].append(best - row[fusion])
            if list(row) != head:
                head = list(row)
                print(f"| task, seed | {' | '.join(head)} |\n| --- |{' ---: |' * len(head)}")
            print(
                f"| {name}, {seed} | {' | '.join(f'{row[key]:.3f}' for key in head)} |", flush=True
            )
    for name, values in regrets.items():
        print(f"{name}: mean regret to the best layer {np.mean(values):.4f}")


if __name__ == "__main__":
    main()
