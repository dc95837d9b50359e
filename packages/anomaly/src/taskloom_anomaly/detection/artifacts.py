"""The files that a run leaves: scores, the detector, the samples that it got most wrong. Nothing is pickled.

A detector is a folder, whether a run or a verb has written it:

    detector.safetensors   the arrays that it learned, and the calibration scores of each layer as `calibration|<layer>`; beside them
                           `predicted|calibration`, the class that the network gives each of those samples, and `predicted|fit`, the
                           number of samples of the fit by class. Of a task also `fresh|<layer>`, scores of normal test samples, with
                           `predicted|fresh`: p-values are taken against those. `constants|<layer>`: features that never vary
    detector.json          its parameters, the fusion of its layers, the fingerprint of its network, the form of its inputs
    layers.json            the layers in order, the reduction of their positions, and the evidence about their axes
    model/                 the network, where the run has trained one
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from taskloom.arrays import load_npz, load_tensors, save_npz, save_tensors
from taskloom.errors import ConfigError, RunCorruptError, StoreError
from taskloom.opening import task_of
from taskloom.records.documents import read_object
from taskloom.records.files import open_file
from taskloom.registry.components import load_component

from taskloom_anomaly.backends.handle import ModelHandle
from taskloom_anomaly.backends.layers import evidence_rows
from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.data.form import InputForm
from taskloom_anomaly.data.lazy import as_samples
from taskloom_anomaly.data.named import Inputs, NamedArrays, join_rows
from taskloom_anomaly.detection.answers import Calibration
from taskloom_anomaly.detection.constants import PREFIX, Constants
from taskloom_anomaly.detection.features import Extractor
from taskloom_anomaly.detection.fitting import Aggregate, FittedDetector
from taskloom_anomaly.detection.fusion import FUSED, Fusion
from taskloom_anomaly.detection.validity_card import write_json
from taskloom_anomaly.detectors.base import GROUP, Detector, Tensors
from taskloom_anomaly.models.stored import MODEL_FILE, StoredModel
from taskloom_anomaly.task import HasPictures

if TYPE_CHECKING:
    from jaxtyping import Float, Int, Shaped
    from taskloom.runs.run import Run

    from taskloom_anomaly.config import AnomalyConfig, Reduction
    from taskloom_anomaly.data.arrays import Samples
    from taskloom_anomaly.detection.assembly import DetectionData

DETECTOR_FILE = "detector.safetensors"
PARAMETERS_FILE = "detector.json"
LAYERS_FILE = "layers.json"
SCHEMA = 2
_CALIBRATION = "calibration|"
_CLASSES, _COUNTS = "predicted|calibration", "predicted|fit"
_FRESH, _FRESH_CLASSES = "fresh|", "predicted|fresh"
_NUM_WORST = 10


@dataclass(frozen=True)
class StoredDetector:
    """A fitted detector without its network.

    Attributes:
        detector: The arithmetic.
        tensors: The arrays that it learned.
        calibration: Scores of the held-out samples by layer.
        layers: The layers that it watches, in order; none means those that the network has watched by default.
        reduction: The reduction of positions to one feature vector.
        fusion: The fusion of layers to one score.
        model: Fingerprint of the network; empty where it is not known.
        aggregate: The score of a sample from those of its positions.
        axes: What the user says about axes.
        logits: The layer that holds the class scores; empty for the output.
        classes: The class that the network gives each held-out sample, where it is known.
        counts: Samples of the fit by the class that the network gives them, where it is known.
        form: The form that inputs must have, where it is known.
        constants: Features that never vary on the trusted samples, where they are known.
        fresh: Normal samples that neither the fit nor the network has seen, where there are some.
    """

    detector: Detector
    tensors: Tensors
    calibration: Mapping[str, Float[np.ndarray, " n"]] = field(default_factory=dict)
    layers: tuple[str, ...] = ()
    reduction: Reduction = "auto"
    fusion: Fusion = "mean"
    model: str = ""
    aggregate: Aggregate = "max"
    axes: tuple[str, ...] = ()
    logits: str = ""
    classes: Int[np.ndarray, " m"] | None = None
    counts: Int[np.ndarray, " classes"] | None = None
    form: InputForm | None = None
    constants: Constants | None = None
    fresh: Calibration | None = None

    @property
    def known(self) -> Calibration:
        """The samples against which p-values are taken, layers in the order of the network."""
        own = self.fresh or Calibration(self.calibration, self.classes)
        scores = {name: own.scores[name] for name in _in_order(own.scores, self.layers)}
        return Calibration(scores, own.classes, self.counts)

    def over(self, handle: ModelHandle, batch_size: int = 1024) -> FittedDetector:
        """Return the detector on its network.

        Raises:
            ConfigError: It was fitted on another network.
        """
        # Detectors of version 0.2 know a network by its code and parameters alone, later ones by the length of its texts, too.
        known = ("", handle.fingerprint, getattr(handle, "code_fingerprint", ""))
        if self.model not in known and self.model != getattr(handle, "earlier_fingerprint", ""):
            raise ConfigError(
                f"The detector was fitted on another network ({self.model[:10]}, not {handle.fingerprint[:10]})."
            )
        layers = self.layers or handle.default_layers
        positions = self.detector.reads_positions
        extractor = Extractor(
            handle, layers, self.reduction, batch_size, scores_positions=positions
        )
        return FittedDetector(
            self.detector,
            self.tensors,
            extractor,
            {name: self.calibration[name] for name in _in_order(self.calibration, layers)},
            self.aggregate,
            self.fusion,
            classes=self.classes,
            counts=self.counts,
            form=self.form,
            constants=self.constants,
            fresh=None if self.fresh is None else self.known,
        )


def save_detector(
    folder: Path,
    detector: Detector,
    tensors: Tensors,
    *,
    evidence: Sequence[Mapping[str, Any]] = (),
    **facts: Any,  # noqa: ANN401 -- fields of a record
) -> Path:
    """Write a fitted detector, each file atomically, and return the file of its arrays.

    Args:
        folder: The folder; it exists.
        detector: The arithmetic.
        tensors: The arrays that it learned.
        evidence: What is known of the axes of each layer, and how.
        **facts: Further fields of `StoredDetector`.
    """
    return save_stored(folder, StoredDetector(detector, tensors, **facts), evidence)


def save_stored(
    folder: Path, stored: StoredDetector, evidence: Sequence[Mapping[str, Any]] = ()
) -> Path:
    """Write a stored detector; it is as `save_detector`."""
    scores = {f"{_CALIBRATION}{k}": np.asarray(v) for k, v in stored.calibration.items()}
    beside = {_CLASSES: stored.classes, _COUNTS: stored.counts}
    if stored.fresh is not None:
        scores |= {f"{_FRESH}{k}": np.asarray(v) for k, v in stored.fresh.scores.items()}
        beside[_FRESH_CLASSES] = stored.fresh.classes
    if stored.constants is not None:
        scores |= stored.constants.arrays()
    scores |= {name: np.asarray(array) for name, array in beside.items() if array is not None}
    save_tensors(folder / DETECTOR_FILE, {**stored.tensors, **scores})
    write_json(
        folder / LAYERS_FILE,
        {
            "schema": SCHEMA,
            "layers": list(stored.layers),
            "reduction": stored.reduction,
            "aggregate": stored.aggregate,
            "axes": list(stored.axes),
            "logits": stored.logits,
            "evidence": [dict(row) for row in evidence],
        },
    )
    # Written last: a folder with this file has the others.
    write_json(
        folder / PARAMETERS_FILE,
        {
            "schema": SCHEMA,
            "detector": stored.detector.model_dump(mode="json"),
            "fusion": stored.fusion,
            "model": stored.model,
            "inputs": None if stored.form is None else stored.form.as_json(),
        },
    )
    return folder / DETECTOR_FILE


def keep_detector(folder: Path, fitted: FittedDetector, config: AnomalyConfig) -> Path:
    """Write the detector of a run and return the file of its arrays."""
    return save_detector(
        folder,
        fitted.detector,
        fitted.tensors,
        evidence=evidence_rows(fitted.extractor.handle, fitted.extractor.layers),
        calibration=fitted.calibration,
        layers=fitted.extractor.layers,
        reduction=config.reduction,
        fusion=fitted.fusion,
        aggregate=config.aggregate,
        axes=config.axes,
        logits=config.logits,
        model=fitted.extractor.handle.fingerprint,
        classes=fitted.classes,
        counts=fitted.counts,
        form=fitted.form,
        constants=fitted.constants,
        fresh=fitted.fresh,
    )


def load_detector(folder: Path) -> StoredDetector:
    """Read a detector from its folder; both forms of version 0.1 are read too.

    Raises:
        StoreError: A file is missing or damaged, or of a later version.
        UnknownNameError: A detector of that kind is not installed.
    """
    document = _read_object(folder, PARAMETERS_FILE)
    with open_file(folder, DETECTOR_FILE) as file:
        arrays = load_tensors(file)
    try:
        facts = _facts(folder, document)
        parameters = document["detector"]
        detector = load_component(GROUP, parameters["kind"]).model_validate(parameters)
        if not isinstance(detector, Detector):
            raise TypeError(f"'{parameters['kind']}' is no detector")
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"The detector in '{folder}' cannot be read: {error!r}.") from None
    calibration = _taken(arrays, _CALIBRATION)
    fresh, classes = _taken(arrays, _FRESH), arrays.pop(_FRESH_CLASSES, None)
    facts["fresh"] = Calibration(fresh, classes) if fresh else None
    constants = _taken(arrays, PREFIX)
    facts["constants"] = Constants(constants) if constants else None
    facts |= {"classes": arrays.pop(_CLASSES, None), "counts": arrays.pop(_COUNTS, None)}
    return StoredDetector(detector, arrays, calibration, **facts)


def _taken(arrays: Tensors, prefix: str) -> dict[str, np.ndarray]:
    """Return the arrays whose names begin with a prefix, without it, and take them out of the others."""
    names = [name for name in arrays if name.startswith(prefix)]
    return {name.removeprefix(prefix): arrays.pop(name) for name in names}


def _facts(folder: Path, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of `StoredDetector` that stand beside the parameters."""
    layers: Mapping[str, Any]
    match document:
        case {"schema": 2}:
            layers = _read_object(folder, LAYERS_FILE)
        case {"schema": 1}:
            # A run of version 0.1 kept the layers in the same file.
            layers = document
        case {"format": 1}:
            # `detectors.storage` of version 0.1 kept the parameters and nothing else.
            return {}
        case _:
            raise ValueError("it is of a later version")
    return {
        "layers": tuple(layers["layers"]),
        "reduction": layers["reduction"],
        "aggregate": layers.get("aggregate", "max"),
        "axes": tuple(layers.get("axes", ())),
        "logits": layers.get("logits", ""),
        "fusion": document["fusion"],
        "model": document["model"],
        "form": InputForm.read(document.get("inputs")),
    }


