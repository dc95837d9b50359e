"""QM9 steered: QED, rings and logP moved by guidance, beside the best of k plain draws at as many network passes.

    tasks run diffusion qm9 --config benchmarks/diffusion/recipes/qm9.toml --condition=rdkit:qed,rdkit:rings,rdkit:logp
    python benchmarks/diffusion/guidance.py RUN --rows benchmarks/diffusion/guidance.jsonl --n 250

For every property the request is two standard deviations (`--beyond`) above the training part's mean, or the largest value trained on. A row has the
mean, by how many standard deviations it moved, validity, and the mean absolute error to the request; then the same of the best of k
plain draws, for each k. A guided call asks the network twice, so k = 2 is its equal. Last, logP values drawn from the test part are
requested, each by one guided draw and by the best of k plain ones. Cells that the file of rows has are not drawn again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import taskloom as tl
from taskloom_diffusion.evaluation.trained import TrainedModel
from taskloom_diffusion.guidance.descriptors import descriptor
from taskloom_diffusion.metrics.molecules import parse
from taskloom_diffusion.model.coercion import as_sampler
from taskloom_diffusion.model.told import ToldCondition

sys.path.insert(0, str(Path(__file__).parents[1]))
from tables import put

NAMES = ("qed", "rings", "logp")
PLAIN = (1, 2, 4, 8)
REQUESTS, EACH = 40, 5
"""Values of logP that are requested, those of test molecules, and draws for each."""


def values(texts: Sequence[str], name: str) -> np.ndarray:
    """Return one property of each text, NaN of what is no molecule."""
    molecules = [parse(text) for text in texts]
    return np.array([np.nan if m is None else descriptor(name, m) for m in molecules])


def best_of(plain: np.ndarray, k: int, targets: np.ndarray) -> np.ndarray:
    """Return of every k plain draws the one that is nearest to its target; of none that is valid, NaN."""
    groups = plain[: k * len(targets)].reshape(-1, k)
    far = np.where(np.isnan(groups), np.inf, np.abs(groups - targets[: len(groups), None]))
    return groups[np.arange(len(groups)), far.argmin(1)]


def row(found: np.ndarray, targets: np.ndarray, mean: float, sd: float) -> dict[str, float]:
    """Return the figures of one set of draws; moves and errors in standard deviations of the training part."""
    real = ~np.isnan(found)
    valid, far = found[real], np.abs(found - targets)[real] / sd
    return {
        "mean": float(valid.mean()),
        "moved": float((valid.mean() - mean) / sd),
        "moved_se": float(valid.std() / sd / len(valid) ** 0.5),
        "valid": float(real.mean()),
        "error": float(far.mean()),
        "error_se": float(far.std() / len(far) ** 0.5),
        "n": len(found),
    }


class Rows:
    """A file of finished cells, one JSON a line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self.met = {(r["what"], r["how"]) for r in map(json.loads, lines)}

    def add(self, what: str, how: str, make: Callable[[], dict[str, float]]) -> None:
        """Measure a cell, unless it is there, and write it down."""
        if (what, how) in self.met:
            return
        began = time.process_time()
        made = {"what": what, "how": how, **make(), "cpu_s": round(time.process_time() - began, 1)}
        with self.path.open("a") as file:
            file.write(json.dumps(made) + "\n")
        print(made, flush=True)


def requests_of(run: tl.Run, condition: ToldCondition) -> np.ndarray:
    """Return values of logP of test molecules, inside of what was trained."""
    lines = run.read("test_part").decode().split("\n")
    found = values([json.loads(line) for line in lines[: 2 * REQUESTS] if line], "logp")
    inside = np.clip(found[~np.isnan(found)], condition.min, condition.max)[:REQUESTS]
    return np.sort(np.repeat(inside, EACH))


def measure(run: tl.Run, given: argparse.Namespace) -> None:
    """Draw and write each cell."""
    model: TrainedModel = run.load("model")
    rows = Rows(given.rows)
    told = {condition.name: condition for condition in model.conditions}
    sampler = as_sampler(json.loads(given.sampler)) if given.sampler else None
    draws = max(PLAIN) * given.n
    kept = given.rows.with_suffix(".plain.json")
    if not kept.exists():
        texts = [
            text
            for part in range(0, draws, 500)
            for text in model.sample(
                min(500, draws - part), sampler=sampler, seed=1000 + part
            ).texts
        ]
        kept.write_text(json.dumps(texts))
    plain: list[str] = json.loads(kept.read_text())

    def guided(name: str, scale: float, targets: np.ndarray) -> Callable[[], dict[str, float]]:
        def drawn() -> dict[str, float]:
            texts: list[str] = []
            for value in np.unique(targets):
                n, wish = int((targets == value).sum()), {name: float(value)}
                seed = 2 + len(texts)
                made = model.sample(
                    n, sampler=sampler, condition=wish, guidance="cfg", scale=scale, seed=seed
                )
                texts += made.texts
            return row(values(texts, name), targets, told[name].mean, told[name].sd)

        return drawn

    def best(name: str, k: int, targets: np.ndarray) -> Callable[[], dict[str, float]]:
        return lambda: row(
            best_of(values(plain[: k * len(targets)], name), k, targets),
            targets,
            told[name].mean,
            told[name].sd,
        )

    every = {
        (name, beyond): np.full(
            given.n, min(told[name].mean + beyond * told[name].sd, told[name].max)
        )
        for beyond in given.beyond
        for name in given.names
    }
    asked = {f"{name}, +{beyond:g} sd": targets for (name, beyond), targets in every.items()}
    if 2.0 in given.beyond:
        asked["requested logp"] = requests_of(run, told["logp"])
    for what, targets in asked.items():
        name = what.split(",")[0].split()[-1]
        for scale in given.scales:
            rows.add(what, f"guided, scale {scale:g}", guided(name, scale, targets))
        for k in PLAIN:
            rows.add(what, f"best of {k} plain", best(name, k, targets))


def table(path: Path) -> list[str]:
    """Return the rows of a file as a table of Markdown."""
    lines = [
        "| request | drawn | mean | moved [sd] | valid | error [sd] | n |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    places = list(dict.fromkeys(r["what"] for r in rows))
    for r in sorted(rows, key=lambda r: places.index(r["what"])):
        each = r["what"].startswith("requested")
        # Of many requests together a mean says nothing.
        mean, moved = f"{r['mean']:.3f}", f"{r['moved']:+.2f} +- {r['moved_se']:.2f}"
        lines.append(
            f"| {r['what']} | {r['how']} | {'' if each else mean} | {'' if each else moved} | {r['valid']:.1%} | "
            f"{r['error']:.2f} +- {r['error_se']:.2f} | {r['n']} |"
        )
    return lines


def main() -> None:
    """Measure a run, or put the rows into a page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", nargs="?", default="", help="A finished run of this recipe.")
    parser.add_argument("--n", type=int, default=500)
    parser.add_argument("--scales", type=float, nargs="+", default=[1.0, 2.0, 3.0])
    parser.add_argument("--beyond", type=float, nargs="+", default=[2.0], help="Requests [sd].")
    parser.add_argument("--names", nargs="+", default=list(NAMES))
    parser.add_argument("--sampler", default="", help="As JSON, instead of the run's own.")
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--into", type=Path, help="A page to put the rows into, without drawing.")
    given = parser.parse_args()
    if given.into:
        put(given.into, "guidance", table(given.rows))
        return
    measure(tl.open_run(given.run), given)


if __name__ == "__main__":
    main()
