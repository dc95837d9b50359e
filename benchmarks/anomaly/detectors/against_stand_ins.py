"""Our detectors against the plain loops of `stand_ins`: the same numbers first, then the CPU time of both.

Run with OMP_NUM_THREADS=1: CPU time is what is compared.
"""

from __future__ import annotations

import argparse

import numpy as np
import stand_ins
import torch
from taskloom_anomaly.detectors.base import Features, FeatureSpec
from taskloom_anomaly.detectors.beatrix import Beatrix
from taskloom_anomaly.detectors.fit import fit
from taskloom_anomaly.detectors.que import QuantumEntropy
from taskloom_anomaly.detectors.stream import ArrayStream
from taskloom_anomaly.detectors.ted import TED
from taskloom_anomaly.statistics import moments, whitening
from timing import cpu_medians, report

RNG = np.random.default_rng(0)


def activations(count: int, width: int) -> np.ndarray:
    """Rectified, correlated activations as a hidden layer has them."""
    mixing = np.random.default_rng(width).standard_normal((width, width)) / np.sqrt(width)
    return np.maximum(RNG.standard_normal((count, width)) @ mixing + 0.3, 0).astype(np.float32)


def covariance(width: int, rounds: int) -> None:
    """A stream of 8192 activations, ours in batches of 1024."""
    rows = activations(8192, width)

    def ours() -> np.ndarray:
        state = moments.empty(width)
        for start in range(0, len(rows), 1024):
            state = moments.add(state, rows[start : start + 1024])
        return state.covariance

    exact = np.cov(rows.T.astype(np.float64))
    error = np.abs(ours() - exact) / np.sqrt(np.outer(np.diag(exact), np.diag(exact)))
    assert error.max() < 1e-6, error.max()
    tensor = torch.from_numpy(rows)
    np.testing.assert_allclose(
        ours(), stand_ins.streaming_covariance(tensor).numpy(), rtol=1e-2, atol=1e-4
    )
    rivals = {
        "ours": ours,
        "batches of 32, float32": lambda: stand_ins.streaming_covariance(tensor),
        "batches of 32, float64": lambda: stand_ins.streaming_covariance(tensor.double()),
    }
    report(f"streaming covariance, d = {width}", cpu_medians(rivals, rounds), "ours")


def entropy(width: int, rounds: int) -> None:
    """Scores of 1024 samples after a fit to 4096 + 4096."""
    trusted, untrusted, test = (activations(n, width) for n in (4096, 4096, 1024))
    known = {"trusted": moments.of_rows(trusted), "untrusted": moments.of_rows(untrusted)}
    parts = whitening.spectrum(known["trusted"].covariance)
    white = whitening.whitening(parts)
    spread = white.T @ known["untrusted"].covariance @ white
    detector = QuantumEntropy()
    stream = ArrayStream(Features({"l": trusted}), Features({"l": untrusted}))
    fitted = fit(detector, stream, FeatureSpec({"l": width}), 0)

    def ours() -> np.ndarray:
        return detector.score(fitted, Features({"l": test}))["l"]

    def plain(batch: int) -> np.ndarray:
        return stand_ins.quantum_entropy(test, known["trusted"].mean, white, spread, batch=batch)

    np.testing.assert_allclose(ours() * np.exp(4.0), plain(1024), rtol=1e-5)
    single = [
        torch.from_numpy(x.astype(np.float32)) for x in (test, known["trusted"].mean, white, spread)
    ]

    def in_torch(batch: int) -> torch.Tensor:
        return stand_ins.quantum_entropy_in_torch(*single, batch=batch)

    np.testing.assert_allclose(ours() * np.exp(4.0), in_torch(1024).numpy(), rtol=1e-2)

    def in_small_batches() -> None:
        for start in range(0, len(test), 32):
            detector.score(fitted, Features({"l": test[start : start + 32]}))

    rivals = {
        "ours": ours,
        "ours, called with 32 at a time": in_small_batches,
        "expm for batches of 32": lambda: plain(32),
        "expm for batches of 1024": lambda: plain(1024),
        "torch float32, batches of 32": lambda: in_torch(32),
        "torch float32, of 128": lambda: in_torch(128),
        "torch float32, of 1024": lambda: in_torch(1024),
    }
    report(f"quantum entropy, scoring, d = {width}", cpu_medians(rivals, rounds), "ours")


