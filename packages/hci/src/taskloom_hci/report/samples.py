"""Single episodes of a run, for the viewer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from taskloom.report.model import Block, Text
from taskloom.report.samples import SampleTable

from taskloom_hci.batch.episodes import load
from taskloom_hci.report.drawings import drawing

if TYPE_CHECKING:
    from taskloom.runs.run import Run


def samples(run: Run) -> SampleTable:
    """Return rounds, return and end of each episode; those that were drawn turn by turn have a picture.

    Args:
        run: The run.
    """
    if "episodes" not in run.artifacts:
        return SampleTable("episode")
    played = load(run.artifacts["episodes"])
    rows = json.loads(run.read("timeline")) if "timeline" in run.artifacts else []
    numbers = played.episode.tolist()

    def draw(place: int) -> Sequence[Block]:
        own = [row for row in rows if row["episode"] == numbers[place]]
        chart = drawing(own, f"Episode {numbers[place]}", "Turn after turn.") if own else None
        if chart is not None:
            return [chart]
        kept = sorted({row["episode"] for row in rows})
        return [Text(f"Turn by turn are kept the episodes {', '.join(map(str, kept)) or 'none'}.")]

    columns = {
        "episode": numbers,
        "rounds": played.num_rounds.tolist(),
        "return": played.returns.tolist(),
        "reached the end": played.is_done.tolist(),
    }
    return SampleTable("episode", columns, order="-rounds", draw=draw)
