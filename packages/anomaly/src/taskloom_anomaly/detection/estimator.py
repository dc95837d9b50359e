"""The detector of a network in scikit-learn's form: `fit`, `score_samples`, `decision_function`, `predict`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils.validation import check_is_fitted

from taskloom_anomaly.detection.answers import Judge, Rule
from taskloom_anomaly.detection.own_network import fit

if TYPE_CHECKING:
    from jaxtyping import Float, Int


class OutlierDetector(OutlierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A detector on the activations of a network, or on a table, as scikit-learn's outlier detectors are.

        >>> rng = np.random.default_rng(0)
        >>> found = OutlierDetector(fpr=0.05).fit(rng.normal(size=(200, 3)))
        >>> found.predict(np.array([[0.1, 0.0, 0.2], [9.0, 9.0, 9.0]])).tolist()
        [1, -1]

    Args:
        model: The network, as `taskloom_anomaly.fit` takes it; None for a table.
        detector: The detector, by name.
        layers: Layers to watch, by name or pattern; `auto` takes the default ones.
        calibration: Share of the samples that is held out of the fit for p-values.
        fpr: Rate of false alarms of `predict`.
        seed: Seed of the split and of the detector.
    """

    def __init__(
        self,
        model: object = None,
        *,
        detector: str = "mahalanobis",
        layers: str | list[str] = "auto",
        calibration: float = 0.3,
        fpr: float = 0.01,
        seed: int = 0,
    ) -> None:
        self.model = model
        self.detector = detector
        self.layers = layers
        self.calibration = calibration
        self.fpr = fpr
        self.seed = seed

    def fit(self, X: Any, y: object = None) -> Self:  # noqa: ANN401 -- scikit-learn's form
        """Fit on normal samples, and hold some out for p-values.

        Raises:
            ConfigError: They are too few for the rate, or do not fit the network.
        """
        del y
        self.detector_ = fit(
            self.model,
            X,
            detector=self.detector,
            layers=self.layers,
            calibration=self.calibration,
            seed=self.seed,
        )
        m = len(Judge(self.detector_.known, Rule(self.fpr)).known)
        # Between the last rank that is flagged and the next one: no input lies on it.
        self.offset_ = (Rule(self.fpr).ranks(m) + 0.5) / (m + 1)
        return self

    def score_samples(self, X: Any) -> Float[np.ndarray, " n"]:  # noqa: ANN401 -- scikit-learn's form
        """Return one score an input, *lower* for more anomalous, as scikit-learn has it."""
        check_is_fitted(self)
        return np.asarray(-self.detector_.fused(X))

    def decision_function(self, X: Any) -> Float[np.ndarray, " n"]:  # noqa: ANN401 -- scikit-learn's form
        """Return the p-value less the threshold: negative for outliers."""
        check_is_fitted(self)
        return np.asarray(self.detector_.pvalue(X) - self.offset_)

    def predict(self, X: Any) -> Int[np.ndarray, " n"]:  # noqa: ANN401 -- scikit-learn's form
        """Return -1 for outliers and 1 for others; a normal input is an outlier with a probability of at most `fpr`."""
        return np.where(self.decision_function(X) < 0, -1, 1)
