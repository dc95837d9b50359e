"""Samples of a MOSES run under the benchmark's figures, beside a fresh training sample, CharRNN and DiGress as published.

    python benchmarks/diffusion/moses.py RUN [--samples 10000] [--sampler JSON] [--texts FILE] [--rows FILE] [--into PAGE]

Texts are kept in `--texts`, and drawing goes on where it stopped. The figures are put into `--rows`, and the table into `--into`, a
page that has the table of `molecules.py`: as many training molecules are the floor.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from taskloom.opening import open_run
from taskloom_diffusion.chemistry.benchmarking import MoleculeBenchmark
from taskloom_diffusion.chemistry.figures import BenchmarkFigure
from taskloom_diffusion.chemistry.molecule_set import MoleculeSet
from taskloom_diffusion.chemistry.reference import moses_reference
from taskloom_diffusion.evaluation.sampling import sample_lengths
from taskloom_diffusion.evaluation.trained import model_of_run
from taskloom_diffusion.samplers.confidence import Confidence

sys.path.insert(0, str(Path(__file__).parents[1]))
from tables import put

AT_ONCE = 500
"""Sequences that are drawn before they are written down."""

PUBLISHED = {
    # The table in the README of molecularsets/moses (Polykovskiy et al. 2020), 30,000 samples, three models.
    "CharRNN": {
        "valid": 0.9748,
        "unique@1000": 1.0,
        "unique@10000": 0.9994,
        "FCD/Test": 0.0732,
        "FCD/TestSF": 0.5204,
        "SNN/Test": 0.6015,
        "SNN/TestSF": 0.5649,
        "Frag/Test": 0.9998,
        "Frag/TestSF": 0.9983,
        "Scaf/Test": 0.9242,
        "Scaf/TestSF": 0.1101,
        "IntDiv": 0.8562,
        "IntDiv2": 0.8503,
        "Filters": 0.9943,
        "Novelty": 0.8419,
    },
    # The figures of the checkpoint in the README of cvignac/DiGress (Vignac et al. 2023).
    "DiGress": {
        "valid": 0.8603,
        "unique@1000": 1.0,
        "unique@10000": 0.9999,
        "FCD/Test": 0.6176,
        "FCD/TestSF": 1.2800,
        "SNN/Test": 0.5494,
        "SNN/TestSF": 0.5231,
        "Frag/Test": 0.9987,
        "Frag/TestSF": 0.9968,
        "Scaf/Test": 0.8997,
        "Scaf/TestSF": 0.1183,
        "IntDiv": 0.8551,
        "IntDiv2": 0.8489,
        "Filters": 0.9708,
        "logP": 0.0272,
        "SA": 0.0573,
        "QED": 0.0044,
        "weight": 0.7913,
        "Novelty": 0.9443,
    },
}


def drawn(reference: str, sampler: Confidence, num: int, kept: Path) -> list[dict[str, object]]:
    """Return samples of a run with their calls, those in the file first."""
    if kept.exists():
        rows = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()]
    else:
        rows = []
    model = model_of_run(open_run(reference))
    lengths = model.lengths(num, None, 1)
    with kept.open("a", encoding="utf-8") as file:
        while len(rows) < num:
            # A seed for every part, so that parts are drawn in any process.
            part = lengths[len(rows) : len(rows) + AT_ONCE]
            made = sample_lengths(model, sampler, part, seed=1 + len(rows), batch_size=250)
            cost = made.cpu_seconds / len(part)
            new = [
                {"text": text, "calls": calls, "cpu_s": cost}
                for text, calls in zip(made.texts, made.calls, strict=True)
            ]
            file.writelines(json.dumps(row) + "\n" for row in new)
            file.flush()
            rows += new
            print(f"{len(rows)} of {num}, {cost * 1000:.1f} CPU-s per 1,000", flush=True)
    return rows[:num]


def main() -> None:
    """Draw, judge and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run")
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--sampler", type=Confidence.model_validate_json, default=Confidence())
    parser.add_argument("--texts", type=Path, default=Path("moses-samples.jsonl"))
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--into", type=Path)
    options = parser.parse_args()
    rows = drawn(options.run, options.sampler, options.samples, options.texts)
    began = time.process_time()
    bench = MoleculeBenchmark(moses_reference(), ("moses",), floor=0)
    figures = bench.figures(MoleculeSet([str(row["text"]) for row in rows]))
    judged = time.process_time() - began
    text = table(figures, floors(options.into, len(rows)) if options.into else {})
    sampled = sum(float(str(row["cpu_s"])) for row in rows)
    calls = sum(int(str(row["calls"])) for row in rows) / len(rows)
    cost = f"{len(rows):,} samples of {calls:.1f} calls in {sampled:.0f} CPU-s, judged in {judged:.0f}."
    print("\n".join([*text, "", cost]))
    if options.rows:
        found = {
            name: [f.value, f.standard_error, f.n, f.population] for name, f in figures.items()
        }
        document = {"samples": len(rows), "calls": calls, "cpu_s": sampled, "figures": found}
        options.rows.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if options.into:
        put(options.into, "moses", [*text, "", cost])


def floors(page: Path, num: int) -> dict[str, str]:
    """Return what as many training molecules score, out of the table of `molecules.py`."""
    text = page.read_text(encoding="utf-8").partition("<!-- table: molecules,")[2]
    rows = [line.split(" | ") for line in text.partition("<!-- end")[0].splitlines()]
    rows = [[cell.strip("| ") for cell in row] for row in rows if len(row) > 1]
    column = rows[0].index(f"{num:,}")
    return {row[0]: row[column].partition(" ")[0] for row in rows[2:]}


def table(figures: dict[str, BenchmarkFigure], floor: dict[str, str]) -> list[str]:
    """Return the figures as a table of Markdown, beside the floor and what others published."""
    lines = [
        f"| figure | this model | training sample | {' | '.join(PUBLISHED)} |",
        "| --- " + "| ---: " * (2 + len(PUBLISHED)) + "|",
    ]
    for name, figure in figures.items():
        error = "" if figure.standard_error is None else f" +- {figure.standard_error:.1g}"
        least = f"{float(floor[name]):.4f}" if name in floor else ""
        others = [f"{of[name]:.4f}" if name in of else "" for of in PUBLISHED.values()]
        lines.append(f"| {name} | {figure.value:.4f}{error} | {least} | {' | '.join(others)} |")
    return lines


if __name__ == "__main__":
    main()
