"""The published figures of a run's molecules, in its report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taskloom.report.model import Block

from taskloom_diffusion.chemistry.table import figure_table
from taskloom_diffusion.report.densities import densities

_DISTRIBUTIONS = {
    "SA": "synthetic accessibility, from 1 (easy) to 10",
    "nearest": "similarity to the nearest test molecule",
}


def published(found: Mapping[str, Any]) -> list[Block]:
    """Return the figures that papers quote, beside those of fresh training samples, and two distributions.

    Args:
        found: The document that the run has kept of them; empty if it has none.
    """
    if not found:
        return []
    caption = (
        f"Against {found['reference']}. The floor is what fresh training molecules score, as many as there are valid samples: "
        "FCD falls with their number, and is left out below 1,000."
    )
    blocks: list[Block] = [figure_table(found["figures"], caption)]
    for name, groups in found["distributions"].items():
        told = ", ".join(f"{len(values)} of the {group}" for group, values in groups.items())
        blocks.append(densities(_DISTRIBUTIONS[name], groups, f"{told}."))
    return blocks
