"""Validity of p-values over calibration sets: `python benchmarks/anomaly/p_values.py --out FILE`, about a CPU-minute.

A network with random weights on digits of 8 x 8 pixels; for each of 200 seeds other digits are trusted, held out and judged. The share of normal
inputs with p <= a must not lie above a by more than three deviations of its mean, and no p-value is 0 or above 1.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import taskloom_anomaly
import torch
from sklearn.datasets import load_digits

LEVELS = (0.01, 0.05, 0.1)
DETECTORS = ("mahalanobis", "knn", "ensemble")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    rows = (load_digits(return_X_y=True)[0] / 16).astype(np.float32)
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
    found: list[dict[str, Any]] = []
    for name in DETECTORS:
        rates, least, most = [], 1.0, 0.0
        for seed in range(asked.seeds):
            order = np.random.default_rng(seed).permutation(len(rows))
            fitted = taskloom_anomaly.fit(
                network, rows[order[:600]], calibration=rows[order[600:799]], detector=name, seed=seed, layers=["0", "1", "2"]
            )  # fmt: skip
            p = fitted.pvalue(rows[order[799:]])
            rates.append([(p <= level).mean() for level in LEVELS])
            least, most = min(least, p.min()), max(most, p.max())
        mean = np.mean(rates, axis=0)
        error = np.std(rates, axis=0, ddof=1) / np.sqrt(asked.seeds)
        row = {"detector": name, "seeds": asked.seeds, "levels": LEVELS, "rates": mean.tolist(), "errors": error.tolist(), "least": float(least), "most": float(most)}  # fmt: skip
        found.append(row)
        print(row, flush=True)
        if asked.out:
            asked.out.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