def beatrix(rounds: int) -> None:
    """Two layers of 128, 4000 trusted and 1000 scored samples, ten classes."""
    names = ("first", "second")
    trusted = {name: activations(4000, 128) for name in names}
    test = {name: 2 * activations(1000, 128) for name in names}
    logits, test_logits = RNG.standard_normal((4000, 10)), RNG.standard_normal((1000, 10))
    detector = Beatrix()
    spec = FeatureSpec(dict.fromkeys(names, 128), 10)

    def ours() -> dict[str, np.ndarray]:
        fitted = fit(detector, ArrayStream(Features(trusted, logits)), spec, 0)
        return detector.score(fitted, Features(test, test_logits))

    def plain() -> dict[str, np.ndarray]:
        own, other = (torch.from_numpy(x.argmax(axis=1)) for x in (logits, test_logits))
        return {
            n: stand_ins.beatrix(
                torch.from_numpy(trusted[n]), own, torch.from_numpy(test[n]), other
            ).numpy()
            for n in names
        }

    # torch takes the lower of two middle values for the median, we their mean.
    correlation = np.corrcoef(ours()["first"], plain()["first"])[0, 1]
    assert correlation > 0.999, correlation
    rivals = {"ours": ours, "plain loop": plain}
    report("Beatrix, fit and score, 2 x 128", cpu_medians(rivals, rounds), "ours")


def ted(rounds: int) -> None:
    """Three layers of 128, 1000 trusted and 200 scored samples, k = 5."""
    names = ("first", "second", "third")
    trusted = {name: activations(1000, 128) for name in names}
    test = {name: activations(200, 128) for name in names}
    logits, test_logits = RNG.standard_normal((1000, 10)), RNG.standard_normal((200, 10))
    detector = TED(k=5)
    spec = FeatureSpec(dict.fromkeys(names, 128), 10)

    def ours() -> np.ndarray:
        fitted = fit(detector, ArrayStream(Features(trusted, logits)), spec, 0)
        return detector.score(fitted, Features(test, test_logits))["all"]

    def plain() -> np.ndarray:
        own, other = logits.argmax(axis=1), test_logits.argmax(axis=1)
        reference = [trusted[n].astype(np.float64) for n in names]
        rows = [test[n].astype(np.float64) for n in names]
        usual = stand_ins.ted_ranks(reference, own, reference, own, 5, leave_out=True)
        found = stand_ins.ted_ranks(rows, other, reference, own, 5, leave_out=False)
        offset = found - usual.mean(axis=0)
        inverse = np.linalg.inv(np.cov(usual.T) + np.eye(3) / 12)
        return np.einsum("ni,ij,nj->n", offset, inverse, offset)

    np.testing.assert_allclose(ours(), plain(), rtol=1e-8)
    rivals = {"ours": ours, "plain loop": plain}
    report("TED, fit and score, 3 x 128, k = 5", cpu_medians(rivals, rounds), "ours")


def main() -> None:
    """Run all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("covariance", "entropy", "beatrix", "ted"))
    options = parser.parse_args()
    rounds, wanted = options.rounds, options.only
    torch.set_num_threads(1)
    for width in (128, 512):
        if wanted in (None, "covariance"):
            covariance(width, 3 * rounds)
    for width in (128, 512):
        if wanted in (None, "entropy"):
            entropy(width, rounds)
    if wanted in (None, "beatrix"):
        beatrix(rounds)
    if wanted in (None, "ted"):
        ted(rounds)


if __name__ == "__main__":
    main()
