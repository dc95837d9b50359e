"""A detector on a network of one's own, without a task: trusted samples in, scores and a folder out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError
from taskloom.errors import ConfigError
from taskloom.seeding import derive_seed

from taskloom_anomaly.backends.axes import MORE
from taskloom_anomaly.backends.handle import ModelHandle, ReadAs
from taskloom_anomaly.backends.opening import (
    NETWORK_FILE,
    Reference,
    open_network,
    reference_of,
)
from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.config import AnomalyConfig
from taskloom_anomaly.data.arrays import Samples
from taskloom_anomaly.data.lazy import as_samples
from taskloom_anomaly.detection.artifacts import keep_detector, load_detector
from taskloom_anomaly.detection.assembly import DetectionData, reading_of
from taskloom_anomaly.detection.fitting import FittedDetector, fit_detector
from taskloom_anomaly.models.stored import MODEL_FILE

# Share of the trusted samples held out to put layers on one scale, and the least number that carries a p-value of one in a hundred.
_CALIBRATION, _LEAST, _PLENTY = 0.3, 99, 330


def fit(
    model: object,
    trusted: object,
    *,
    parameters: object = None,
    calibration: object = _CALIBRATION,
    **settings: Any,  # noqa: ANN401 -- fields of `AnomalyConfig`
) -> FittedDetector:
    """Fit a detector on the activations that a network has on trusted samples.

        detector = taskloom_anomaly.fit(network, trusted, detector="knn", layers=["h.*"])
        scores = detector.score(inputs)

    Args:
        model: A torch, linen or nnx module, a `ModelHandle`, a reference (`package.module:factory`, a folder of Hugging Face), or
            None for a table without a network.
        trusted: Normal samples: an array, a data set, a data frame, or a dictionary of arrays that are passed by name.
        parameters: The network's parameters in the framework's own form, such as linen's variables; None takes those that it holds.
        calibration: Share of the trusted samples that is held out to put layers on one scale, or a data set of its own.
        **settings: Fields of every task: `detector`, `layers`, `reduction`, `fusion`, `seed`, `axes`, `logits`, `batch_size`.

    Raises:
        ConfigError: The samples do not fit the network, there are too few, or the detector needs what is not there.
    """
    config = config_of(settings)
    samples = as_samples(trusted, "trusted data")
    handle = handle_of(model, samples, config, parameters)
    kept, held = (
        _cut(samples, calibration, config)
        if isinstance(calibration, (int, float))
        else (samples, as_samples(calibration, "calibration data"))
    )
    return fit_detector(DetectionData(handle, kept, held, held, {}), config)


def config_of(settings: dict[str, Any]) -> AnomalyConfig:
    """Return a config of the fields that every task has.

    Raises:
        ConfigError: There is no such field, or a value is not accepted.
    """
    given = dict(settings)
    if isinstance(given.get("detector"), str):
        given["detector"] = {"kind": given["detector"]}
    if isinstance(given.get("layers"), str):
        given["layers"] = [] if given["layers"] == "auto" else [given["layers"]]
    try:
        return AnomalyConfig.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{place}: {first['msg'].lower()}.") from None


def handle_of(
    model: object, samples: Samples, config: AnomalyConfig, parameters: object = None
) -> ModelHandle:
    """Return the handle of whatever `fit` takes."""
    few = samples.take(slice(MORE)).arrays().inputs
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
    reference.write(folder)
    return path


def load_own(folder: Path, samples: Samples, model: object = None) -> FittedDetector:
    """Return a stored detector on its network.

    Args:
        folder: The detector's folder.
        samples: A few samples, on which the network is looked at.
        model: The network; None takes the one that the folder leads to.

    Raises:
        ConfigError: Nothing leads to the network, or it is another than the one that the detector was fitted on.
        StoreError: A file is missing or damaged.
    """
    stored = load_detector(folder)
    few = samples.take(slice(MORE)).arrays().inputs
    parts = (text.rpartition("=") for text in stored.axes)
    axes = {name: letters for name, _, letters in parts}
    reading = ReadAs(axes, stored.logits)
    if model is not None:
        return stored.over(as_handle(model, None, few, reading=reading))
    if (folder / NETWORK_FILE).is_file():
        return stored.over(open_network(Reference.read(folder), few, reading))
    if (folder / "model" / MODEL_FILE).is_file():
        return stored.over(open_network(Reference("stored", str(folder / "model")), few, reading))
    raise ConfigError(
        f"No network is stored with the detector in '{folder}', and nothing leads to one: give it as `model`."
    )
