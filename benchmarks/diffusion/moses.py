"""Samples of a MOSES run under the benchmark's figures, beside a fresh training sample, CharRNN and DiGress as published.

    python benchmarks/diffusion/moses.py RUN [--name COLUMN] [--sampler JSON] [--samples 10000] [--texts FILE] [--rows FILE] [--into PAGE]

Texts are kept in `--texts`, and drawing goes on where it stopped. The figures are put into `--rows`, a column for each name, and the
table of its columns into `--into`, a page that has the table of `molecules.py`: as many training molecules are the floor.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any, TypeAlias

import taskloom as tl
from taskloom.opening import open_run
from taskloom_diffusion.chemistry.benchmarking import MoleculeBenchmark
from taskloom_diffusion.chemistry.molecule_set import MoleculeSet
from taskloom_diffusion.chemistry.reference import moses_reference
from taskloom_diffusion.evaluation.sampling import sample_lengths
from taskloom_diffusion.evaluation.trained import model_of_run
from taskloom_diffusion.samplers.base import Sampler

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


Column: TypeAlias = "dict[str, Any]"
"""One way of drawing: sampler, samples, calls, CPU seconds, and figures as (value, standard error, number, of what)."""


def sampler_of(text: str) -> Sampler:
    """Return the sampler of a JSON object, as the task's config reads it."""
    task: Any = tl.open_task("diffusion/moses", {"sampler": json.loads(text)})
    sampler: Sampler = task.config.sampler
    return sampler


def drawn(reference: str, sampler: Sampler, num: int, kept: Path) -> list[dict[str, object]]:
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
    parser.add_argument("--sampler", type=sampler_of, default='{"kind": "confidence"}')
    parser.add_argument("--name", default="this model", help="Of the column.")
    parser.add_argument("--texts", type=Path, default=Path("moses-samples.jsonl"))
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--into", type=Path)
    options = parser.parse_args()
    rows = drawn(options.run, options.sampler, options.samples, options.texts)
    began = time.process_time()
    bench = MoleculeBenchmark(moses_reference(), ("moses",), floor=0)
    figures = bench.figures(MoleculeSet([str(row["text"]) for row in rows]))
    column = {
        "sampler": options.sampler.model_dump(mode="json"),
        "samples": len(rows),
        "calls": sum(int(str(row["calls"])) for row in rows) / len(rows),
        "cpu_s": sum(float(str(row["cpu_s"])) for row in rows),
        "judging_cpu_s": time.process_time() - began,
        "figures": {
            name: [f.value, f.standard_error, f.n, f.population] for name, f in figures.items()
        },
    }
    columns = {options.name: column}
    if options.rows:
        document = json.loads(options.rows.read_text(encoding="utf-8"))
        columns = document["columns"] = {**document["columns"], **columns}
        options.rows.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    text = table(columns, floors(options.into, len(rows)) if options.into else {})
    text += ["", *(costs(name, each) for name, each in columns.items())]
    print("\n".join(text))
    if options.into:
        put(options.into, "moses", text)


def costs(name: str, column: Column) -> str:
    """Return a sentence of what a column took."""
    return (
        f"*{name}*: {column['samples']:,} samples of {column['calls']:.1f} calls in {column['cpu_s']:.0f} CPU-s, "
        f"judged in {column['judging_cpu_s']:.0f}."
    )


def floors(page: Path, num: int) -> dict[str, str]:
    """Return what as many training molecules score, out of the table of `molecules.py`."""
    text = page.read_text(encoding="utf-8").partition("<!-- table: molecules,")[2]
    rows = [line.split(" | ") for line in text.partition("<!-- end")[0].splitlines()]
    rows = [[cell.strip("| ") for cell in row] for row in rows if len(row) > 1]
    column = rows[0].index(f"{num:,}")
    return {row[0]: row[column].partition(" ")[0] for row in rows[2:]}


def table(columns: dict[str, Column], floor: dict[str, str]) -> list[str]:
    """Return the figures as a table of Markdown, a column for each way of drawing, beside the floor and what others published."""
    lines = [
        f"| figure | {' | '.join([*columns, 'training sample', *PUBLISHED])} |",
        "| --- " + "| ---: " * (len(columns) + 1 + len(PUBLISHED)) + "|",
    ]
    for name in next(iter(columns.values()))["figures"]:
        ours = [cell(*each["figures"][name][:2]) for each in columns.values()]
        least = f"{float(floor[name]):.4f}" if name in floor else ""
        others = [f"{of[name]:.4f}" if name in of else "" for of in PUBLISHED.values()]
        lines.append(f"| {name} | {' | '.join([*ours, least, *others])} |")
    return lines


def cell(value: float, error: float | None) -> str:
    """Return a figure with its standard error."""
    return f"{value:.4f}" + ("" if error is None else f" +- {error:.1g}")


if __name__ == "__main__":
    main()
