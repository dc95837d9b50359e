"""The validity card: checks that the task is what it claims to be, and the scores of trivial detectors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from taskloom.errors import ConfigError
from taskloom.task import JsonValue

from taskloom_anomaly.backends.handle import ModelHandle
from taskloom_anomaly.data.arrays import ArrayDataset
from taskloom_anomaly.data.named import flat_rows
from taskloom_anomaly.errors import InvalidTaskError
from taskloom_anomaly.task import Check, HasInputFeatures

if TYPE_CHECKING:
    from jaxtyping import Float, Int


def assert_valid(checks: Sequence[Check]) -> None:
    """Raise one sentence on the first check that failed.

    Raises:
        InvalidTaskError: A number is out of its range.
    """
    for check in checks:
        if not check.ok:
            side = (
                f"below the floor {check.floor:g}"
                if not check.value >= check.floor
                else f"above the ceiling {check.ceiling:g}"
            )
            remedy = f": {check.remedy}" if check.remedy else ""
            raise InvalidTaskError(
                f"The task is invalid and was not scored: {check.name} is {check.value:.3f}, {side}{remedy}."
            )


def checks_as_json(checks: Sequence[Check]) -> list[JsonValue]:
    """Return the checks as plain data."""
    return [
        {
            "name": check.name,
            "value": check.value,
            "floor": None if np.isinf(check.floor) else check.floor,
            "ceiling": None if np.isinf(check.ceiling) else check.ceiling,
            "ok": check.ok,
        }
        for check in checks
    ]


def write_json(path: Path, data: JsonValue) -> None:
    """Write JSON, replaced atomically."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(
        json.dumps(data, indent=2, sort_keys=True) + "\n", encoding="utf-8", newline="\n"
    )
    partial.replace(path)


def input_rows(task: object, data: ArrayDataset) -> Float[np.ndarray, "n d"]:
    """Return what the input-space baseline sees: the task's own features, or the flattened input."""
    if isinstance(task, HasInputFeatures):
        return np.asarray(task.input_features(data.inputs), np.float64)
    return flat_rows(data.inputs).astype(np.float64)


def input_baseline(
    trusted: Float[np.ndarray, "n d"], *sets: Float[np.ndarray, "m d"]
) -> list[Float[np.ndarray, " m"]]:
    """Score rows by their Mahalanobis distance to the trusted rows, with OAS shrinkage; no network involved.

    The shrinkage intensity is Chen et al. 2010 (arXiv:0907.4698), eq. 23, as in scikit-learn.
    """
    n, d = trusted.shape
    centre = trusted.mean(axis=0)
    rows = trusted - centre
    covariance = rows.T @ rows / n
    mean_variance = np.trace(covariance) / d
    squares = np.mean(covariance**2)
    denominator = (n + 1.0) * (squares - mean_variance**2 / d)
    amount = 1.0 if denominator == 0 else min((squares + mean_variance**2) / denominator, 1.0)
    shrunk = (1 - amount) * covariance
    shrunk.flat[:: d + 1] += amount * mean_variance + 1e-12
    factor = np.linalg.cholesky(shrunk)
    from scipy.linalg import solve_triangular  # scipy is heavy

    return [
        (solve_triangular(factor, (x - centre).T, lower=True, check_finite=False) ** 2).sum(axis=0)
        for x in sets
    ]


def label_baseline(
    trusted: Int[np.ndarray, " n"], num_classes: int, *sets: Int[np.ndarray, " m"]
) -> list[Float[np.ndarray, " m"]]:
    """Score samples by how rare their predicted class is among the trusted ones: what knowing the answer alone gives."""
    counts = np.bincount(trusted, minlength=num_classes) + 1.0
    surprise = -np.log(counts / counts.sum())
    return [surprise[x] for x in sets]


def predictions(handle: ModelHandle, data: ArrayDataset, batch_size: int = 1024) -> np.ndarray:
    """Return the predicted class of every sample."""
    return np.concatenate(
        [handle.forward(b.inputs).logits.argmax(axis=1) for b in data.batches(batch_size)]
    )


def accuracy(handle: ModelHandle, data: ArrayDataset) -> float:
    """Return the share of samples whose predicted class is their label."""
    if data.labels is None:
        raise ConfigError("Accuracy needs labelled data; this data set has no labels.")
    return float(np.mean(predictions(handle, data) == data.labels))
