"""AUROC and CPU time of fit and score on 4,000 x 128 activations before the class scores: our detectors and pytorch-ood's.

Needs pytorch-ood and torchvision, both installed without their dependencies, in an environment of its own. Run with OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable

import numpy as np
import torch
import victim
from against_pyod import timed
from pytorch_ood_peer import peer
from taskloom_anomaly.detectors.base import Detector, Features, FeatureSpec
from taskloom_anomaly.detectors.fit import fit
from taskloom_anomaly.detectors.knn import KNN
from taskloom_anomaly.detectors.mahalanobis import Mahalanobis
from taskloom_anomaly.detectors.output import GEN, MSP, Energy, MaxLogit
from taskloom_anomaly.detectors.pca_residual import PCAResidual
from taskloom_anomaly.detectors.react import ReAct
from taskloom_anomaly.detectors.stream import ArrayStream
from taskloom_anomaly.detectors.vim import ViM

OURS: dict[str, Detector] = {
    "mahalanobis mode=mixture shrinkage=oas": Mahalanobis(mode="mixture", shrinkage="oas"),
    "mahalanobis mode=class": Mahalanobis(mode="class"),
    "mahalanobis": Mahalanobis(),
    "mahalanobis mode=relative": Mahalanobis(mode="relative"),
    "pca_residual": PCAResidual(),
    "knn": KNN(),
    "knn k=50 standardise=false": KNN(k=50, standardise=False),
    "vim rank=64": ViM(rank=64),
    "react": ReAct(),
    "msp": MSP(),
    "energy": Energy(),
    "maxlogit": MaxLogit(),
    "gen": GEN(),
}


def peers(data: victim.Victim) -> dict[str, Callable[[], object]]:
    """Return makers of theirs at their defaults: of features, then of logits, which have nothing to fit."""
    weight, bias = torch.from_numpy(data.weight), torch.from_numpy(data.bias)
    head = torch.nn.Linear(weight.shape[1], len(weight))
    head.weight.data, head.bias.data = weight, bias

    def same(features: torch.Tensor) -> torch.Tensor:
        return features

    encoder = torch.nn.Identity()
    cut = float(np.quantile(data.trusted, 0.9))
    return {
        "Mahalanobis": lambda: peer.Mahalanobis(None),
        "RMD": lambda: peer.RMD(None),
        "GMM": lambda: peer.GMM(None),
        "KNN": lambda: peer.KNN(None),
        "ViM d=64": lambda: peer.ViM(None, d=64, w=weight, b=bias),
        "SHE": lambda: peer.SHE(same, head),
        "NNGuide": lambda: peer.NNGuide(same, head),
        "PNML": lambda: peer.PNML(same, head),
        "NCI": lambda: peer.NCI(encoder, head),
        "fDBD": lambda: peer.fDBD(encoder, head),
        "ReAct": lambda: peer.ReAct(same, head, threshold=cut),
        "MaxSoftmax": lambda: peer.MaxSoftmax(None),
        "EnergyBased": lambda: peer.EnergyBased(None),
        "MaxLogit": lambda: peer.MaxLogit(None),
        "GEN": lambda: peer.GEN(None),
        "Entropy": lambda: peer.Entropy(None),
        "KLMatching": lambda: peer.KLMatching(None),
    }


def main() -> None:
    """Print one line a detector."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    data = victim.train(2)
    test = np.concatenate([data.normal, data.anomalous])
    test_logits = np.concatenate([data.normal_logits, data.anomalous_logits])
    count = len(data.normal)
    trusted = Features({"layer": data.trusted}, data.trusted_logits, labels=data.labels)
    spec = FeatureSpec({"layer": 128}, 10, "layer", data.weight, data.bias)

    def line(who: str, name: str, run: Callable[[], np.ndarray]) -> None:
        def halves() -> tuple[np.ndarray, np.ndarray]:
            scores = run()
            return scores[:count], scores[count:]

        area, seconds = timed(halves, rounds)
        print(f"| {who} {name} | {area:.4f} | {seconds:.3f} |", flush=True)

    print("| | layer 2 | CPU [s] |\n| --- | ---: | ---: |")
    for name, detector in OURS.items():

        def ours(detector: Detector = detector) -> np.ndarray:
            fitted = fit(detector, ArrayStream(trusted), spec, 0)
            return next(
                iter(detector.score(fitted, Features({"layer": test}, test_logits)).values())
            )

        line("ours:", name, ours)
    features, labels = torch.from_numpy(data.trusted), torch.from_numpy(data.labels).long()
    logits = torch.from_numpy(data.trusted_logits)
    for name, build in peers(data).items():

        def theirs(build: Callable[[], object] = build) -> np.ndarray:
            own: object = build()
            with torch.no_grad():
                if isinstance(own, peer.ReAct):
                    found = own.predict(torch.from_numpy(test))
                elif hasattr(own, "fit_features"):
                    own.fit_features(features, labels)
                    found = own.predict_features(torch.from_numpy(test))
                else:
                    own.fit_logits(logits, labels)  # type: ignore[attr-defined] # untyped peer
                    found = own.predict_logits(torch.from_numpy(test_logits))  # type: ignore[attr-defined] # untyped peer
            return np.asarray(found)

        try:
            line("pytorch-ood", name, theirs)
        except Exception as error:
            print(f"| pytorch-ood {name} | {type(error).__name__}: {str(error)[:80]} | |")


if __name__ == "__main__":
    main()
