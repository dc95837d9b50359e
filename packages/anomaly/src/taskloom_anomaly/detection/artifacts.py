"""Writes what a run leaves: scores, the detector, the samples that it got most wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped
from taskloom.errors import ConfigError, StoreError

from taskloom_anomaly.backends.handle import ModelHandle
from taskloom_anomaly.config import AnomalyConfig
from taskloom_anomaly.data.arrays import Samples
from taskloom_anomaly.detection.assembly import DetectionData
from taskloom_anomaly.detection.features import Extractor
from taskloom_anomaly.detection.fitting import FUSED, FittedDetector
from taskloom_anomaly.detection.validity_card import write_json
from taskloom_anomaly.task import HasPictures
from taskloom_anomaly.tensors import read_tensors, write_tensors

_NUM_WORST = 10


def _write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> Path:
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        keywords: dict[str, Any] = dict(arrays)
        np.savez_compressed(file, allow_pickle=False, **keywords)
    partial.replace(path)
    return path


def keep_scores(
    path: Path,
    scores: Mapping[str, Mapping[str, Float[np.ndarray, " n"]]],
    calibration: Mapping[str, Float[np.ndarray, " n"]],
) -> Path:
    """Write all scores as `<set>|<layer>`."""
    arrays = {
        f"{name}|{layer}": values
        for name, by_layer in {**scores, "calibration": calibration}.items()
        for layer, values in by_layer.items()
    }
    return _write_npz(path, arrays)


def keep_detector(path: Path, fitted: FittedDetector, config: AnomalyConfig) -> Path:
    """Write the detector: its tensors and calibration scores, and beside them its config as JSON."""
    calibration = {f"calibration|{layer}": np.asarray(v) for layer, v in fitted.calibration.items()}
    write_tensors(path, {**fitted.tensors, **calibration})
    description = {
        "schema": 1,
        "detector": config.detector.model_dump(mode="json"),
        "layers": list(fitted.extractor.layers),
        "reduction": config.reduction,
        "fusion": config.fusion,
        "model": fitted.extractor.handle.fingerprint,
    }
    write_json(path.with_suffix(".json"), description)  # type: ignore[arg-type] # plain JSON by construction
    return path


def load_detector(path: Path, handle: ModelHandle, config: AnomalyConfig) -> FittedDetector:
    """Read a detector that `keep_detector` wrote.

    Args:
        path: The tensors; the description lies beside them.
        handle: The network that it watches.
        config: The config that it was fitted with.

    Raises:
        ConfigError: It was fitted on another network.
        StoreError: It cannot be read.
    """
    try:
        description = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        layers, model = tuple(description["layers"]), str(description["model"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"The detector in '{path.parent}' cannot be read: {error}.") from None
    if model != handle.fingerprint:
        raise ConfigError(
            f"The detector in '{path.parent}' was fitted on another network ({model[:10]}, not {handle.fingerprint[:10]})."
        )
    tensors = read_tensors(path)
    calibration = {
        name.removeprefix("calibration|"): values
        for name, values in tensors.items()
        if name.startswith("calibration|")
    }
    learned = {k: v for k, v in tensors.items() if not k.startswith("calibration|")}
    extractor = Extractor(handle, layers, config.reduction, config.batch_size)
    return FittedDetector(config.detector, learned, extractor, calibration)


def scores_of(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """Read scores by set and layer from the `scores.npz` of a run."""
    found: dict[str, dict[str, np.ndarray]] = {}
    with np.load(path, allow_pickle=False) as stored:
        for key in stored.files:
            name, _, layer = key.partition("|")
            found.setdefault(name, {})[layer] = stored[key]
    return found


def _inputs_at(sets: Sequence[Samples], rows: Int[np.ndarray, " m"]) -> Shaped[np.ndarray, "m ..."]:
    """Return inputs by their place in the sets' concatenation, without reading the rest."""
    ends = np.cumsum([len(data) for data in sets])
    places = np.searchsorted(ends, rows, side="right")
    return np.concatenate(
        [
            sets[place].take(np.array([row - ends[place]]) + len(sets[place])).arrays().inputs
            for place, row in zip(places, rows, strict=True)
        ]
    )


def keep_worst(
    path: Path,
    task: object,
    problem: DetectionData,
    scores: Mapping[str, Mapping[str, Float[np.ndarray, " n"]]],
) -> Path:
    """Write the normal samples that scored highest and the anomalous ones that scored lowest."""
    normal = scores["normal"][FUSED]
    top = np.argsort(-normal, kind="stable")[:_NUM_WORST]
    arrays = {
        "false_positive_scores": normal[top],
        "false_positive_inputs": problem.normal.take(top).arrays().inputs,
    }
    missed = np.concatenate([scores[f"anomalous/{name}"][FUSED] for name in problem.anomalous])
    bottom = np.argsort(missed, kind="stable")[:_NUM_WORST]
    arrays |= {
        "false_negative_scores": missed[bottom],
        "false_negative_inputs": _inputs_at(list(problem.anomalous.values()), bottom),
    }
    if isinstance(task, HasPictures):
        for kind in ("false_positive", "false_negative"):
            arrays[f"{kind}_text"] = np.asarray(task.show(arrays[f"{kind}_inputs"]))
    return _write_npz(path, arrays)
