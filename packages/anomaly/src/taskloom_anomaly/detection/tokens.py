"""Scores of single tokens in a file, beside the p-values of the texts that they stand in.

A line of `tokens.jsonl` is a token that was scored:

    {"id": "normal/0", "token": 17, "piece": "bay", "score": {"h.0": 81.2}, "p": 0.41}

`id` is the test set and the place of the text in it, `token` the place of the token in the text, `piece` its word where the task knows it.
`p` belongs to the *text*: tokens of one text are not exchangeable with one another, so no token has one of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from taskloom_anomaly.data.named import mask_of, right_padded
from taskloom_anomaly.detection.fitting import FittedDetector, aggregated, position_scorer
from taskloom_anomaly.statistics.joint import joint_p
from taskloom_anomaly.task import HasPieces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jaxtyping import Float, Int

    from taskloom_anomaly.data.arrays import Samples
    from taskloom_anomaly.data.named import Inputs
    from taskloom_anomaly.detectors.base import PositionScorer, Scores

# Texts of a set whose tokens are written down: a file is to be looked at.
_MOST_TEXTS = 1000


def scores_tokens(fitted: FittedDetector, data: Samples) -> bool:
    """Return whether a detector scores the tokens of texts one by one."""
    if position_scorer(fitted.detector, fitted.extractor) is None:
        return False
    first = _tokens(data.take(slice(1)).arrays().inputs)
    return first.ndim == 2 and first.dtype.kind in "iu"


def keep_tokens(
    path: Path,
    task: object,
    fitted: FittedDetector,
    calibration: Samples,
    sets: Mapping[str, Samples],
) -> Path:
    """Write the scores of the tokens of every set.

    Args:
        path: The file.
        task: The task; it may know the words of tokens.
        fitted: A detector that scores tokens.
        calibration: The texts of its calibration scores.
        sets: Texts by name.
    """
    scorer = position_scorer(fitted.detector, fitted.extractor)
    assert scorer is not None
    known = np.stack(list(fitted.calibration.values()), axis=1)
    lengths = np.concatenate(
        [_lengths(b.inputs) for b in calibration.batches(fitted.extractor.batch_size)]
    )
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", encoding="utf-8", newline="\n") as file:
        for name, data in sets.items():
            start = 0
            for inputs, found in _scored(scorer, fitted, data.take(slice(_MOST_TEXTS))):
                texts = [aggregated(found[layer], fitted.aggregate) for layer in fitted.calibration]
                p = text_p(np.stack(texts, axis=1), _lengths(inputs), known, lengths)
                for row, line in _lines(task, inputs, found):
                    head = {"id": f"{name}/{start + row}"}
                    file.write(json.dumps({**head, **line, "p": float(p[row])}) + "\n")
                start += len(p)
    partial.replace(path)
    return path


def text_p(
    scores: Float[np.ndarray, "n layers"],
    lengths: Int[np.ndarray, " n"],
    calibration: Float[np.ndarray, "m layers"],
    calibration_lengths: Int[np.ndarray, " m"],
) -> Float[np.ndarray, " n"]:
    """Return the p-value of each text over all layers; one where no calibration text is as long.

    The largest of many scores is larger than that of few, so a text is held against texts of at least its length.

    Args:
        scores: Scores of the texts by layer.
        lengths: Their tokens.
        calibration: Scores of normal texts.
        calibration_lengths: Their tokens.
    """
    found = np.ones(len(scores))
    for length in np.unique(lengths):
        rows = lengths == length
        found[rows] = joint_p(scores[rows], calibration[calibration_lengths >= length])
    return found


def _scored(
    scorer: PositionScorer, fitted: FittedDetector, data: Samples
) -> Iterator[tuple[Inputs, Scores]]:
    batches = data.batches(fitted.extractor.batch_size)
    for batch, features in zip(batches, fitted.extractor.batches(data), strict=True):
        yield right_padded(batch.inputs), scorer.score_positions(fitted.tensors, features)


def _lines(task: object, inputs: Inputs, found: Scores) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield the place of the text and the line of each token that has a score."""
    tokens = _tokens(inputs)
    pieces = task.pieces(tokens) if isinstance(task, HasPieces) else None
    for row, columns in enumerate(_real(found, tokens.shape)):
        for column in np.flatnonzero(columns):
            yield (
                row,
                {
                    "token": int(column),
                    "piece": pieces[row][column] if pieces else "",
                    "score": {layer: float(values[row, column]) for layer, values in found.items()},
                },
            )


def _real(found: Scores, shape: tuple[int, ...]) -> np.ndarray:
    """Return which tokens have a score; of a layer without positions none has one."""
    scored = [np.isfinite(values) for values in found.values() if values.shape == shape]
    return np.logical_and.reduce(scored) if len(scored) == len(found) else np.zeros(shape, bool)


def _tokens(inputs: Inputs) -> np.ndarray:
    return np.asarray(getattr(inputs, "first", inputs))


def _lengths(inputs: Inputs) -> Int[np.ndarray, " n"]:
    mask = mask_of(inputs)
    return np.full(*_tokens(inputs).shape[:2]) if mask is None else mask.sum(axis=1)
