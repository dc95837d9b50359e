"""Runs of a game on shared axes: how many episodes were over after each round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from taskloom.report import charts
from taskloom.report.model import Block

from taskloom_hci.batch.episodes import load

if TYPE_CHECKING:
    from taskloom.runs.run import Run

_MOST_ROUNDS = 200


def compare(runs: Mapping[str, Run]) -> list[Block]:
    """Return the cumulative shares of episodes by their rounds.

    Args:
        runs: The runs by name.
    """
    rows = []
    for name, run in runs.items():
        if "episodes" not in run.artifacts:
            continue
        rounds = load(run.artifacts["episodes"]).num_rounds
        counted = np.cumsum(np.bincount(rounds.astype(int))) / len(rounds)
        step = -(-len(counted) // _MOST_ROUNDS)
        rows += [
            {"rounds": int(at), "share": float(counted[at]), " ": name}
            for at in {*range(0, len(counted), step), len(counted) - 1}
        ]
    if not rows:
        return []
    caption = "Share of episodes that ended within so many rounds; a curve further left is faster."
    return [
        charts.line(
            rows,
            "rounds",
            "share",
            color=" ",
            title="Rounds until the end",
            y_title="share of episodes",
            caption=caption,
        )
    ]
