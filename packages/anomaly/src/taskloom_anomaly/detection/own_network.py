"""A detector on a network of one's own, without a task: trusted samples in, scores and a folder out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from pydantic import ValidationError
from taskloom.errors import ConfigError
from taskloom.params.sentences import first_fault
from taskloom.records.folders import RECORD
from taskloom.runs.run import open_run
from taskloom.seeding import derive_seed

from taskloom_anomaly.backends.axes import MORE
from taskloom_anomaly.backends.handle import ModelHandle, ReadAs
from taskloom_anomaly.backends.huggingface import TextModel, huggingface
from taskloom_anomaly.backends.opening import (
    NETWORK_FILE,
    Reference,
    open_network,
    reference_of,
)
from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.config import AnomalyConfig
from taskloom_anomaly.data.arrays import ArrayDataset, Samples
from taskloom_anomaly.data.files import are_texts
from taskloom_anomaly.data.lazy import as_samples
from taskloom_anomaly.data.named import right_padded
from taskloom_anomaly.detection.artifacts import detector_of, keep_detector, load_detector
from taskloom_anomaly.detection.assembly import DetectionData, reading_of
from taskloom_anomaly.detection.fitting import FittedDetector, fit_detector
from taskloom_anomaly.detection.padding import trimmed
from taskloom_anomaly.detectors.short_names import values_of
from taskloom_anomaly.models.stored import MODEL_FILE

# Share of the trusted samples held out to put layers on one scale, and the least number that carries a p-value of one in a hundred.
_CALIBRATION, _LEAST, _PLENTY = 0.3, 99, 330
# Texts are cut there unless something else is asked for.
_MAX_TOKENS = 128


def fit(
    model: object,
    trusted: object,
    *,
    parameters: object = None,
    calibration: object = _CALIBRATION,
    max_tokens: int = _MAX_TOKENS,
    **settings: Any,  # noqa: ANN401 -- fields of `AnomalyConfig`
) -> FittedDetector:
    """Fit a detector on the activations that a network has on trusted samples.

        detector = taskloom_anomaly.fit(network, trusted, detector="knn", layers=["h.*"])
        scores = detector.score(inputs)

    Args:
        model: A torch, linen or nnx module, a `ModelHandle`, a reference (`package.module:factory`, a folder of Hugging Face), or
            None for a table without a network.
        trusted: Normal samples: an array, a data set, a data frame, a dictionary of arrays that are passed by name, or texts for a
            folder of Hugging Face.
        parameters: The network's parameters in the framework's own form, such as linen's variables; None takes those that it holds.
        calibration: Share of the trusted samples that is held out to put layers on one scale, or a data set of its own.
        max_tokens: Longer texts are cut; a network with a shorter context cuts there.
        **settings: Fields of every task: `detector`, `layers`, `reduction`, `fusion`, `seed`, `axes`, `logits`, `batch_size`.

    Raises:
        ConfigError: The samples do not fit the network, there are too few, or the detector needs what is not there.
    """
    config = config_of(settings)
    text: TextModel | None = None
    if are_texts(trusted):
        text = _text_model(_reference(model), trusted, max_tokens)
        model, trusted = text.handle, ArrayDataset(text.tokens(trusted))
        calibration = text.tokens(calibration) if are_texts(calibration) else calibration
    samples = as_samples(trusted, "trusted data")
    handle = handle_of(model, samples, config, parameters)
    kept, held = (
        _cut(samples, calibration, config)
        if isinstance(calibration, (int, float))
        else (samples, as_samples(calibration, "calibration data"))
    )
    fitted = fit_detector(DetectionData(handle, kept, held, held, {}), config)
    return replace(fitted, text=text)


def _reference(model: object) -> Reference | None:
    return reference_of(str(model)) if isinstance(model, (str, Path)) else None


def _text_model(reference: Reference | None, texts: Sequence[str], max_tokens: int) -> TextModel:
    """Return the language model that texts are for.

    Raises:
        ConfigError: The reference leads to no folder of Hugging Face.
    """
    if reference is None or reference.kind != "huggingface":
        raise ConfigError(
            "Texts need a folder of Hugging Face as the model: what is given has no tokenizer."
        )
    return huggingface(reference.target, max_tokens=max_tokens, probe=texts[:MORE])


def config_of(settings: dict[str, Any]) -> AnomalyConfig:
    """Return a config of the fields that every task has.

    Raises:
        ConfigError: There is no such field, or a value is not accepted.
    """
    given = dict(settings)
    if isinstance(given.get("detector"), str | Mapping):
        given["detector"] = values_of(given["detector"])
    if isinstance(given.get("layers"), str):
        given["layers"] = [] if given["layers"] == "auto" else [given["layers"]]
    try:
        return AnomalyConfig.model_validate(given)
    except ValidationError as error:
        place, sentence = first_fault(error)
        raise ConfigError(f"{place}: {sentence}.") from None


def handle_of(
    model: object, samples: Samples, config: AnomalyConfig, parameters: object = None
) -> ModelHandle:
    """Return the handle of whatever `fit` takes."""
    few = trimmed(right_padded(samples.take(slice(MORE)).arrays().inputs))
    if model is None or isinstance(model, (str, Path)):
        if parameters is not None:
            raise ConfigError(
                "parameters= belongs to a module; a reference leads to a network with its own."
            )
        reference = Reference("none") if model is None else reference_of(str(model))
        if reference is None:
            raise ConfigError(
                f"'{model}' is no network: neither package.module:factory, nor a folder with one, nor none."
            )
        return open_network(reference, few, reading_of(config))
    return as_handle(model, parameters, few, reading=reading_of(config))


def _cut(samples: Samples, share: float, config: AnomalyConfig) -> tuple[Samples, Samples]:
    order = np.random.default_rng(derive_seed(config.seed, "reference")).permutation(len(samples))
    count = max(round(share * len(samples)), 1)
    if len(samples) >= _PLENTY:
        count = max(count, _LEAST)
    if not 0 < share < 1 or len(samples) - count < 2:
        raise ConfigError(
            f"{len(samples)} trusted samples are too few to hold {count} of them out of the fit; at least 4 are needed."
        )
    return samples.take(np.sort(order[count:])), samples.take(np.sort(order[:count]))


def save(
    detector: FittedDetector, config: AnomalyConfig, folder: Path, reference: Reference
) -> Path:
    """Write a detector into its folder, with the way to its network, and return the file of its arrays."""
    path = keep_detector(folder, detector, config)
    if detector.text is not None:
        reference = replace(reference, max_tokens=detector.text.max_tokens)
    reference.write(folder)
    return path


def files_of(folder: Path) -> Path:
    """Return the folder in which the files of a detector lie: that of a run keeps them among its artifacts."""
    return folder / "artifacts" if (folder / RECORD).is_file() else folder


def open_detector(folder: Path, samples: object, batch_size: int) -> FittedDetector:
    """Return the detector of a folder or of a run on its network.

    Args:
        folder: The folder of a detector, or that of a run.
        samples: A few inputs, or texts, on which the network is looked at.
        batch_size: Inputs per forward pass.

    Raises:
        ConfigError: Nothing leads to its network, or it is another than the one that the detector was fitted on.
    """
    files = files_of(folder)
    leads = any((files / name).is_file() for name in (NETWORK_FILE, f"model/{MODEL_FILE}"))
    if files != folder and not leads:
        return in_batches(detector_of(open_run(str(folder.resolve()))), batch_size)
    return in_batches(load_own(files, samples), batch_size)


def in_batches(fitted: FittedDetector, batch_size: int) -> FittedDetector:
    """Return a detector that runs its network on so many inputs at a time."""
    return replace(fitted, extractor=replace(fitted.extractor, batch_size=batch_size))


def load_own(folder: Path, samples: object, model: object = None) -> FittedDetector:
    """Return a stored detector on its network.

    Args:
        folder: The detector's folder.
        samples: A few samples, or texts, on which the network is looked at.
        model: The network; None takes the one that the folder leads to.

    Raises:
        ConfigError: Nothing leads to the network, or it is another than the one that the detector was fitted on.
        StoreError: A file is missing or damaged.
    """
    stored = load_detector(folder)
    parts = (text.rpartition("=") for text in stored.axes)
    axes = {name: letters for name, _, letters in parts}
    reading = ReadAs(axes, stored.logits)
    own = Reference.read(folder) if (folder / NETWORK_FILE).is_file() else None
    if are_texts(samples):
        text = _text_model(own, samples, (own.max_tokens if own else 0) or _MAX_TOKENS)
        handle = as_handle(text.handle, None, None, reading=reading)
        return replace(stored.over(handle), text=text)
    given = cast("Samples", samples) if hasattr(samples, "batches") else as_samples(samples, "data")
    few = trimmed(right_padded(given.take(slice(MORE)).arrays().inputs))
    if model is not None:
        return stored.over(as_handle(model, None, few, reading=reading))
    if own is not None:
        return stored.over(open_network(own, few, reading))
    if (folder / "model" / MODEL_FILE).is_file():
        return stored.over(open_network(Reference("stored", str(folder / "model")), few, reading))
    raise ConfigError(
        f"No network is stored with the detector in '{folder}', and nothing leads to one: give it as `model`."
    )
