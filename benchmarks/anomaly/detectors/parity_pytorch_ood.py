"""Our scores beside pytorch-ood's on random logits and features: the same numbers, up to its own conventions.

Needs pytorch-ood and torchvision, both installed without their dependencies, in an environment of its own.

    python parity_pytorch_ood.py                  # prints the differences
    python parity_pytorch_ood.py --write FILE.npz # keeps the peer's scores and what it scored; a test reads the file
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from pytorch_ood_peer import peer
from scipy.stats import spearmanr
from taskloom_anomaly.detectors.base import Detector, Features, FeatureSpec
from taskloom_anomaly.detectors.fit import fit
from taskloom_anomaly.detectors.knn import KNN
from taskloom_anomaly.detectors.mahalanobis import Mahalanobis
from taskloom_anomaly.detectors.output import GEN, MSP, Energy, MaxLogit
from taskloom_anomaly.detectors.react import ReAct
from taskloom_anomaly.detectors.stream import ArrayStream
from taskloom_anomaly.detectors.vim import ViM

K, D = 10, 16
RNG = np.random.default_rng(0)
WEIGHT, BIAS = RNG.standard_normal((K, D)), RNG.standard_normal(K)
MEANS = 2 * RNG.standard_normal((K, D))


def sample(count: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Return features, and the class of each."""
    classes = np.arange(count) % K
    features = MEANS[classes] + spread * RNG.standard_normal((count, D))
    return features.astype(np.float32).astype(np.float64), classes


TRAIN, LABELS = sample(250, 1.0)
TEST, _ = sample(50, 1.7)
TEST_LOGITS = TEST @ WEIGHT.T + BIAS
CUT = float(np.quantile(TRAIN.astype(np.float32), 0.9))


def tensor(array: np.ndarray) -> torch.Tensor:
    """Return an array as torch holds it."""
    found = torch.from_numpy(np.asarray(array))
    return found.float() if found.is_floating_point() else found


def fitted_peer(detector: object) -> np.ndarray:
    """Fit and score one of theirs on features."""
    detector.fit_features(tensor(TRAIN), tensor(LABELS))  # type: ignore[attr-defined] # untyped peer
    return np.asarray(detector.predict_features(tensor(TEST)))  # type: ignore[attr-defined] # untyped peer


def theirs() -> dict[str, np.ndarray]:
    """Return the peer's scores by detector."""
    logits = tensor(TEST_LOGITS)

    def head(features: torch.Tensor) -> torch.Tensor:
        return features @ tensor(WEIGHT).T + tensor(BIAS)

    react = peer.ReAct(lambda features: features, head, threshold=CUT)
    return {
        "msp": peer.MaxSoftmax.score(logits / 4).numpy(),
        "energy": peer.EnergyBased.score(logits).numpy(),
        "maxlogit": peer.MaxLogit.score(logits).numpy(),
        "gen": np.asarray(peer.GEN.score(logits / 10, gamma=0.1)),
        "mahalanobis": fitted_peer(peer.Mahalanobis(None)),
        "rmd": fitted_peer(peer.RMD(None)),
        "knn": fitted_peer(peer.KNN(None, k=10)),
        "vim": fitted_peer(peer.ViM(None, d=8, w=tensor(WEIGHT), b=tensor(BIAS))),
        "react": np.asarray(react.predict(tensor(TEST))),
    }


def ours() -> dict[str, np.ndarray]:
    """Return our scores, brought to the peer's conventions."""
    logits = TRAIN @ WEIGHT.T + BIAS
    stream = ArrayStream(Features({"h": TRAIN}, logits, labels=LABELS))
    spec = FeatureSpec({"h": D}, K, "h", WEIGHT, BIAS)

    def score(detector: Detector, scale: float = 1.0) -> np.ndarray:
        fitted = fit(detector, stream, spec, 0)
        found = detector.score(fitted, Features({"h": TEST}, TEST_LOGITS / scale))
        return next(iter(found.values()))

    # Theirs inverts sums of outer products, not covariances, and halves the class distance.
    freedom = len(TRAIN) - K
    by_class = score(Mahalanobis(mode="class", classes="label"))
    return {
        "msp": score(MSP(), 4),
        "energy": score(Energy()),
        "maxlogit": score(MaxLogit()),
        # Theirs clamps probabilities to 1e-7 and divides by the classes; milder logits stay clear of the clamp.
        "gen": score(GEN(), 10) / K,
        "mahalanobis": by_class / (2 * freedom),
        "rmd": by_class / freedom - score(Mahalanobis()) / (len(TRAIN) - 1),
        "knn": score(KNN(standardise=False, k=10)),
        "vim": score(ViM(rank=8)),
        "react": score(ReAct()),
    }


def main() -> None:
    """Print one line a detector, or write the peer's scores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", type=Path)
    target = parser.parse_args().write
    found, expected = ours(), theirs()
    for name, scores in expected.items():
        error = float(np.abs(found[name] - scores).max() / np.abs(scores).max())
        correlation = spearmanr(found[name], scores)[0]
        print(f"{name:12s} difference {error:9.2e}   rank correlation {correlation:.6f}")
    if target:
        arrays = {
            "train": TRAIN.astype(np.float32),
            "labels": LABELS.astype(np.uint8),
            "test": TEST.astype(np.float32),
            "weight": WEIGHT,
            "bias": BIAS,
        }
        np.savez_compressed(target, **arrays, **{f"score.{k}": v for k, v in expected.items()})


if __name__ == "__main__":
    main()
