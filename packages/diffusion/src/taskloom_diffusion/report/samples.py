"""Single samples of a run, for the viewer: the text, and the molecule that it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from taskloom.report.model import Block, Html, Text
from taskloom.report.samples import SampleTable

from taskloom_diffusion.metrics.molecules import parse
from taskloom_diffusion.report.drawings import molecule_grid

if TYPE_CHECKING:
    from taskloom.runs.run import Run

_LONGEST = 500
_MOST = 20_000


def samples(run: Run) -> SampleTable:
    """Return the generated texts, and of molecules whether they are valid, with their drawing.

    Args:
        run: The run.
    """
    if "samples" not in run.artifacts:
        return SampleTable("sample")
    texts = run.read("samples").decode().splitlines()[:_MOST]
    columns: dict[str, list[str] | list[int] | list[bool]] = {
        "text": [text[:_LONGEST] for text in texts],
        "length": [len(text) for text in texts],
    }
    if "samples/valid" not in run.metrics:
        return SampleTable("sample", columns)
    columns["valid"] = [parse(text) is not None for text in texts]

    def draw(place: int) -> Sequence[Block]:
        if parse(texts[place]) is None:
            return [Text(f"{texts[place]} is no valid molecule.")]
        return [Html(molecule_grid([texts[place]]), texts[place])]

    return SampleTable("sample", columns, group="valid", draw=draw)
