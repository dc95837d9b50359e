"""Makes the pictures of the detectors' page.

    python board.py --json board.json      # first: every detector on every task
    python pictures.py board.json          # writes docs/pictures/anomaly-detectors/*.png

Needs matplotlib beside taskloom-anomaly.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import board
import matplotlib as mpl
import numpy as np
from taskloom_anomaly.detection.features import extractor_for
from taskloom_anomaly.detection.fusion import FUSED
from taskloom_anomaly.detectors.base import Features, FeatureSpec
from taskloom_anomaly.detectors.fit import fit
from taskloom_anomaly.detectors.stream import ArrayStream, take
from taskloom_anomaly.metrics import auroc

mpl.use("agg")
from matplotlib import pyplot as plt

TARGET = Path(__file__).parents[3] / "docs" / "pictures" / "anomaly-detectors"
INK, HOT, CLEAN = "#20303c", "#d1495b", "#ffffff"
PANELS = {
    "mahalanobis": "mahalanobis",
    "mahalanobis, mixture": "mahalanobis mode=mixture",
    "pca_residual, one direction": "pca_residual rank=1",
    "knn": "knn normalize=false",
    "lof": "lof",
    "iforest": "iforest",
    "que": "que",
    "likelihood_ratio": "likelihood_ratio shrinkage=none",
    "spectral, by class": "spectral",
}


def toy(count: int, seed: int, poisoned: float) -> Features:
    """Two classes as two long clouds; the share `poisoned` sits where neither has samples, and is called class 1."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 2, count)
    along = rng.standard_normal((count, 1)) * [1.3, 0.45]
    rows = (
        along
        + 0.25 * rng.standard_normal((count, 2))
        + np.array([[-2.2, 1.0], [2.2, -1.0]])[classes]
    )
    bad = rng.random(count) < poisoned
    rows[bad] = [1.5, 2.3] + 0.28 * rng.standard_normal((bad.sum(), 2))
    return Features({"layer": rows}, seen(rows), anomalous=bad)


def seen(rows: np.ndarray) -> np.ndarray:
    """Return the logits of a network that cuts the plane between the clouds."""
    side = rows @ np.array([[2.2], [-1.0]])
    return np.concatenate([-side, side], axis=1)


def surfaces() -> None:
    """Draw the scores of nine detectors over one plane."""
    stream = ArrayStream(toy(900, 0, 0.0), toy(900, 1, 0.15))
    test = toy(900, 2, 0.3)
    grid = np.stack(np.meshgrid(np.linspace(-5, 5, 220), np.linspace(-3.2, 3.2, 150)), -1)
    flat = grid.reshape(-1, 2)
    figure, axes = plt.subplots(3, 3, figsize=(9.6, 6.9), sharex=True, sharey=True)
    for axis, (title, words) in zip(axes.flat, PANELS.items(), strict=True):
        detector = board.detector(words)
        fitted = fit(detector, stream, FeatureSpec({"layer": 2}, 2), 0)
        scores = detector.score(fitted, test)["layer"]
        bad = np.asarray(test.anomalous)
        surface = detector.score(fitted, Features({"layer": flat}, seen(flat)))["layer"]
        # Ranks among the normal test scores: one scale for all, and the last band is beyond 95% of them.
        levels = np.searchsorted(np.sort(scores[~bad]), surface) / (~bad).sum()
        bands = (0, 0.25, 0.5, 0.75, 0.95, 1.0001)
        axis.contourf(*grid.transpose(2, 0, 1), levels.reshape(grid.shape[:2]), bands, cmap="Blues")
        for own, colour in ((~bad, INK), (bad, HOT)):
            rows = test.activations["layer"][own][:220]
            axis.plot(*rows.T, ".", ms=2.4, color=colour, mec=CLEAN, mew=0.15)
        area = auroc(scores[~bad], scores[bad])
        axis.set_title(f"{title}   AUROC {area:.2f}", fontsize=9, color=INK)
        axis.set(xlim=(-5, 5), ylim=(-3.2, 3.2), xticks=[], yticks=[])
    figure.tight_layout()
    save(figure, "surfaces")