def _in_order(names: Iterable[str], layers: Sequence[str]) -> list[str]:
    """Return names in the order of the network; safetensors sorts them."""
    order = {name: index for index, name in enumerate(layers)}
    return sorted(names, key=lambda name: order.get(name, len(order)))


def _read_object(folder: Path, name: str) -> dict[str, Any]:
    try:
        return read_object(folder, name)
    except RunCorruptError as error:
        raise StoreError(f"The detector in '{folder}' cannot be read: {error.message}") from None


def load(path: Path | str, model: object = None) -> FittedDetector:
    """Return a fitted detector from a folder, ready to score.

    Args:
        path: The folder of a detector, or that of a run.
        model: The network; None takes the one that is stored with the detector.

    Raises:
        ConfigError: No network is stored with the detector, or the network is another than the one it was fitted on.
        StoreError: A file is missing or damaged.
    """
    folder = Path(path)
    folder = folder / "artifacts" if (folder / "artifacts" / PARAMETERS_FILE).is_file() else folder
    stored = load_detector(folder)
    if isinstance(model, ModelHandle):
        return stored.over(model)
    if not (folder / "model" / MODEL_FILE).is_file():
        raise ConfigError(
            f"No network is stored with the detector in '{folder}': give its ModelHandle as `model`."
        )
    return stored.over(StoredModel(folder / "model").handle())


