"""Detectors of scikit-learn and PyOD on the activations that the others read: one component, named by library and class.

Objects of a library are never pickled. What is kept is the trusted rows, at most `max_samples` of them, and the object is fitted on them again where it
scores. Some score a row by its rank among the rows that are scored with it (PyOD's ECOD and COPOD): a score would then depend on its neighbours in the
batch. Five rows alone and among others must agree to 1e-9, and a detector for which they do not is asked row by row.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, field_validator
from taskloom.config import Config
from taskloom.errors import ConfigError, MissingExtraError
from taskloom.registry.suggest import did_you_mean

from taskloom_anomaly.detectors.base import Tensors
from taskloom_anomaly.detectors.layerwise import LayerwiseDetector
from taskloom_anomaly.detectors.sampled import SampledRule
from taskloom_anomaly.statistics.reservoir import Reservoir
from taskloom_anomaly.statistics.standard import Scaling

if TYPE_CHECKING:
    from jaxtyping import Float

SKLEARN = {
    "IsolationForest": "sklearn.ensemble",
    "LocalOutlierFactor": "sklearn.neighbors",
    "KernelDensity": "sklearn.neighbors",
    "OneClassSVM": "sklearn.svm",
    "SGDOneClassSVM": "sklearn.linear_model",
    "EllipticEnvelope": "sklearn.covariance",
    "GaussianMixture": "sklearn.mixture",
    "BayesianGaussianMixture": "sklearn.mixture",
    "PCA": "sklearn.decomposition",
    "FactorAnalysis": "sklearn.decomposition",
}
"""The module of each class of scikit-learn that scores new rows without labels."""

# Rows that are scored alone and among others.
_ALONE, _AMONG = 5, 300
_SAME = 1e-9

Scorer = Callable[[np.ndarray], np.ndarray]


class Library(LayerwiseDetector):
    """A detector of scikit-learn or PyOD, by the name of its class."""

    kind: Literal["library"] = "library"
    class_name: Annotated[str, Field(pattern=r"^(sklearn|pyod):[A-Za-z_]\w*$")] = (
        "sklearn:IsolationForest"
    )
    """Library and class, such as `sklearn:IsolationForest` or `pyod:ECOD`."""
    params: str = "{}"
    """Keyword parameters of the class, as a JSON object."""
    max_samples: Annotated[int, Field(ge=2)] = 4096
    """Trusted activations kept to fit the object on; a uniform sample of the stream when there are more."""

    @field_validator("params")
    @classmethod
    def _canonical(cls, text: str) -> str:
        """Write the parameters in one way, so that equal ones are one identity."""
        try:
            found = json.loads(text)
        except ValueError as error:
            raise ValueError(f"detector.params is no JSON: {error}") from None
        if not isinstance(found, dict):
            raise ValueError('detector.params must be a JSON object, such as {"n_estimators": 50}')
        return json.dumps(found, sort_keys=True, separators=(",", ":"))

    def check(self, config: Config) -> str:
        """Return the reason why there is no such class, or it does not take the parameters; nothing is imported that is not installed."""
        reason = self.fits(type(config))
        library, _, name = self.class_name.partition(":")
        if not reason and library == "sklearn" and name not in SKLEARN:
            hint = did_you_mean(name, SKLEARN)
            reason = f"scikit-learn has no detector '{name}' that scores new rows; it has {', '.join(SKLEARN)}{f' ({hint})' if hint else ''}"
        return reason

    def rule(self) -> SampledRule:
        """Return the rule whose state is a sample of the trusted rows."""
        return SampledRule(self.max_samples, self.fit_layer, self.score_layer)

    def fit_layer(self, layer: str, kept: Reservoir, spacing: float) -> Tensors:
        """Return the rows with deviations of one, the seed, and whether rows must be scored alone."""
        if len(kept.rows) < _ALONE:
            raise ValueError(f"Layer '{layer}' has {len(kept.rows)} trusted samples; {self.class_name} needs at least {_ALONE}.")  # fmt: skip
        scaling = Scaling.of(kept.rows, layer, spacing, standardise=True)
        rows, seed = scaling.apply(kept.rows.astype(np.float64)), int(kept.seed) % (1 << 32)
        score = self._scorer(rows, seed)
        alone = np.concatenate([score(row[None]) for row in rows[:_ALONE]])
        among = score(rows[:_AMONG])[:_ALONE]
        # Relative to the largest: a score near zero has no digits of its own.
        agrees = np.allclose(alone, among, rtol=_SAME, atol=_SAME * float(np.abs(among).max()))
        return {"rows": rows, "seed": np.asarray(seed), "alone": np.asarray(not agrees), **scaling.tensors()}  # fmt: skip

    def score_layer(
        self, fitted: Tensors, rows: Float[np.ndarray, "n d"]
    ) -> Float[np.ndarray, " n"]:
        """Return the library's score of each row, turned so that higher is more anomalous."""
        score = self._scorer(fitted["rows"], int(fitted["seed"]))
        values = Scaling.read(fitted).apply(rows)
        if not bool(fitted["alone"]):
            return np.asarray(score(values), np.float64)
        return np.concatenate([np.zeros(0), *(score(row[None]) for row in values)])

    def _scorer(self, rows: np.ndarray, seed: int) -> Scorer:
        return _fitted(self.class_name, self.params, _Rows(rows), seed)


