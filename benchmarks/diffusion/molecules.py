"""Published figures of training molecules of MOSES, and what they cost: the table of the results page.

    python benchmarks/diffusion/molecules.py [--sizes 1000 10000] [--floor 0] [--into docs/reference/molecules-results.md]

Prints a table; `--into` puts it between its marks in the page.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np
from taskloom_diffusion.chemistry.benchmarking import MoleculeBenchmark
from taskloom_diffusion.chemistry.figures import BenchmarkFigure
from taskloom_diffusion.chemistry.molecule_set import MoleculeSet
from taskloom_diffusion.chemistry.reference import moses_reference

sys.path.insert(0, str(Path(__file__).parents[1]))
from tables import put


def main() -> None:
    """Measure each size in turn."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--floor", type=int, default=0)
    parser.add_argument("--into", type=Path)
    options = parser.parse_args()
    reference = moses_reference()
    assert reference.training is not None
    train = list(reference.training)
    bench = MoleculeBenchmark(reference, floor=options.floor)
    bench.figures(MoleculeSet(train[:30]))  # what is converted once is no part of the time
    columns: dict[str, dict[str, BenchmarkFigure]] = {}
    costs = []
    for size in options.sizes:
        chosen = np.random.default_rng(0).choice(len(train), size, replace=False)
        began = time.process_time()
        columns[f"{size:,}"] = bench.figures(MoleculeSet([train[i] for i in chosen]))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        costs.append(
            f"{size:,}: {time.process_time() - began:.0f} CPU-s, peak {peak:.2f} GB so far"
        )
    text = table(columns) + "\n\n" + "Cost: " + "; ".join(costs) + "."
    print(text)
    if options.into:
        put(options.into, "molecules", text.splitlines())


def table(columns: dict[str, dict[str, BenchmarkFigure]]) -> str:
    """Return the figures as a table of Markdown, floors in brackets."""
    names = list(dict.fromkeys(name for figures in columns.values() for name in figures))
    lines = ["| figure | " + " | ".join(columns) + " |", "| --- " * (len(columns) + 1) + "|"]
    for name in names:
        cells = [cell(figures[name]) if name in figures else "" for figures in columns.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cell(figure: BenchmarkFigure) -> str:
    """Return a figure with its error, and its floor."""
    error = figure.standard_error
    text = f"{figure.value:.6f}" + ("" if error is None else f" +- {error:.1g}")
    if figure.floor is not None and figure.floor_sd is not None:
        text += f" ({figure.floor:.4f} +- {figure.floor_sd:.1g})"
    return text


if __name__ == "__main__":
    main()
