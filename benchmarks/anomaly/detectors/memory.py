"""Peak memory of fitting to 4,000 and to 400,000 activations, each in a process of its own."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from taskloom.registry.components import load_components
from taskloom_anomaly.detectors.base import (
    GROUP,
    Detector,
    Features,
    FeatureSpec,
    Split,
    TrainableHandle,
)
from taskloom_anomaly.detectors.fit import fit

WIDTH, BATCH = 128, 1000
KINDS = (
    "mahalanobis",
    "mahalanobis mode=mixture",
    "que",
    "spectral",
    "likelihood_ratio",
    "pca_residual",
    "knn",
    "lof",
    "iforest",
    "beatrix",
    "ted",
    "vim",
    "react",
    "input_baseline",
    "vae epochs=1",
    "abstraction epochs=1",
    "finetune epochs=1",
    "probe",
)


@dataclass(frozen=True)
class Endless:
    """A stream whose batches are made when they are read."""

    count: int

    def batches(self, split: Split, /) -> Iterator[Features]:
        """Yield the split's batches."""
        rng = np.random.default_rng(len(split))
        for _ in range(self.count // BATCH):
            rows = rng.standard_normal((BATCH, WIDTH), dtype=np.float32)
            flags = rows[:, 0] > 1 if split == "untrusted" else None
            yield Features({"layer": rows}, rows[:, :10], rows, anomalous=flags)


def network() -> TrainableHandle:
    """Return the model that finetuning trains."""
    import torch
    from taskloom_anomaly.backends.torch_handle import torch_handle

    module = torch.nn.Sequential(torch.nn.Linear(WIDTH, 10))
    return torch_handle(module, None, np.zeros((1, WIDTH), np.float32))


def peak_of(words: str, count: int) -> float:
    """Fit one detector and return the process's peak memory [MB]."""
    kind, *pairs = words.split()
    values = dict(pair.split("=", 1) for pair in pairs)
    detector = load_components(GROUP)[kind].model_validate({"kind": kind, **values})
    assert isinstance(detector, Detector)
    head = np.eye(10, WIDTH)
    spec = FeatureSpec(
        {"layer": WIDTH}, 10, "layer", head, np.zeros(10), network() if kind == "finetune" else None
    )
    fit(detector, Endless(count), spec, 0)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print both peaks and their ratio for each detector."""
    if len(sys.argv) == 3 and sys.argv[2].isdigit():
        print(peak_of(sys.argv[1], int(sys.argv[2])))
        return
    for kind in sys.argv[1:] or KINDS:
        peaks = [
            # The least of three: the peak of one process varies by where its allocator put things.
            min(
                float(subprocess.check_output([sys.executable, __file__, kind, str(count)]))
                for _ in range(3)
            )
            for count in (4_000, 400_000)
        ]
        print(
            f"{kind:26s} {peaks[0]:7.1f} MB {peaks[1]:7.1f} MB   ratio {peaks[1] / peaks[0]:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
