"""`tasks anomaly explain DETECTOR INPUTS --trusted FILE`: the reasons for the score of one input."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from taskloom.errors import ConfigError
from taskloom.registry.isolate import load_target
from taskloom.report.write import require_extra

from taskloom_anomaly.data.files import read_inputs
from taskloom_anomaly.data.pictures import layout_of
from taskloom_anomaly.data.streams import Part, RowReading
from taskloom_anomaly.detection.explaining import explain as reasons_of
from taskloom_anomaly.verbs.answering import (
    DetectorArgument,
    LayoutOption,
    ReadyDetector,
    ResizeOption,
    opened,
    size_of,
)
from taskloom_anomaly.verbs.common import (
    StoreOption,
    TextKeyOption,
    find_place,
    fresh_folder,
    say_json,
)

PAGE = "explanation.html"


def explain(
    detector: DetectorArgument,
    inputs: Annotated[str, typer.Argument(help="Inputs, as score takes them.")],
    *,
    trusted: Annotated[Path, typer.Option(help="Trusted samples: the nearest ones are looked for among them, and parts replaced by theirs.")],
    row: Annotated[int, typer.Option(min=0, help="Place of the input.")] = 0,
    layer: Annotated[str, typer.Option(help="Layer to look into; that with the least p-value unless given.")] = "",
    out: Annotated[Path | None, typer.Option("--out", "--dir", help="New folder for a page that draws the input, its parts and its neighbours.")] = None,
    labels: Annotated[str, typer.Option(help="Field, column or array that is a label and no input.")] = "",
    text_key: TextKeyOption = "text",
    layout: LayoutOption = None,
    resize: ResizeOption = None,
    store: StoreOption = None,
) -> None:  # fmt: skip
    """Say which layer finds an input odd, which trusted samples are nearest there, and which parts of the input count.

    A part is a token, a column, or a pixel (a square of them where there are many).
    """
    if out is not None:
        require_extra()
    how = RowReading(text_key=text_key, truth_key=labels)
    with opened(find_place(detector, store), inputs, how, batch_size=256, layout=layout, resize=resize) as ready:  # fmt: skip
        if ready.fitted is None:
            raise ConfigError("Activations have no parts to explain: give the inputs themselves.")
        part = _part_at(ready, row)
        order = layout or layout_of(ready.fitted.form.shape if ready.fitted.form else ())
        samples = ready.fitted.samples(
            read_inputs(trusted, text_key, layout=order, size=size_of(resize))
        )
        one = ready.fitted.samples(part.data).arrays().inputs
        found = reasons_of(ready.fitted, one, samples, layer)
    say_json(
        {
            "row": row,
            "id": part.ids[0],
            "p": dict(found.p),
            "layer": found.layer,
            "score": found.score,
            "neighbours": [{"trusted": i, "distance": d} for i, d in found.neighbours],
            "parts": [{"part": int(i), "at": _place(found.parts, int(i)), "loss": float(found.losses[i])} for i in found.top[:10]],
            "without_top_tenth": {"score": found.without, "p": found.p_without},
        }
    )  # fmt: skip
    for sentence in found.sentences():
        typer.echo(sentence, err=True)
    if out is not None:
        with fresh_folder(out, PAGE) as folder:
            near = samples.take(np.array([i for i, _ in found.neighbours])).arrays().inputs
            draw: Any = load_target("taskloom_anomaly.report.explanation:write_page")
            draw(folder / PAGE, f"Row {row} of {Path(inputs).name}", found, one, near)
        typer.echo(f"page: {out / PAGE}", err=True)


def _part_at(ready: ReadyDetector, row: int) -> Part:
    """Return the part that is one row.

    Raises:
        ConfigError: There is no such row, or it cannot be read.
    """
    seen = 0
    for part in ready.parts:
        if row in part.rows:
            return part.only([part.rows.index(row)])
        errors = dict(part.errors)
        if row in errors:
            raise ConfigError(f"Row {row} cannot be read: {errors[row]}.")
        seen = max(chain([seen], part.rows, errors)) + 1
    raise ConfigError(f"There is no row {row}: the inputs have {seen} rows.")


def _place(parts: np.ndarray, index: int) -> list[int]:
    """Return where a part begins in the input."""
    return [int(x) for x in np.argwhere(parts == index)[0]]
