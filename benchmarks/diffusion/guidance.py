"""QM9 steered: QED, rings and logP moved by guidance, beside the best of k plain draws at as many network passes.

    python benchmarks/diffusion/guidance.py --store STORE --steps 1500 --n 500

Trains one conditional model (about 15 core-minutes at the defaults), then draws n molecules for each request. For every property the
table has: the request, the guided mean, by how many standard deviations of the training part it moved, validity, the mean absolute error
to the request, and the same of the best of k plain draws, k = passes of the guided sampler over those of the plain one. Only what beats
that column is a gain. A second table meets logP values that are drawn from the data.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np
import taskloom as tl
from taskloom_diffusion.guidance.descriptors import descriptors

NAMES = ("qed", "rings", "logp")


def values(texts: list[str], name: str) -> np.ndarray:
    """Return one property of each text, NaN of what is no molecule."""
    return np.array([descriptors(text, [name]).get(name, math.nan) for text in texts])


def best_of(plain: np.ndarray, k: int, target: float) -> np.ndarray:
    """Return of every k plain draws the one that is nearest to a target; of none that is valid, NaN."""
    groups = plain[: len(plain) // k * k].reshape(-1, k)
    far = np.where(np.isnan(groups), np.inf, np.abs(groups - target))
    return groups[np.arange(len(groups)), far.argmin(1)]


def line(name: str, request: float, found: np.ndarray, sd: float, mean: float) -> str:
    """Return the figures of one set of draws."""
    valid = found[~np.isnan(found)]
    moved, error = (valid.mean() - mean) / sd, np.abs(valid - request).mean() / sd
    return (
        f"{name:32s} request {request:7.3f}  mean {valid.mean():7.3f}  moved {moved:+.2f} sd  valid "
        f"{len(valid) / len(found):.1%}  error {error:.2f} sd  n {len(found)}"
    )


def main() -> None:
    """Train, draw and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--n", type=int, default=500)
    parser.add_argument("--scales", type=float, nargs="+", default=[1.0, 2.0, 3.0])
    parser.add_argument(
        "--run", default="", help="A finished run of this recipe, instead of training one."
    )
    given = parser.parse_args()
    if given.run:
        run = tl.open_run(given.run)
    else:
        options: Any = {
            "condition": ",".join(f"rdkit:{name}" for name in NAMES),
            "train": {"steps": given.steps, "ema": 0.99},
            "sampler": {"kind": "first_hitting"},
            "evaluate": {"num_samples": 100, "num_holdout": 100},
        }
        run = tl.run("diffusion/qm9", options=tl.RunOptions(store=given.store), **options)
    model = run.load("model")
    told = {condition.name: condition for condition in model.conditions}
    plain = model.sample(given.n * 4, seed=1).texts
    for name in NAMES:
        condition = told[name]
        free = values(plain, name)
        request = min(condition.mean + 2 * condition.sd, condition.max)
        print(line(f"{name} plain", request, free[: given.n], condition.sd, condition.mean))
        for scale in given.scales:
            made = model.sample(
                given.n, condition={name: request}, guidance="cfg", scale=scale, seed=2
            ).texts
            found = values(made, name)
            print(
                line(
                    f"{name} guided, scale {scale:g}", request, found, condition.sd, condition.mean
                )
            )
        for k in (1, 2, 4):
            best = best_of(free, k, request)
            print(line(f"{name} best of {k} plain", request, best, condition.sd, condition.mean))
    condition = told["logp"]
    random = np.random.default_rng(0)
    errors: list[float] = []
    valid = 0
    requests = np.clip(
        random.normal(condition.mean, condition.sd, 20), condition.min, condition.max
    )
    for i, request in enumerate(requests):
        made = model.sample(
            20, condition={"logp": float(request)}, guidance="cfg", scale=2.0, seed=100 + i
        )
        found = values(made.texts, "logp")
        valid += int((~np.isnan(found)).sum())
        errors += (np.abs(found[~np.isnan(found)] - request) / condition.sd).tolist()
    print(
        f"requested logP: mean absolute error {np.mean(errors):.2f} sd, valid {valid / 400:.1%}, scale 2"
    )


if __name__ == "__main__":
    main()
