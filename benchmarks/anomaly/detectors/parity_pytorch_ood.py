"""Our scores beside pytorch-ood's on random logits and features: the same numbers, up to its own conventions.

Needs pytorch-ood and torchvision, both installed without their dependencies, in an environment of its own.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr
from taskloom_anomaly.detectors import driver
from taskloom_anomaly.detectors.config.base import Detector
from taskloom_anomaly.detectors.config.energy import Energy
from taskloom_anomaly.detectors.config.gen import Gen
from taskloom_anomaly.detectors.config.knn import Knn
from taskloom_anomaly.detectors.config.mahalanobis import Mahalanobis
from taskloom_anomaly.detectors.config.maxlogit import MaxLogit
from taskloom_anomaly.detectors.config.msp import Msp
from taskloom_anomaly.detectors.config.react import React
from taskloom_anomaly.detectors.config.vim import Vim
from taskloom_anomaly.detectors.protocol import Features, FeatureSpec
from taskloom_anomaly.detectors.stream import ArrayStream


def declare_torchvision_operators() -> None:
    """Declare the operators that torchvision's import looks up and a CPU build does not have."""
    spec = importlib.util.find_spec("torchvision")
    assert spec is not None
    assert spec.origin is not None
    source = (Path(spec.origin).parent / "_meta_registrations.py").read_text(encoding="utf-8")
    library = torch.library.Library("torchvision", "DEF")
    used = re.findall(r'(?:register_meta\(\s*"|torchvision::)(\w+)"', source)
    for name in sorted({*used, "nms"}):
        library.define(f"{name}(Tensor x) -> Tensor")
    globals()["_library"] = library  # torch forgets the operators with their library


declare_torchvision_operators()
from pytorch_ood import detector as peer  # noqa: E402 -- only once the operators are declared

K, D = 10, 32
RNG = np.random.default_rng(0)
WEIGHT, BIAS = RNG.standard_normal((K, D)), RNG.standard_normal(K)
MEANS = 2 * RNG.standard_normal((K, D))


def sample(count: int, spread: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features, logits and classes."""
    classes = RNG.integers(0, K, count)
    features = MEANS[classes] + spread * RNG.standard_normal((count, D))
    return features, features @ WEIGHT.T + BIAS, classes


TRAIN, TRAIN_LOGITS, LABELS = sample(2000, 1.0)
TEST, TEST_LOGITS, _ = sample(400, 1.7)


def ours(config: Detector) -> np.ndarray:
    """Fit and score one of our detectors."""
    trusted = Features({"h": TRAIN}, TRAIN_LOGITS, labels=LABELS)
    spec = FeatureSpec({"h": D}, K, "h", WEIGHT, BIAS)
    detector = config.build()
    fitted = driver.fit(detector, ArrayStream(trusted), spec, 0)
    return next(iter(detector.score(fitted, Features({"h": TEST}, TEST_LOGITS)).values()))


def tensor(array: np.ndarray) -> torch.Tensor:
    """Return an array as torch holds it."""
    found = torch.from_numpy(np.asarray(array))
    return found.float() if found.is_floating_point() else found


def fitted_peer(detector: object) -> np.ndarray:
    """Fit and score one of theirs on features."""
    detector.fit_features(tensor(TRAIN), tensor(LABELS))  # type: ignore[attr-defined] # untyped peer
    return np.asarray(detector.predict_features(tensor(TEST)))  # type: ignore[attr-defined] # untyped peer


def compare(name: str, mine: np.ndarray, theirs: np.ndarray) -> None:
    """Print the largest relative difference, and the rank correlation."""
    scale = np.abs(theirs).max()
    error = float(np.abs(mine - theirs).max() / scale)
    print(f"{name:28s} difference {error:9.2e}   rank correlation {spearmanr(mine, theirs)[0]:.6f}")


def main() -> None:
    """Print one line a detector."""
    logits = tensor(TEST_LOGITS)
    compare("MSP", ours(Msp()), peer.MaxSoftmax.score(logits).numpy())
    compare("energy", ours(Energy()), peer.EnergyBased.score(logits).numpy())
    compare("max-logit", ours(MaxLogit()), peer.MaxLogit.score(logits).numpy())
    # Theirs clamps probabilities to 1e-7 and divides by the classes; milder logits stay clear of the clamp.
    mild = Gen().build().score({}, Features(logits=TEST_LOGITS / 10))["logits"]
    compare("GEN (x K)", mild, K * np.asarray(peer.GEN.score(logits / 10, gamma=0.1)))
    # Theirs inverts sums of outer products, not covariances, and halves the class distance.
    freedom = len(TRAIN) - K
    by_class = ours(Mahalanobis(mode="class", classes="label"))
    compare("Mahalanobis, by class", by_class / (2 * freedom), fitted_peer(peer.Mahalanobis(None)))
    relative = by_class / freedom - ours(Mahalanobis()) / (len(TRAIN) - 1)
    compare("relative Mahalanobis", relative, fitted_peer(peer.RMD(None)))
    compare("kNN", ours(Knn(k=10)), fitted_peer(peer.KNN(None, k=10)))
    vim = peer.ViM(None, d=16, w=tensor(WEIGHT), b=tensor(BIAS))
    compare("ViM", ours(Vim(rank=16)), fitted_peer(vim))
    cut = float(np.quantile(TRAIN.astype(np.float32), 0.9))
    react = -torch.logsumexp(tensor(TEST).clamp(max=cut) @ tensor(WEIGHT).T + tensor(BIAS), dim=1)
    compare("ReAct (by formula)", ours(React()), react.numpy())


if __name__ == "__main__":
    main()
