"""Runs of a generative task on shared axes: cross-entropy by share masked, and properties of the samples."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from taskloom.report import charts
from taskloom.report.model import Block

from taskloom_diffusion.metrics.molecules import parse, properties
from taskloom_diffusion.report.densities import densities

if TYPE_CHECKING:
    from taskloom.runs.run import Run

_MOST_SAMPLES = 300
_MOST_GROUPS = 4  # more histograms on one another hide each other
_SHOWN = {"weight": "molecular weight [Da]", "logp": "logP"}


def compare(runs: Mapping[str, Run]) -> list[Block]:
    """Return the cross-entropies, and of molecules two properties beside the corpus.

    Args:
        runs: The runs by name.
    """
    rows: list[dict[str, Any]] = []
    groups: dict[str, list[str]] = {}
    for name, run in runs.items():
        if "evaluation" not in run.artifacts:
            continue
        details = json.loads(run.read("evaluation"))
        rows += [
            {"mask rate": rate, "nats": nats, " ": name}
            for rate, nats in details["loss_by_mask_rate"]
        ]
        if "samples/valid" in run.metrics:
            groups.setdefault("corpus", details.get("reference", []))
            groups[name] = run.read("samples").decode().splitlines()
    blocks: list[Block] = []
    if rows:
        caption = "Cross-entropy of a noised token by the share that is masked."
        blocks.append(
            charts.line(
                rows, "mask rate", "nats", color=" ", title="Cross-entropy", caption=caption
            )
        )
    if groups and len(groups) <= _MOST_GROUPS:
        found = {
            name: properties([m for m in map(parse, texts[:_MOST_SAMPLES]) if m is not None])
            for name, texts in groups.items()
        }
        for name, title in _SHOWN.items():
            drawn = {group: values[name] for group, values in found.items() if values[name]}
            blocks.append(densities(title, drawn, f"At most {_MOST_SAMPLES} molecules each."))
    return blocks
