"""The isolation forest: Liu, Ting and Zhou, ICDM 2008. scikit-learn grows the trees; they are kept and read as plain arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from taskloom_anomaly.detectors.base import Tensors
from taskloom_anomaly.detectors.layerwise import LayerwiseDetector
from taskloom_anomaly.detectors.sampled import SampledRule
from taskloom_anomaly.statistics.reservoir import Reservoir

if TYPE_CHECKING:
    from jaxtyping import Float

_LEAF = -2  # what scikit-learn writes for the feature of a leaf


class IsolationForest(LayerwiseDetector):
    """Number of random cuts that isolate a sample; few are anomalous."""

    kind: Literal["iforest"] = "iforest"
    trees: Annotated[int, Field(ge=1)] = 100
    """Trees."""
    tree_samples: Annotated[int, Field(ge=2)] = 256
    """Samples a tree."""
    max_samples: Annotated[int, Field(ge=2)] = 4096
    """Trusted activations kept for the trees to draw from; a uniform sample of the stream when there are more."""

    def rule(self) -> SampledRule:
        """Return the rule whose state is a sample of the trusted rows."""
        return SampledRule(self.max_samples, self.fit_layer, self.score_layer)

    def fit_layer(self, layer: str, kept: Reservoir, spacing: float) -> Tensors:
        """Return the trees as arrays of shape (trees, nodes)."""
        import sklearn.ensemble  # scikit-learn is heavy

        del spacing  # cuts are between values of one feature, whatever its unit

        if len(kept.rows) < 2:
            raise ValueError(
                f"Layer '{layer}' has {len(kept.rows)} trusted samples; a tree needs at least 2."
            )
        forest = sklearn.ensemble.IsolationForest(
            n_estimators=self.trees,
            max_samples=min(self.tree_samples, len(kept.rows)),  # pyright: ignore[reportArgumentType] -- a number is documented; its default alone is a string
            random_state=int(kept.seed) % (1 << 32),
        ).fit(kept.rows)
        trees = [estimator.tree_ for estimator in forest.estimators_]
        # The mean path of an unsuccessful search among as many samples as a tree saw, equation 1 of the paper.
        scale = len(trees) * average_path(np.array([float(forest.max_samples_)]))[0]
        return {**_arrays(trees), "scale": np.asarray(scale)}

    def score_layer(
        self, fitted: Tensors, rows: Float[np.ndarray, "n d"]
    ) -> Float[np.ndarray, " n"]:
        """Return 2^(- mean depth / c(samples a tree)) of each row, in (0, 1)."""
        # The cuts were made on float32 values and are compared with those.
        values = rows.astype(np.float32)
        trees = np.arange(len(fitted["feature"]))
        samples = np.arange(len(rows))[:, None]
        node = np.zeros((len(rows), len(trees)), dtype=np.int32)
        # All rows walk down all trees together, a level a step; those that have reached a leaf stay there.
        while True:
            feature = fitted["feature"][trees, node]
            inner = feature != _LEAF
            if not inner.any():
                break
            cut = fitted["threshold"][trees, node]
            goes_left = values[samples, np.where(inner, feature, 0)] <= cut
            child = np.where(goes_left, fitted["left"][trees, node], fitted["right"][trees, node])
            node = np.where(inner, child, node)
        return np.exp2(-fitted["depth"][trees, node].sum(axis=1) / fitted["scale"])


def average_path(samples: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Return c(n), the mean depth of an unsuccessful search in a binary search tree of n samples (eq. 1)."""
    many = np.maximum(samples, 3.0)
    path = 2.0 * (np.log(many - 1.0) + np.euler_gamma) - 2.0 * (many - 1.0) / many
    return np.where(samples <= 1, 0.0, np.where(samples == 2, 1.0, path))


def _arrays(trees: list[Any]) -> Tensors:
    """Return the trees as arrays of shape (trees, nodes), short trees padded with leaves."""
    shape = (len(trees), max(tree.node_count for tree in trees))
    feature = np.full(shape, _LEAF, dtype=np.int32)
    threshold, depth = np.zeros(shape), np.zeros(shape)
    left, right = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.int32)
    for index, tree in enumerate(trees):
        used = slice(tree.node_count)
        feature[index, used], threshold[index, used] = tree.feature, tree.threshold
        left[index, used], right[index, used] = tree.children_left, tree.children_right
        # A leaf that holds several samples stands for the tree that would have been grown from them (algorithm 3).
        depth[index, used] = _depths(tree.children_left, tree.children_right) + average_path(
            tree.n_node_samples.astype(np.float64)
        )
    return {
        "feature": feature,
        "threshold": threshold,
        "left": left,
        "right": right,
        "depth": depth,
    }


def _depths(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    depths = np.zeros(len(left))
    for node in range(len(left)):  # scikit-learn numbers a parent before its children
        if left[node] >= 0:
            depths[left[node]] = depths[right[node]] = depths[node] + 1
    return depths
