"""The domain's section of a run's report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from taskloom.report import charts
from taskloom.report.model import Block, Chart, Heading, Html, Table, Text

from taskloom_diffusion.drawings import molecule_grid, unmasking_table

if TYPE_CHECKING:
    from taskloom.runs import Run

NUM_DRAWN = 24
NUM_SEQUENCES = 2
NUM_BINS = 20
_MOLECULAR = frozenset({"smiles", "qm9", "moses", "polymers"})


def report(run: Run) -> list[Block]:
    """Return loss curves, likelihood by mask rate, samples, properties and the unmasking, as far as the run got."""
    blocks: list[Block] = [Heading("Training"), *_curves(run.history())]
    details = _read_json(run, "evaluation")
    if details:
        blocks += _likelihood(run, details)
    samples = _read_lines(run)
    if samples:
        blocks += _samples(run, samples)
    if details.get("unmasking"):
        blocks += _unmasking(details["unmasking"])
    return blocks


def _curves(rows: list[dict[str, float]]) -> list[Block]:
    labels = (("train/loss", "training loss"), ("validation/nelbo", "held-out bound"))
    curves = [
        {"step": row["step"], "nats": row[key], "curve": label}
        for row in rows
        for key, label in labels
        if key in row
    ]
    if not curves:
        return [Text("The run ended before the first line of metrics.")]
    blocks: list[Block] = [
        charts.line(
            curves,
            "step",
            "nats",
            color="curve",
            y_title="nats per token",
            caption="Training loss, and the bound of the averaged weights on held-out sequences.",
        )
    ]
    speed = [
        {"step": row["step"], "tokens": row["speed/tokens_per_core_second"]}
        for row in rows
        if "speed/tokens_per_core_second" in row
    ]
    if speed:
        caption = "Real tokens per core-second: padding does not count."
        blocks.append(
            charts.line(speed, "step", "tokens", y_title="tokens / core-s", caption=caption)
        )
    return blocks


def _likelihood(run: Run, details: Mapping[str, Any]) -> list[Block]:
    bound = details["bound"]
    nats, error = run.metrics.get("nelbo/nats_per_token"), run.metrics.get("nelbo/standard_error")
    blocks: list[Block] = [Heading("Likelihood")]
    if nats is not None:
        uncertainty = "" if error is None else f" +- {error:.4f}"
        spread = run.metrics.get("nelbo/perplexity_error")
        around = "" if spread is None else f" +- {spread:.3f}"
        blocks.append(
            Text(
                f"{nats:.4f}{uncertainty} nats per token, perplexity {run.metrics['nelbo/perplexity']:.3f}{around}: "
                f"{bound['kind']}, on {bound['sequences']} held-out sequences of {bound['tokens']} tokens in all."
            )
        )
    rates = [{"mask rate": r, "nats": v} for r, v in details["loss_by_mask_rate"]]
    if rates:
        caption = "Cross-entropy of a noised token: what is hard is to guess with little in sight."
        blocks.append(
            charts.line(
                rates, "mask rate", "nats", y_title="nats per noised token", caption=caption
            )
        )
    return blocks


def _samples(run: Run, samples: list[str]) -> list[Block]:
    blocks: list[Block] = [Heading("Samples")]
    if run.task not in _MOLECULAR and "samples/valid" not in run.metrics:
        return [*blocks, Table(("sample",), [(s,) for s in samples[:12]], "The first samples.")]
    # RDKit is imported only for runs over molecules.
    from taskloom_diffusion.metrics.molecules import parse

    molecules = [m for m in map(parse, samples) if m is not None]
    shown = list(dict.fromkeys(s for s in samples if parse(s) is not None))[:NUM_DRAWN]
    if not shown:
        lines = [(s,) for s in samples[:12]]
        return [
            *blocks,
            Table(("sample",), lines, "No sample is a valid molecule; these are the first."),
        ]
    blocks.append(
        Html(
            molecule_grid(shown),
            f"The first {len(shown)} different valid ones of {len(samples)} samples.",
        )
    )
    return [*blocks, *_properties(run, molecules)]


_TITLES = {
    "weight": "molecular weight [Da]",
    "logp": "logP",
    "qed": "QED (drug-likeness)",
    "heavy_atoms": "heavy atoms",
}


def _properties(run: Run, molecules: list[Any]) -> list[Block]:
    """Return the distribution of four properties in the samples and in the corpus."""
    from taskloom_diffusion.metrics.molecules import parse, properties

    reference = _read_json(run, "evaluation").get("reference", [])
    theirs = properties([m for m in map(parse, reference) if m is not None])
    ours = properties(molecules[:500])
    blocks: list[Block] = [Heading("Properties of the samples against the corpus")]
    for name, title in _TITLES.items():
        distance = run.metrics.get(f"samples/distance/{name}")
        caption = "" if distance is None else f"Wasserstein distance {distance:.3g}."
        blocks.append(_densities(title, {"corpus": theirs[name], "samples": ours[name]}, caption))
    return blocks


def _densities(title: str, groups: Mapping[str, list[float]], caption: str) -> Chart:
    """Return the share of values in each of about 20 intervals, for groups of different sizes."""
    every = [v for values in groups.values() for v in values]
    low, high = min(every, default=0.0), max(every, default=1.0)
    width = (high - low) / NUM_BINS or 1.0
    if all(float(v).is_integer() for v in every):
        width = max(1.0, float(round(width)))  # whole numbers are not split unevenly,
        low -= 0.5  # and a bar stands over its number
    num = int((high - low) / width) + 1
    rows = []
    for group, values in groups.items():
        counts = [0] * num
        for value in values:
            counts[min(int((value - low) / width), num - 1)] += 1
        rows += [
            {"x": low + i * width, "x2": low + (i + 1) * width, "y": n / max(len(values), 1), "of": group}
            for i, n in enumerate(counts)
        ]  # fmt: skip
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": rows},
        "width": charts.WIDTH,
        "height": charts.HEIGHT,
        "mark": {"type": "bar", "opacity": 0.5},
        "encoding": {
            "x": {"field": "x", "bin": "binned", "type": "quantitative", "title": title},
            "x2": {"field": "x2"},
            "y": {
                "field": "y",
                "type": "quantitative",
                "title": "share",
                "stack": None,
                "axis": {"format": "%"},
            },
            "color": {"field": "of", "type": "nominal", "sort": None, "title": None},
        },
    }
    return Chart(spec, caption)


def _unmasking(states: list[list[list[str]]]) -> list[Block]:
    """Return the first recorded sequences step by step."""
    blocks: list[Block] = [Heading("Unmasking, step by step")]
    for sequence in range(min(NUM_SEQUENCES, len(states[0]))):
        table = unmasking_table([state[sequence] for state in states])
        caption = f"Sample {sequence + 1}: the step, and the tokens after it; new ones are blue."
        blocks.append(Html(table, caption))
    return blocks


def _read_json(run: Run, name: str) -> dict[str, Any]:
    path = run.artifacts.get(name)
    if path is None or not path.exists():
        return {}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _read_lines(run: Run) -> list[str]:
    path = run.artifacts.get("samples")
    if path is None or not path.exists():
        return []
    return path.read_text(encoding="utf-8").splitlines()
