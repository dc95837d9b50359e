"""The isolation forest: Liu, Ting and Zhou, ICDM 2008. scikit-learn grows the trees; they are kept and read as plain arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import sklearn.ensemble
from jaxtyping import Float

from taskloom_anomaly.detectors.base import Tensors
from taskloom_anomaly.detectors.layerwise import Layerwise
from taskloom_anomaly.detectors.sampled import SampledRule
from taskloom_anomaly.statistics.reservoir import Reservoir

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.config.iforest import IsolationForest

_LEAF = -2  # what scikit-learn writes for the feature of a leaf


def build(config: IsolationForest) -> Layerwise:
    """Return the detector that the config describes."""

    def fit(layer: str, kept: Reservoir) -> Tensors:
        if len(kept.rows) < 2:
            raise ValueError(
                f"Layer '{layer}' has {len(kept.rows)} trusted samples; a tree needs at least 2."
            )
        forest = sklearn.ensemble.IsolationForest(
            n_estimators=config.trees,
            max_samples=min(config.tree_samples, len(kept.rows)),  # pyright: ignore[reportArgumentType] -- a number is documented; its default alone is a string
            random_state=int(kept.seed) % (1 << 32),
        ).fit(kept.rows)
        return _arrays(forest)

    return Layerwise(SampledRule(config.max_samples, fit, rate), config.needs)


def average_path(samples: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Return c(n), the mean depth of an unsuccessful search in a binary search tree of n samples (eq. 1)."""
    many = np.maximum(samples, 3.0)
    path = 2.0 * (np.log(many - 1.0) + np.euler_gamma) - 2.0 * (many - 1.0) / many
    return np.where(samples <= 1, 0.0, np.where(samples == 2, 1.0, path))


def _arrays(forest: sklearn.ensemble.IsolationForest) -> Tensors:
    """Return the trees as arrays of shape (trees, nodes), short trees padded with leaves."""
    trees = [estimator.tree_ for estimator in forest.estimators_]
    shape = (len(trees), max(tree.node_count for tree in trees))
    feature = np.full(shape, _LEAF, dtype=np.int32)
    threshold, depth = np.zeros(shape), np.zeros(shape)
    children = np.zeros((2, *shape), dtype=np.int32)
    for index, tree in enumerate(trees):
        used = slice(tree.node_count)
        feature[index, used], threshold[index, used] = tree.feature, tree.threshold
        children[0, index, used], children[1, index, used] = tree.children_left, tree.children_right
        depth[index, used] = _depths(tree.children_left, tree.children_right) + average_path(
            tree.n_node_samples.astype(np.float64)
        )
    scale = len(trees) * average_path(np.array([float(forest.max_samples_)]))[0]
    return {
        "feature": feature,
        "threshold": threshold,
        "left": children[0],
        "right": children[1],
        "depth": depth,
        "scale": np.asarray(scale),
    }


def _depths(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    depths = np.zeros(len(left))
    for node in range(len(left)):  # scikit-learn numbers a parent before its children
        if left[node] >= 0:
            depths[left[node]] = depths[right[node]] = depths[node] + 1
    return depths


def rate(fitted: Tensors, rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
    """Return 2^(- mean depth / c(samples a tree)) of each row, in (0, 1)."""
    # The cuts were made on float32 values and are compared with those.
    values = rows.astype(np.float32)
    trees = np.arange(len(fitted["feature"]))
    samples = np.arange(len(rows))[:, None]
    node = np.zeros((len(rows), len(trees)), dtype=np.int32)
    while True:
        feature = fitted["feature"][trees, node]
        inner = feature != _LEAF
        if not inner.any():
            break
        goes_left = values[samples, np.where(inner, feature, 0)] <= fitted["threshold"][trees, node]
        child = np.where(goes_left, fitted["left"][trees, node], fitted["right"][trees, node])
        node = np.where(inner, child, node)
    return np.exp2(-fitted["depth"][trees, node].sum(axis=1) / fitted["scale"])
