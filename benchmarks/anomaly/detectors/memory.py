"""Peak memory of fitting to 4,000 and to 400,000 activations, each in a process of its own."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from taskloom.registry.components import load_components
from taskloom_anomaly.detectors import driver
from taskloom_anomaly.detectors.components import GROUP
from taskloom_anomaly.detectors.config.base import Detector
from taskloom_anomaly.detectors.protocol import Features, FeatureSpec, Split

WIDTH, BATCH = 128, 1000
KINDS = ("mahalanobis", "que", "likelihood_ratio", "pca_residual", "knn", "beatrix", "vim", "react")


@dataclass(frozen=True)
class Endless:
    """A stream whose batches are made when they are read."""

    count: int

    def batches(self, split: Split, /) -> Iterator[Features]:
        """Yield the split's batches."""
        rng = np.random.default_rng(len(split))
        for _ in range(self.count // BATCH):
            rows = rng.standard_normal((BATCH, WIDTH), dtype=np.float32)
            yield Features({"layer": rows}, rows[:, :10])


def fit(kind: str, count: int) -> float:
    """Fit one detector and return the process's peak memory [MB]."""
    config = load_components(GROUP)[kind].model_validate({"kind": kind})
    assert isinstance(config, Detector)
    head = np.eye(10, WIDTH)
    spec = FeatureSpec({"layer": WIDTH}, 10, "layer", head, np.zeros(10))
    driver.fit(config.build(), Endless(count), spec, 0)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print both peaks and their ratio for each detector."""
    if len(sys.argv) == 3:
        print(fit(sys.argv[1], int(sys.argv[2])))
        return
    for kind in KINDS:
        peaks = [
            float(subprocess.check_output([sys.executable, __file__, kind, str(count)]))
            for count in (4_000, 400_000)
        ]
        print(f"{kind:18s} {peaks[0]:7.1f} MB {peaks[1]:7.1f} MB   ratio {peaks[1] / peaks[0]:.3f}")


if __name__ == "__main__":
    main()
