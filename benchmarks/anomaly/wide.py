"""Time of fitting OAS Mahalanobis on layers wider than there are samples, against the d x d form: CPU seconds, and the ratio.

    OMP_NUM_THREADS=1 python benchmarks/anomaly/wide.py

Bar: at d = 2,048 and n = 400 within twice the time of the n x n system itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from taskloom_anomaly.detectors.base import Features, FeatureSpec
from taskloom_anomaly.detectors.fit import fit
from taskloom_anomaly.detectors.mahalanobis import Mahalanobis
from taskloom_anomaly.detectors.stream import ArrayStream
from taskloom_anomaly.statistics import moments
from taskloom_anomaly.statistics.thin import fit_thin


def least(work: Callable[[], object]) -> float:
    """Return the least CPU time of three calls [s]."""
    found = []
    for _ in range(3):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def measure(n: int, width: int) -> str:
    """Return one line of times for n samples of a width."""
    detector = Mahalanobis(shrinkage="oas")
    rows = np.random.default_rng(0).normal(size=(n, width)).astype(np.float32)
    wide = rows.astype(np.float64)
    stream, spec = ArrayStream(Features({"h": rows})), FeatureSpec({"h": width})
    own = moments.of_rows(wide)
    estimate = detector._estimator.factor
    product = least(lambda: fit(detector, stream, spec, 0))
    system = least(lambda: fit_thin("h", wide, amount=None, spacing=1e-7, standardise=True))
    square = least(lambda: estimate("h", own.scatter, n, 1, mean=own.mean, spacing=1e-7))
    return (
        f"n {n} d {width}: fit {product:.3f} s, n x n system {system:.3f} s, d x d form {square:.3f} s;"
        f" {product / system:.2f} of the system, {square / product:.0f} times faster than d x d"
    )


if __name__ == "__main__":
    for size in ((400, 1024), (400, 2048)):
        print(measure(*size))
