"""`tasks anomaly calibrate DETECTOR DATA`: other normal samples for the p-values of a fitted detector."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from taskloom.errors import ConfigError

from taskloom_anomaly.backends.layers import evidence_rows
from taskloom_anomaly.backends.opening import NETWORK_FILE
from taskloom_anomaly.data.arrays import ArrayDataset, concatenate
from taskloom_anomaly.data.streams import Part, RowReading
from taskloom_anomaly.detection.artifacts import load_detector, save_stored
from taskloom_anomaly.detection.fitting import FittedDetector
from taskloom_anomaly.verbs.answering import (
    BatchOption,
    DetectorArgument,
    LayoutOption,
    ResizeOption,
    opened,
)
from taskloom_anomaly.verbs.common import (
    CONFIG_FILE,
    DETECTOR_FILES,
    TASK_FILE,
    StoreOption,
    TextKeyOption,
    find_place,
    fresh_folder,
    say_json,
)


def calibrate(
    detector: DetectorArgument,
    data: Annotated[
        str,
        typer.Argument(help="Normal samples that no fit has seen: a file as score takes it, or a folder of images."),
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", "--dir", help="New folder for the detector with its network; the detector's own unless given. A run is never changed."),
    ] = None,
    text_key: TextKeyOption = "text",
    layout: LayoutOption = None,
    resize: ResizeOption = None,
    batch_size: BatchOption = 256,
    store: StoreOption = None,
) -> None:  # fmt: skip
    """Replace the calibration samples of a detector: p-values and the scales of its layers are then theirs, and nothing is fitted."""
    place = find_place(detector, store)
    if out is None and place.run is not None:
        raise ConfigError("A run is never changed: --out DIR says where the calibrated detector goes.")  # fmt: skip
    how = RowReading(text_key=text_key)
    with opened(place, data, how, batch_size=batch_size, layout=layout, resize=resize) as ready:
        if ready.fitted is None:
            raise ConfigError("A detector is calibrated on inputs, and the file holds activations of its layers.")  # fmt: skip
        # Put together, so that batches are those of `score`, and the same inputs have the same scores to the bit.
        fitted = recalibrated(ready.fitted, list(ready.parts))
    stored = replace(
        load_detector(place.files),
        calibration=fitted.calibration,
        classes=fitted.classes,
        fresh=None,
    )
    evidence = evidence_rows(fitted.extractor.handle, fitted.extractor.layers)
    if out is None:
        path = save_stored(place.files, stored, evidence)
    else:
        with fresh_folder(out, *DETECTOR_FILES) as folder:
            for name in (NETWORK_FILE, CONFIG_FILE, TASK_FILE):
                if (place.files / name).is_file():
                    shutil.copy2(place.files / name, folder / name)
            if (place.files / "model").is_dir():
                shutil.copytree(place.files / "model", folder / "model")
            path = save_stored(folder, stored, evidence)
    say_json({"detector": str(path), "calibration": len(fitted.known)})


def recalibrated(fitted: FittedDetector, parts: list[Part]) -> FittedDetector:
    """Return a detector whose calibration samples are the rows of some parts.

    Raises:
        ConfigError: A row cannot be read: what is left out would be chosen.
    """
    for part in parts:
        if part.errors:
            row, why = part.errors[0]
            raise ConfigError(f"Row {row} of the calibration samples cannot be read: {why}.")
    texts = [text for part in parts if isinstance(part.data, list) for text in part.data]
    arrays = [part.data for part in parts if isinstance(part.data, ArrayDataset)]
    answers = fitted.score(texts or concatenate(arrays))
    return replace(fitted, calibration=answers.layer, classes=answers.predicted, fresh=None)