class _Rows:
    """Rows that are equal if their bytes are: the key under which a fitted object is found again."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows
        self._key = (rows.shape, rows.tobytes())

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Rows) and self._key == other._key


# As many as a network has layers that are watched by default.
@lru_cache(maxsize=16)
def _fitted(class_name: str, params: str, known: _Rows, seed: int) -> Scorer:
    """Return the score of a library's object that was fitted on rows."""
    library, _, name = class_name.partition(":")
    maker = _class_of(library, name)
    given = dict(json.loads(params))
    # Asked of the class: a library's own message about an unknown parameter is a traceback.
    accepted = inspect.signature(maker).parameters
    # A second fit must give the same trees; the seed is that of the detector unless a parameter says another.
    if "random_state" in accepted:
        given.setdefault("random_state", seed)
    if class_name == "sklearn:LocalOutlierFactor":
        # Without it the class scores nothing but the rows that it was fitted on.
        given.setdefault("novelty", True)
    unknown = [key for key in given if key not in accepted]
    if unknown and not any(p.kind is p.VAR_KEYWORD for p in accepted.values()):
        hint = did_you_mean(unknown[0], accepted)
        raise ConfigError(f"{class_name} takes no parameter '{unknown[0]}'; it takes {', '.join(accepted)}.", hint=hint.capitalize())  # fmt: skip
    try:
        found = maker(**given).fit(known.rows)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{class_name} cannot be fitted: {error}.") from None
    if library == "pyod":
        return lambda values: np.asarray(found.decision_function(values), np.float64).reshape(-1)
    # scikit-learn's scores are likelihoods: higher is more normal.
    normal = found.score_samples if hasattr(found, "score_samples") else found.decision_function
    return lambda values: -np.asarray(normal(values), np.float64).reshape(-1)


def _class_of(library: str, name: str) -> Callable[..., Any]:
    """Return a class of a library.

    Raises:
        MissingExtraError: PyOD is not installed.
        ConfigError: There is no such class.
    """
    if library == "sklearn":
        if name not in SKLEARN:
            raise ConfigError(f"scikit-learn has no detector '{name}' that scores new rows; it has {', '.join(SKLEARN)}.")  # fmt: skip
        found: Callable[..., Any] = getattr(importlib.import_module(SKLEARN[name]), name)
        return found
    if importlib.util.find_spec("pyod") is None:
        raise MissingExtraError(
            f"The detector pyod:{name} needs PyOD, which is not installed.",
            hint="pip install 'taskloom-anomaly[pyod]'",
        )
    module = f"pyod.models.{name.lower()}"
    if importlib.util.find_spec(module) is None or not hasattr(importlib.import_module(module), name):  # fmt: skip
        raise ConfigError(f"PyOD has no detector '{name}': there is no class of that name in '{module}'.")  # fmt: skip
    found = getattr(importlib.import_module(module), name)
    return found
