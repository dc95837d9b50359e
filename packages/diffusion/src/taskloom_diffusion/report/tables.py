"""The figures of a run with their units, their standard errors and what they mean: for reports, and for a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from taskloom.report.model import Table

if TYPE_CHECKING:
    from taskloom_diffusion.evaluation.bound import Bound

_LIKELIHOOD = {
    "nats_per_token": ("bound", "nats per token"),
    "bits_per_token": ("bound", "bits per token"),
    "bits_per_character": ("bound", "bits per character"),
    "bits_per_byte": ("bound", "bits per byte"),
    "perplexity": ("perplexity", "per token"),
    "nats_per_sequence": ("bound", "nats per sequence"),
}
_SAMPLES = {
    "valid": ("valid", "%"),
    "unique": ("unique: different ones, valid where that can be judged", "%"),
    "novel": ("novel: unique ones that the training corpus lacks", "%"),
    "unique_of_valid": ("unique, of the valid", "%"),
    "novel_of_unique": ("novel, of the unique", "%"),
    "novelty": ("novel: not in the training corpus", "%"),
    "unique@1000": ("unique, of the first 1,000 valid", "%"),
    "unique@10000": ("unique, of the first 10,000 valid", "%"),
    "diversity": ("internal diversity of the valid, repeats included: IntDiv", ""),
    "diversity_2": ("the same with squares: IntDiv2", ""),
    "known_words": ("words of the training corpus, of the words inside samples", "%"),
    "character_entropy": ("entropy of the characters", "nats"),
    "total_variation": ("distance to the law: total variation", ""),
    "entropy_per_token": ("entropy of the law, which the bound can reach", "nats per token"),
    "calls": ("network calls", "per sample"),
    "distance/weight": ("distance of molecular weight", "Da"),
    "distance/logp": ("distance of logP", ""),
    "distance/tpsa": ("distance of polar surface", "A^2"),
    "distance/qed": ("distance of QED", ""),
    "distance/rings": ("distance of the number of rings", "rings"),
    "distance/heavy_atoms": ("distance of the number of heavy atoms", "atoms"),
}


def bound_metrics(bound: Bound) -> dict[str, float]:
    """Return a bound as the metrics of a run."""
    measured = {
        "nelbo/nats_per_token": bound.nats_per_token,
        "nelbo/standard_error": bound.standard_error,
        "nelbo/bits_per_token": bound.bits_per_token,
        "nelbo/bits_per_character": bound.bits_per_character,
        "nelbo/bits_per_byte": bound.bits_per_byte,
        "nelbo/perplexity": bound.perplexity,
        "nelbo/perplexity_error": bound.perplexity_error,
        "nelbo/nats_per_sequence": bound.nats_per_sequence,
    }
    return {name: value for name, value in measured.items() if value is not None}


def likelihood_table(metrics: Mapping[str, float]) -> Table:
    """Return the bound in every unit, with standard errors."""
    nats = metrics["nelbo/nats_per_token"]
    error = metrics.get("nelbo/standard_error")
    rows: list[tuple[str, float, float | None, str]] = []
    for name, (label, unit) in _LIKELIHOOD.items():
        value = metrics.get(f"nelbo/{name}")
        if value is None:
            continue
        spread = None
        if (
            error is not None and name != "nats_per_sequence"
        ):  # its error is one of totals, not of a ratio
            spread = _rounded(value * error / (1.0 if name == "perplexity" else nats))
        rows.append((label, value, spread, unit))
    return Table(("", "value", "+-", "unit"), rows)


def sample_table(metrics: Mapping[str, float], num_samples: int) -> Table:
    """Return what the samples are judged by, in words."""
    rows: list[tuple[str, float, float | None, str]] = []
    for name, (label, unit) in _SAMPLES.items():
        value = metrics.get(f"samples/{name}")
        if value is None:
            continue
        scale = 100.0 if unit == "%" else 1.0
        spread = None
        if name in ("valid", "novelty"):  # of the others, one sample's lot hangs on the rest
            spread = _rounded(scale * share_error(value, num_samples))
        rows.append((label, scale * value, spread, unit))
    caption = f"Shares are of all {num_samples} samples, where nothing else is said."
    if any(name.startswith("samples/distance/") for name in metrics):
        caption += " Distances are Wasserstein's, from the valid samples to training molecules."
    return Table(("", "value", "+-", "unit"), rows, caption)


def _rounded(error: float) -> float:
    return float(f"{error:.2g}")


def share_error(share: float, count: int) -> float:
    """Return the standard error of a share of independent cases; unlike the plain one it is not zero at 0 and at 1.

    Two cases of either kind are added first (Agresti and Coull 1998).
    """
    centre = (share * count + 2) / (count + 4)
    return math.sqrt(centre * (1 - centre) / (count + 4))


def text_lines(table: Table) -> list[str]:
    """Return the rows of a table of figures as lines: name, value, standard error, unit."""
    names = [str(row[0]) for row in table.rows]
    width = max(map(len, names), default=0)
    lines = []
    for name, row in zip(names, table.rows, strict=True):
        value, spread, unit = row[1], row[2], row[3]
        figure = f"{value:.5g}" + ("" if spread is None else f" +- {spread:.2g}")
        lines.append(f"{name:{width}}  {figure:20} {unit}".rstrip())
    return lines
