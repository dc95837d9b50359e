"""Forward pass and statistics in one compiled function, beside the forward pass alone: MLP 784-256-256-10, 8,192 samples.

    OMP_NUM_THREADS=1 XLA_FLAGS=--xla_cpu_multi_thread_eigen=false python benchmarks/anomaly/forward_and_statistics.py

All three layers' moments are gathered (mean, covariance, and the third and fourth moments that Ledoit-Wolf needs). CPU time,
turn by turn in one process, medians. `separate` runs the compiled forward pass and takes the moments in float64 outside, which
is what a run does when the data is too small to pay for compiling a second function.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
from taskloom_anomaly.backends.jax_handle import JaxHandle
from taskloom_anomaly.backends.jax_moments import MomentsGatherer
from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.models.config import Mlp
from taskloom_anomaly.statistics import moments

SAMPLES, BATCH, ROUNDS = 8192, 1024, 15


def main() -> None:
    """Print medians and ratios."""
    rng = np.random.default_rng(0)
    inputs = rng.random((SAMPLES, 28, 28, 1), dtype=np.float32)
    batches = [inputs[start : start + BATCH] for start in range(0, SAMPLES, BATCH)]
    handle = as_handle(Mlp().build((28, 28, 1), 10, 0), None, inputs[:1], warn=False)
    assert isinstance(handle, JaxHandle)
    layers = handle.default_layers
    shifts = {n: a.mean(axis=0) for n, a in handle.forward(batches[0], layers).activations.items()}

    def forward() -> None:
        for batch in batches:
            handle.forward(batch, layers)

    def together() -> dict[str, moments.Moments]:
        gatherer = MomentsGatherer(handle, shifts, "auto")
        for batch in batches:
            gatherer.add(batch)
        return gatherer.moments()

    def separate() -> dict[str, moments.Moments]:
        found: dict[str, moments.Moments] = {}
        for batch in batches:
            for name, rows in handle.forward(batch, layers).activations.items():
                own = moments.of_rows(rows)
                found[name] = moments.merge(found[name], own) if name in found else own
        return found

    exact, compiled = separate(), together()
    for name in layers:
        error = np.abs(compiled[name].scatter - exact[name].scatter).max()
        relative = error / np.diag(exact[name].scatter).max()
        assert relative < 1e-6, (name, relative)
        print(
            f"{name:10} largest difference of the covariances, relative to the largest variance: {relative:.1e}"
        )
    rivals: dict[str, Callable[[], object]] = {
        "forward": forward,
        "forward and statistics, compiled": together,
        "forward and statistics, separate": separate,
    }
    times: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(ROUNDS):
        for name, rival in rivals.items():
            start = time.process_time()
            rival()
            times[name].append(time.process_time() - start)
    base = statistics.median(times["forward"][2:])
    for name, found in times.items():
        median = statistics.median(found[2:])
        print(f"{name:34} {1000 * median:7.1f} ms   {median / base:.2f} x forward")


if __name__ == "__main__":
    main()
