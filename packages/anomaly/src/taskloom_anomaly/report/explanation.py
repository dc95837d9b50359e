"""The page of an explanation: the input, what of it counts, and the trusted samples that are nearest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import htpy as h
import numpy as np
from taskloom.report.model import Block, Html, Table
from taskloom.report.page import page
from taskloom.report.parts import arranged
from taskloom.runs.writer import atomic_write

from taskloom_anomaly.data.named import NamedArrays
from taskloom_anomaly.detection.explaining import InputReasons
from taskloom_anomaly.report.answers import as_pictures
from taskloom_anomaly.report.png import gallery

if TYPE_CHECKING:
    from taskloom_anomaly.data.named import Inputs


def write_page(path: Path, title: str, found: InputReasons, inputs: Inputs, near: Inputs) -> None:
    """Write the page.

    Args:
        path: The file.
        title: The input in words.
        found: The reasons for its score.
        inputs: The input, a batch of one.
        near: The nearest trusted samples.
    """
    first, *rest = found.sentences()
    header = h.header[
        h.p(".kicker")["taskloom \u00b7 anomaly \u00b7 explanation"],
        h.h1[title],
        h.p(".lede")[first],
        (h.p[sentence] for sentence in rest),
    ]
    evidence, _, folds = arranged(_blocks(found, _first(inputs), _first(near)), path.parent)
    atomic_write(path, page(title, header, [("Reasons", evidence)], folds=folds))


def _first(inputs: Inputs) -> np.ndarray:
    return np.asarray(inputs.first if isinstance(inputs, NamedArrays) else inputs)


def _blocks(found: InputReasons, own: np.ndarray, near: np.ndarray) -> list[Block]:
    blocks: list[Block] = []
    drawn = as_pictures(np.concatenate([own, near])) if own.shape[1:] == near.shape[1:] else None
    if drawn is not None:
        heat = as_pictures(np.maximum(found.heat, 0)[None].astype(np.float64))
        if heat is not None:
            top = float(heat.max()) or 1.0
            blocks.append(Html(gallery(np.concatenate([drawn[:1], np.broadcast_to(heat / top, drawn[:1].shape)]), ["the input", "what counts: bright"], 168), ""))  # fmt: skip
        captions = [f"trusted {i}: {d:.3g} away" for i, d in found.neighbours]
        blocks.append(Html(gallery(drawn[1:], captions), f"The nearest trusted samples in layer '{found.layer}'."))  # fmt: skip
    flat = own.reshape(-1)
    rows: list[list[Any]] = [
        [
            ", ".join(map(str, np.argwhere(found.parts == i)[0])),
            f"{flat[np.flatnonzero(found.parts.reshape(-1) == i)[0]]:.4g}",
            float(found.losses[i]),
        ]
        for i in found.top[:20]
    ]
    blocks.append(Table(["part at", "value", "score lost without it"], rows, "Parts that count most."))  # fmt: skip
    layers: list[list[Any]] = [[name, p] for name, p in found.p.items()]
    return [*blocks, Table(["layer", "p"], layers, "p-values by layer.")]
