"""Peak memory of a whole run over 4,000 and over 400,000 trusted samples, each in a process of its own.

    OMP_NUM_THREADS=1 python benchmarks/anomaly/memory.py [DETECTOR ...]

The samples are images of 28x28 that are made when they are read; the network is an MLP 256-256. The run is the one that
`tasks run` makes: fit on trusted samples, calibrate on a fifth of them, score, evaluate, keep.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from taskloom.testing import MemoryContext
from taskloom_anomaly import AnomalyTaskConfig, ArrayDataset
from taskloom_anomaly.backends.resolve import RandomParametersWarning
from taskloom_anomaly.compat.tasks import run_task

SIZES = (4_000, 400_000)


class Drawn:
    """Images that are drawn when they are read."""

    def __init__(self, size: int, mean: float) -> None:
        self._size = size
        self._mean = mean

    def __len__(self) -> int:
        return self._size

    def read(self, rows: np.ndarray, /) -> ArrayDataset:
        """Return the images of these indices."""
        rng = np.random.default_rng(int(rows[0]))
        drawn = rng.standard_normal((len(rows), 28, 28, 1), dtype=np.float32)
        return ArrayDataset(drawn + np.float32(self._mean))


class Endless(AnomalyTaskConfig):
    """As many samples as one likes."""

    size: int = 4000
    """Trusted samples."""

    def build_reference_data(self) -> Drawn:
        """Trusted images."""
        return Drawn(self.size, 0.0)

    def build_test_reference_data(self) -> Drawn:
        """Normal images."""
        return Drawn(1000, 0.0)

    def build_model(self) -> Any:  # noqa: ANN401 -- a flax module
        """MLP 256-256."""
        from taskloom_anomaly.models.mlp import MLP

        return MLP().build((28, 28, 1), 10, 0)

    def build_params(self) -> None:
        """Random parameters."""

    def build_anomalous_data(self) -> Drawn:
        """Shifted images."""
        return Drawn(1000, 0.1)


def peak(detector: str, size: int) -> float:
    """Run once and return the process's peak memory [MB]."""
    warnings.simplefilter("ignore", RandomParametersWarning)
    task = Endless.model_validate({"size": size, "detector": {"kind": detector}})
    with tempfile.TemporaryDirectory() as folder:
        run_task(task, task, MemoryContext(Path(folder), seed=0))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print both peaks and their ratio for each detector."""
    if len(sys.argv) == 3 and sys.argv[2].isdigit():
        print(peak(sys.argv[1], int(sys.argv[2])))
        return
    for kind in sys.argv[1:] or ["mahalanobis", "pca_residual", "msp"]:
        few, many = (
            float(subprocess.check_output([sys.executable, __file__, kind, str(size)]).split()[-1])
            for size in SIZES
        )
        print(f"{kind:16} {few:7.1f} MB {many:7.1f} MB   ratio {many / few:.3f}", flush=True)


if __name__ == "__main__":
    main()
