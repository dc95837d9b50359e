"""Forward pass and statistics beside the forward pass alone, in flax: MLP 784-256-256-10, 8,192 samples.

    OMP_NUM_THREADS=1 XLA_FLAGS=--xla_cpu_multi_thread_eigen=false python benchmarks/anomaly/forward_and_statistics.py

The statistics are mean and covariance of all three layers; rows with `fourth` have the third and fourth moments, too, which
Ledoit-Wolf needs. CPU time, turn by turn in one process, medians.

    statistics by BLAS   the compiled forward pass, and symmetric products of the activations it left in memory
    as a run fits        the same through everything that a run puts between: batches, checks, the detector's state
    one compiled pass    statistics inside the compiled pass, as on an accelerator, where activations then never leave the device
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
from taskloom_anomaly.backends.jax_handle import JaxHandle
from taskloom_anomaly.backends.jax_moments import MomentsGatherer
from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.data.arrays import ArrayDataset
from taskloom_anomaly.detection.features import ModelStream, extractor_for
from taskloom_anomaly.detectors.fit import fit_state
from taskloom_anomaly.detectors.mahalanobis import Mahalanobis
from taskloom_anomaly.models.mlp import MLP
from taskloom_anomaly.statistics import moments

SAMPLES, BATCH, ROUNDS = 8192, 1024, 25


def main() -> None:
    """Print medians and ratios."""
    rng = np.random.default_rng(0)
    inputs = rng.random((SAMPLES, 28, 28, 1), dtype=np.float32)
    batches = [inputs[start : start + BATCH] for start in range(0, SAMPLES, BATCH)]
    handle = as_handle(MLP().build((28, 28, 1), 10, 0), None, inputs[:1], warn=False)
    assert isinstance(handle, JaxHandle)
    layers = handle.default_layers
    shifts = {n: a.mean(axis=0) for n, a in handle.forward(batches[0], layers).activations.items()}
    extractor = extractor_for(handle, layers, "auto", BATCH)
    data = ArrayDataset(inputs)
    spec, detector = extractor.spec(data), Mahalanobis()

    def forward() -> None:
        for batch in batches:
            handle.forward(batch, layers)

    def compiled(fourth: bool) -> dict[str, moments.Moments]:
        gatherer = MomentsGatherer(handle, shifts, extractor.reductions, fourth=fourth)
        for batch in batches:
            gatherer.add(batch)
        return gatherer.moments()

    def by_blas(fourth: bool) -> dict[str, moments.Moments]:
        found: dict[str, moments.Moments] = {}
        for batch in batches:
            for name, rows in handle.forward(batch, layers).activations.items():
                before = found.get(name) or moments.empty(rows.shape[1], fourth=fourth)
                found[name] = moments.add(before, rows)
        return found

    exact = {
        name: moments.of_rows(rows.astype(np.float64))
        for name, rows in handle.forward(inputs, layers).activations.items()
    }
    for found in (compiled(fourth=True), by_blas(fourth=True)):
        for name in layers:
            error = np.abs(found[name].scatter - exact[name].scatter).max()
            relative = error / np.diag(exact[name].scatter).max()
            assert relative < 1e-6, (name, relative)
            print(f"{name:10} largest error by the largest variance: {relative:.1e}")
    rivals: dict[str, Callable[[], object]] = {
        "forward": forward,
        "statistics by BLAS": lambda: by_blas(fourth=False),
        "statistics by BLAS, fourth": lambda: by_blas(fourth=True),
        "as a run fits": lambda: fit_state(
            detector, ModelStream(extractor, {"trusted": data}, keep=False), spec, 0
        ),
        "one compiled pass": lambda: compiled(fourth=False),
        "one compiled pass, fourth": lambda: compiled(fourth=True),
    }
    times: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(ROUNDS):
        for name, rival in rivals.items():
            start = time.process_time()
            rival()
            times[name].append(time.process_time() - start)
    base = statistics.median(times["forward"][2:])
    for name, spent in times.items():
        median = statistics.median(spent[2:])
        print(f"{name:28} {1000 * median:7.1f} ms   {median / base:.2f} x forward")


if __name__ == "__main__":
    main()
