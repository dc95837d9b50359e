"""Coverage of the AUROC's interval in binormal experiments, at the sizes of the specification.

    OMP_NUM_THREADS=1 python benchmarks/anomaly/coverage.py [--experiments 2000]

Bar: .93 to .99 in every row, .93 to .97 where the smaller side has 100 samples or more.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import norm
from taskloom_anomaly.metrics import auroc_interval

ROWS = (
    (20, 20, 0.9615), (20, 20, 0.99), (50, 10, 0.95), (1000, 20, 0.98), (100, 100, 0.962), (200, 60, 0.983),
    (600, 300, 0.990), (600, 300, 0.638), (500, 500, 0.999),
)  # fmt: skip


def coverage(normal: int, anomalous: int, area: float, experiments: int) -> tuple[float, float]:
    """Return the share of experiments whose interval holds the true area, and the mean width."""
    shift = norm.ppf(area) * np.sqrt(2)
    held, width = 0, 0.0
    for seed in range(experiments):
        rng = np.random.default_rng([seed, normal, anomalous])
        low, high = auroc_interval(rng.normal(size=normal), rng.normal(shift, 1, anomalous))
        held += low <= area <= high
        width += high - low
    return held / experiments, width / experiments


def main() -> None:
    """Print one line a row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=2000)
    given = parser.parse_args()
    for normal, anomalous, area in ROWS:
        share, width = coverage(normal, anomalous, area, given.experiments)
        high = 0.97 if min(normal, anomalous) >= 100 else 0.99
        fits = "" if 0.93 <= share <= high else "  OUTSIDE"
        print(f"{normal} + {anomalous}, {area}: coverage {share:.3f}, width {width:.3f}{fits}")


if __name__ == "__main__":
    main()