def poison_share() -> None:
    """Draw the AUROC of spectral signatures against the poison's share of its class."""
    problem, config = board.problem_of("backdoor", 0)
    extractor = extractor_for(problem.handle, (), config.reduction, 8192)
    assert problem.untrusted is not None
    whole = next(iter(extractor.batches(problem.untrusted, reveal=True)))
    normal, anomalous = (
        next(iter(extractor.batches(data)))
        for data in (problem.normal, problem.anomalous["anomalies"])
    )
    spec = extractor.spec(problem.trusted)
    bad = np.flatnonzero(np.asarray(whole.anomalous))
    clean = np.flatnonzero(~np.asarray(whole.anomalous))
    assert whole.logits is not None
    in_target = int((whole.logits[clean].argmax(axis=1) == 0).sum())
    rng = np.random.default_rng(0)
    figure, axis = plt.subplots(figsize=(7.2, 3.6))
    for words, style in (("spectral", "-"), ("spectral classes=none", ":")):
        found: dict[str, list[tuple[float, float]]] = {}
        for count in (3, 6, 10, 20, 30, 40, 60, 80, 120, 160, len(bad)):
            rows = np.sort(np.concatenate([clean, rng.permutation(bad)[:count]]))
            detector = board.detector(words)
            fitted = fit(detector, ArrayStream(None, take(whole, rows)), spec, 0)
            scores = [detector.score(fitted, data) for data in (normal, anomalous)]
            for layer in ("dense_0", "dense_1"):
                area = auroc(scores[0][layer], scores[1][layer])
                found.setdefault(layer, []).append((100 * count / (count + in_target), area))
        for (layer, points), colour in zip(found.items(), (HOT, "#2c6e9b"), strict=True):
            name = "per class" if style == "-" else "all classes together"
            axis.plot(
                *zip(*points, strict=True),
                style,
                marker="o",
                ms=3,
                color=colour,
                label=f"{layer}, {name}",
            )
    axis.axvline(50, color="#999999", lw=0.8)
    axis.axhline(0.5, color="#999999", lw=0.8)
    axis.set(xlabel="poison in the target class [%]", ylabel="AUROC", ylim=(0.3, 1))
    axis.legend(fontsize=8, ncols=2, loc="upper right", frameon=False)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    figure.tight_layout()
    save(figure, "poison-share")


def heat(path: Path) -> None:
    """Draw the board: fused AUROC by detector and task."""
    found = json.loads(path.read_text(encoding="utf-8"))["auroc"]
    tasks = list(next(iter(found.values())))
    # A detector that no task of the board can have says nothing on it.
    found = {words: by for words, by in found.items() if any(by[task][0] for task in tasks)}
    values = np.array(
        [
            [np.mean([x[FUSED] for x in by_task[t]]) if by_task[t][0] else np.nan for t in tasks]
            for by_task in found.values()
        ]
    )
    figure, axis = plt.subplots(figsize=(9.0, 0.29 * len(found) + 0.9))
    shown = mpl.colormaps["RdBu_r"].copy()
    shown.set_bad("#f2f2f2")
    axis.imshow(values, cmap=shown, vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        text = "" if np.isnan(value) else f"{value:.2f}"
        colour = CLEAN if abs(value - 0.5) > 0.28 else INK
        axis.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    axis.set_yticks(range(len(found)), list(found), fontsize=8)
    axis.set_xticks(range(len(tasks)), tasks, fontsize=8)
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    for side in axis.spines.values():
        side.set_visible(False)
    figure.tight_layout()
    save(figure, "board", dpi=90)


def save(figure: plt.Figure, name: str, dpi: int = 110) -> None:
    """Write a picture without the time and version that would differ from run to run."""
    TARGET.mkdir(parents=True, exist_ok=True)
    figure.savefig(TARGET / f"{name}.png", dpi=dpi, metadata={"Software": None})
    plt.close(figure)


def main() -> None:
    """Draw all, or those asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("board", type=Path, nargs="?", help="what board.py --json wrote")
    parser.add_argument("--only", choices=("surfaces", "poison", "board"))
    options = parser.parse_args()
    if options.only in (None, "surfaces"):
        surfaces()
    if options.only in (None, "poison"):
        poison_share()
    if options.board is not None and options.only in (None, "board"):
        heat(options.board)


if __name__ == "__main__":
    main()