def detector_of(run: Run) -> FittedDetector:
    """Return the fitted detector of a run on its network: what `Run.load("detector")` gives."""
    folder = run.dir / "artifacts"
    if (folder / "model" / MODEL_FILE).is_file():
        return load(folder)
    task = task_of(run).task
    example = as_samples(task.build_reference_data(), "reference data").take(slice(1)).arrays()
    return load(folder, as_handle(task.build_model(), task.build_params(), example.inputs))


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
    save_npz(path, arrays)
    return path


def scores_of(path: Path | BinaryIO) -> dict[str, dict[str, np.ndarray]]:
    """Read scores by set and layer from the `scores.npz` of a run; the file may be open."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for key, values in load_npz(path).items():
        name, _, layer = key.partition("|")
        found.setdefault(name, {})[layer] = values
    return found


def _inputs_at(sets: Sequence[Samples], rows: Int[np.ndarray, " m"]) -> Shaped[np.ndarray, "m ..."]:
    """Return inputs by their place in the sets' concatenation, without reading the rest."""
    ends = np.cumsum([len(data) for data in sets])
    places = np.searchsorted(ends, rows, side="right")
    found = join_rows(
        [
            sets[place].take(np.array([row - ends[place]]) + len(sets[place])).arrays().inputs
            for place, row in zip(places, rows, strict=True)
        ]
    )
    return _shown(found)


def _shown(inputs: Inputs) -> np.ndarray:
    """Return what a file keeps of inputs to be looked at: the first array of several."""
    return inputs.first if isinstance(inputs, NamedArrays) else inputs


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
        "false_positive_inputs": _shown(problem.normal.take(top).arrays().inputs),
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
    save_npz(path, arrays)
    return path
