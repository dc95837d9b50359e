"""Realised rates of false alarms of every (task, detector, level, seed): `python benchmarks/anomaly/false_alarms.py --out FILE`.

A cell is a fitted detector on the normal test samples of a task that no fit and no calibration has seen. The band is beta-binomial
(n, k, m + 1 - k); cells that the calibration samples cannot carry are refused and not counted. Half of the normal test samples calibrate and
the other half is judged, as a run's own detector does with all of them. Beside that, all of them are judged by the samples
that were held out of the *fit* alone: where the network was trained on those, they are no calibration. At full size (20 seeds) about ten CPU-minutes.
"""

from __future__ import annotations

import argparse
import collections
import json
from pathlib import Path
from typing import Any

import numpy as np
from taskloom.opening import open_task
from taskloom_anomaly.data.arrays import concatenate
from taskloom_anomaly.detection.answers import Calibration, Judge, Rule
from taskloom_anomaly.detection.assembly import assemble
from taskloom_anomaly.detection.fitting import fit_detector
from taskloom_anomaly.statistics.conformal import count_band

LEVELS = (0.01, 0.05, 0.1)
TASKS: dict[str, dict[str, Any]] = {
    "toy_features": {},
    "tabular": {"source": "digits8"},
    "ood_near": {"data.source": "digits8", "training.epochs": 15, "training.learning_rate": 0.01},
    "backdoor": {
        "data.source": "digits8",
        "training.epochs": 20,
        "trigger": "corner",
        "control.clean_twin": False,
    },
}
DETECTORS = ("mahalanobis", "knn", "pca_residual", "lof", "beatrix", "msp", "vim", "iforest")


def cells(task: str, settings: dict[str, Any], seed: int) -> list[dict[str, Any]]:
    """Return the cells of one task and seed."""
    bound: Any = open_task(f"anomaly/{task}", **{"seed": seed, "calibration_fraction": 0.4, **settings})  # fmt: skip
    data = assemble(bound.task, bound.config)
    normal = concatenate([data.normal.arrays()])
    found = []
    for name in DETECTORS:
        config = bound.config.model_copy(update={"detector": _detector(name)})
        try:
            fitted = fit_detector(data, config)
        except Exception as error:  # a detector that the task cannot have
            print(f"{task} {name}: {error}")
            continue
        answers = fitted.score(normal)
        order = np.random.default_rng(seed).permutation(len(normal))
        half = len(order) // 2
        scores = {layer: answers[layer][order] for layer in answers}
        of_task = {layer: values[:half] for layer, values in scores.items()}
        rest = {layer: values[half:] for layer, values in scores.items()}
        for by, known, judged in (("fresh", of_task, rest), ("trained on", fitted.calibration, scores)):  # fmt: skip
            m, n = (len(next(iter(part.values()))) for part in (known, judged))
            for level in LEVELS:
                k = Rule(level).ranks(m)
                if not k:
                    continue
                flags = Judge(Calibration(known), Rule(level))(judged).flag
                low, high = count_band(n, k, m)
                found.append({"task": task, "detector": name, "level": level, "seed": seed, "by": by, "m": m, "n": n, "k": k, "alarms": int(flags.sum()), "inside": bool(low <= flags.sum() <= high)})  # fmt: skip
    return found


def _detector(name: str) -> Any:  # noqa: ANN401 -- a component
    from taskloom.registry import load_component

    return load_component("taskloom_anomaly.detectors", name).model_validate({"kind": name})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    found = []
    for task, settings in TASKS.items():
        for seed in range(asked.seeds):
            found += cells(task, settings, seed)
            if asked.out:
                asked.out.write_text(json.dumps(found))
    for by in ("fresh", "trained on"):
        own = [cell for cell in found if cell["by"] == by]
        print(f"{by}: {len(own)} cells, inside the 95 % band: {np.mean([c['inside'] for c in own]):.4f}")  # fmt: skip
        groups: dict[Any, list[dict[str, Any]]] = collections.defaultdict(list)
        for cell in own:
            for name in ("task", "detector", "level"):
                groups[cell[name]].append(cell)
        for group, part in groups.items():
            rate = np.mean([c["alarms"] / c["n"] / (c["k"] / (c["m"] + 1)) for c in part])
            print(f"  {group!s:14} {len(part):5} cells, inside {np.mean([c['inside'] for c in part]):.3f}, mean rate {rate:.3f} of the stated one")  # fmt: skip


if __name__ == "__main__":
    main()
