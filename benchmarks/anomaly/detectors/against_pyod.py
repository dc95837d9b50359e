"""AUROC and CPU time of fit and score on 4,000 x 128 activations: our detectors and PyOD's.

Needs PyOD, in an environment of its own. Run with OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from importlib import import_module

import numpy as np
import victim
from taskloom_anomaly.detectors.base import Detector, Features, FeatureSpec
from taskloom_anomaly.detectors.fit import fit
from taskloom_anomaly.detectors.iforest import IsolationForest
from taskloom_anomaly.detectors.knn import KNN
from taskloom_anomaly.detectors.lof import LOF
from taskloom_anomaly.detectors.mahalanobis import Mahalanobis
from taskloom_anomaly.detectors.pca_residual import PCAResidual
from taskloom_anomaly.detectors.stream import ArrayStream
from taskloom_anomaly.metrics import auroc

OURS: dict[str, Detector] = {
    "mahalanobis": Mahalanobis(),
    "mahalanobis ledoit_wolf": Mahalanobis(shrinkage="ledoit_wolf"),
    "mahalanobis class": Mahalanobis(mode="class"),
    "mahalanobis relative": Mahalanobis(mode="relative"),
    "mahalanobis mixture": Mahalanobis(mode="mixture", shrinkage="oas"),
    "knn": KNN(),
    "lof": LOF(),
    "iforest": IsolationForest(),
    "pca_residual": PCAResidual(),
}
PEERS: dict[str, tuple[str, str, dict[str, object]]] = {
    "GMM": ("gmm", "GMM", {"n_components": 1}),
    "GMM 10": ("gmm", "GMM", {"n_components": 10}),
    "ABOD": ("abod", "ABOD", {}),
    "KNN": ("knn", "KNN", {}),
    "LOF": ("lof", "LOF", {}),
    "IForest": ("iforest", "IForest", {}),
    "HBOS": ("hbos", "HBOS", {}),
    "ECOD": ("ecod", "ECOD", {}),
    "COPOD": ("copod", "COPOD", {}),
    "OCSVM": ("ocsvm", "OCSVM", {}),
    "PCA": ("pca", "PCA", {}),
    "KPCA": ("kpca", "KPCA", {}),
    "CBLOF": ("cblof", "CBLOF", {}),
    "COF": ("cof", "COF", {}),
    "LODA": ("loda", "LODA", {}),
    "INNE": ("inne", "INNE", {}),
    "KDE": ("kde", "KDE", {}),
    "Sampling": ("sampling", "Sampling", {}),
    "MCD": ("mcd", "MCD", {"support_fraction": 0.9}),
}


def timed(run: Callable[[], tuple[np.ndarray, np.ndarray]], rounds: int) -> tuple[float, float]:
    """Return the AUROC and the median CPU time [s]."""
    times, area = [], 0.0
    for _ in range(rounds):
        start = time.process_time()
        normal, anomalous = run()
        times.append(time.process_time() - start)
        area = auroc(normal, anomalous)
    return area, float(np.median(times))


def main() -> None:
    """Print one line a detector."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--layer", type=int, choices=(1, 2), default=1)
    parser.add_argument("--only", default="", help="names of PyOD detectors, comma-separated")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    data = victim.train(arguments.layer)
    test = np.concatenate([data.normal, data.anomalous])
    count = len(data.normal)
    logits = np.concatenate([data.normal_logits, data.anomalous_logits])
    trusted = Features({"layer": data.trusted}, data.trusted_logits)
    spec = FeatureSpec({"layer": 128}, 10)
    for name, detector in OURS.items():

        def ours(detector: Detector = detector) -> tuple[np.ndarray, np.ndarray]:
            fitted = fit(detector, ArrayStream(trusted), spec, 0)
            scores = detector.score(fitted, Features({"layer": test}, logits))["layer"]
            return scores[:count], scores[count:]

        area, seconds = timed(ours, 5)
        print(f"ours  {name:26s} {area:.4f} {seconds:9.3f} s", flush=True)
    wanted = arguments.only.split(",") if arguments.only else list(PEERS)
    for name in wanted:
        module, attribute, parameters = PEERS[name]

        def peer(
            module: str = module, attribute: str = attribute, parameters: dict = parameters
        ) -> tuple[np.ndarray, np.ndarray]:
            detector = getattr(import_module(f"pyod.models.{module}"), attribute)(**parameters)
            detector.fit(data.trusted)
            scores = detector.decision_function(test)
            return scores[:count], scores[count:]

        try:
            area, seconds = timed(peer, 1)
            print(f"PyOD  {name:26s} {area:.4f} {seconds:9.3f} s", flush=True)
        except Exception as error:
            print(f"PyOD  {name:26s} failed: {type(error).__name__}: {str(error)[:80]}", flush=True)


if __name__ == "__main__":
    main()
