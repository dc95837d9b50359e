"""Parts that score, monitor and their kin share: a detector that is opened or fitted on the spot, its inputs, its rule."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from taskloom.errors import ConfigError, UsageError
from taskloom.params.layers import resolve

from taskloom_anomaly.backends.opening import Reference
from taskloom_anomaly.config import AnomalyConfig
from taskloom_anomaly.data.files import read_inputs
from taskloom_anomaly.data.pictures import Layout, is_image_folder
from taskloom_anomaly.data.sources import open_parts
from taskloom_anomaly.data.streams import Part, RowReading, require_rows
from taskloom_anomaly.detection.answers import Calibration
from taskloom_anomaly.detection.artifacts import (
    DETECTOR_FILE,
    StoredDetector,
    load_detector,
)
from taskloom_anomaly.detection.fitting import FittedDetector
from taskloom_anomaly.detection.own_network import fit as fit_own, in_batches, open_detector
from taskloom_anomaly.detection.scoring import Scorer, scorer_of_activations
from taskloom_anomaly.verbs.common import Place
from taskloom_anomaly.verbs.layers import network_of

DetectorArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="DETECTOR",
        help="Folder of a detector, or a run (id, @last, path); with --trusted a network, as fit takes it.",
    ),
]
FprOption: TypeAlias = Annotated[
    float, typer.Option(help="Rate of false alarms: a normal input is flagged with at most this probability.")
]  # fmt: skip
BatchOption: TypeAlias = Annotated[
    int, typer.Option("--batch-size", min=1, help="Inputs per forward pass.")
]
LayoutOption: TypeAlias = Annotated[
    Layout | None,
    typer.Option(help="Axes of images: height, width, channels, or channels first; found out unless given."),
]  # fmt: skip
ResizeOption: TypeAlias = Annotated[
    str | None, typer.Option(help="HEIGHT,WIDTH to which images are resized.")
]


@dataclass(frozen=True, eq=False)
class ReadyDetector:
    """A detector with the inputs that it is to answer on.

    Attributes:
        score: Scores a part.
        known: The calibration samples.
        parts: The inputs.
        kind: The kind of the detector.
        fitted: The detector on its network; None where activations are scored without one.
    """

    score: Scorer
    known: Calibration
    parts: Iterator[Part]
    kind: str
    fitted: FittedDetector | None = None


def size_of(text: str | None) -> tuple[int, int] | None:
    """Return the height and width that `--resize` says.

    Raises:
        UsageError: It says none.
    """
    if text is None:
        return None
    parts = text.replace("x", ",").split(",")
    if len(parts) != 2 or not all(part.strip().isdigit() and int(part) > 0 for part in parts):
        raise UsageError(f"--resize={text} is not HEIGHT,WIDTH, such as 28,28.")
    return int(parts[0]), int(parts[1])


@contextmanager
def opened(
    place: Place,
    inputs: str,
    how: RowReading,
    *,
    batch_size: int,
    layout: Layout | None = None,
    resize: str | None = None,
) -> Iterator[ReadyDetector]:
    """Yield a stored detector with its inputs, of which the first are read.

    Raises:
        ConfigError: There is no detector, nothing to score, or nothing leads to its network.
    """
    stored = _stored(place)
    how = replace(how, form=stored.form, layers=stored.layers)
    with open_parts(inputs, batch_size, how, layout=layout, resize=size_of(resize)) as source:
        first, parts = _ahead(source, inputs)
        known = stored.known
        kind = _kind(stored.detector)
        if first.activations:
            yield ReadyDetector(scorer_of_activations(stored), known, parts, kind)
        else:
            fitted = open_detector(place.folder, first.data, batch_size)
            yield ReadyDetector(_on_inputs(fitted), fitted.known, parts, kind, fitted)


@contextmanager
def fitted_opened(
    fitted: FittedDetector,
    inputs: str,
    how: RowReading,
    *,
    batch_size: int,
    layout: Layout | None = None,
    resize: str | None = None,
) -> Iterator[ReadyDetector]:
    """Yield a detector that was fitted just now, with its inputs; it raises as `opened` does."""
    fitted = in_batches(fitted, batch_size)
    how = replace(how, form=fitted.form)
    with open_parts(inputs, batch_size, how, layout=layout, resize=size_of(resize)) as source:
        _, parts = _ahead(source, inputs)
        yield ReadyDetector(_on_inputs(fitted), fitted.known, parts, _kind(fitted.detector), fitted)


def _kind(detector: Any) -> str:  # noqa: ANN401 -- a component, whose kind its subclass declares
    return str(detector.kind)


def _on_inputs(fitted: FittedDetector) -> Scorer:
    return lambda part: fitted.score(part.data)


def _ahead(parts: Iterator[Part], source: str) -> tuple[Part, Iterator[Part]]:
    """Return the first part that has a row, and all parts."""
    seen: list[Part] = []
    for part in parts:
        seen.append(part)
        if part.rows:
            break
    first = require_rows(seen[-1] if seen else None, source)
    return first, chain(seen, parts)


def _stored(place: Place) -> StoredDetector:
    if not (place.files / DETECTOR_FILE).is_file():
        raise ConfigError(
            f"'{place.folder}' holds no detector: '{place.files / DETECTOR_FILE}' is not there.",
            hint="tasks anomaly fit MODEL TRUSTED --out DIR fits and stores one; --trusted FILE does so on the spot",
        )
    stored = load_detector(place.files)
    if not stored.calibration:
        raise ConfigError(
            f"The detector in '{place.folder}' has no calibration samples: it is of an early version; fit it again."
        )
    return stored


def fit_on_files(
    model: str,
    trusted: Path,
    arguments: dict[str, str],
    *,
    calibration: Path | None = None,
    text_key: str = "text",
    max_tokens: int = 128,
    layout: Layout | None = None,
    resize: str | None = None,
    store: Path | None = None,
) -> tuple[FittedDetector, AnomalyConfig, Reference, int]:
    """Fit a detector on the samples of a file.

    Returns:
        The detector, its config, the way to its network, and the number of samples.

    Raises:
        ConfigError: The samples do not fit the network, or a setting is not accepted.
    """
    config: Any = resolve(AnomalyConfig, files=[], environ={}, arguments=arguments).config
    reference = network_of(model, store)
    target: Any = None if reference.kind == "none" else reference.target
    settings = {name: getattr(config, name) for name in config.model_fields_set}

    def fitted(order: Layout) -> tuple[FittedDetector, AnomalyConfig, Reference, int]:
        size = size_of(resize)
        samples = read_inputs(trusted, text_key, layout=order, size=size)
        if calibration is not None:
            settings["calibration"] = read_inputs(calibration, text_key, layout=order, size=size)
        found = fit_own(target, samples, max_tokens=max_tokens, **settings)
        return found, config, reference, len(samples)

    if layout is None and is_image_folder(trusted):
        # Networks of torch take channels first, others last: a network cannot take both, but for one that flattens.
        try:
            return fitted("hwc")
        except ConfigError as error:
            if "do not fit the network" not in error.message:
                raise
        return fitted("chw")
    return fitted(layout or "hwc")
