"""Assembles what a task's methods return into the sets that a detector is fitted and judged on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from taskloom.errors import ConfigError
from taskloom.seeding import derive_seed

from taskloom_anomaly.backends.axes import MORE
from taskloom_anomaly.backends.failures import fitting
from taskloom_anomaly.backends.handle import ModelHandle, ReadAs
from taskloom_anomaly.backends.resolve import (
    RandomParametersWarning,
    as_handle,
    has_random_parameters,
)
from taskloom_anomaly.config import AnomalyConfig
from taskloom_anomaly.data.arrays import ArrayDataset, Samples, concatenate
from taskloom_anomaly.data.lazy import as_samples
from taskloom_anomaly.data.named import right_padded
from taskloom_anomaly.detection.padding import trimmed
from taskloom_anomaly.task import (
    AnomalyTask,
    HasControlData,
    HasDefaultLayers,
    HasTestReferenceData,
    HasUntrustedData,
)

__all__ = ["DetectionData", "RandomParametersWarning", "assemble"]


@dataclass(frozen=True)
class DetectionData:
    """Everything that a detector meets.

    Attributes:
        handle: The network.
        trusted: Normal samples to fit on.
        calibration: Normal samples held out of the fit, to standardise scores.
        normal: Normal test samples.
        anomalous: Anomalous test samples by set.
        untrusted: An unlabelled mixture, if the task has one.
        control: Benign shifts by name.
        random_parameters: True if the network was never trained.
        layers: Layers that the task wants watched by default; none means the top-level ones.
    """

    handle: ModelHandle
    trusted: Samples
    calibration: Samples
    normal: Samples
    anomalous: Mapping[str, Samples]
    untrusted: Samples | None = None
    control: Mapping[str, Samples] = field(default_factory=dict)
    random_parameters: bool = False
    layers: tuple[str, ...] = ()

    @property
    def test_sets(self) -> dict[str, Samples]:
        """The sets that are scored, by name; `normal` comes first."""
        return {
            "normal": self.normal,
            **{f"anomalous/{name}": data for name, data in self.anomalous.items()},
            **{f"control/{name}": data for name, data in self.control.items()},
        }


def assemble(task: AnomalyTask, config: AnomalyConfig) -> DetectionData:
    """Call the task's methods and cut the reference data.

    Raises:
        ConfigError: A data set is empty or does not fit, or too little of it is there to hold anything out.
    """
    reference = as_samples(task.build_reference_data(), "reference data")
    anomalous = _by_name(task.build_anomalous_data(), "anomalous")
    parameters = task.build_params()
    model = task.build_model()
    handle = as_handle(
        model,
        parameters,
        trimmed(right_padded(reference.take(slice(MORE)).arrays().inputs)),
        seed=derive_seed(config.seed, "init"),
        reading=reading_of(config),
    )
    _assert_fit(handle, reference)
    fitted, calibration, normal = _cut(task, reference, config)
    if config.contamination:
        fitted, anomalous = _contaminate(fitted, anomalous, config)
    control = (
        _by_name(task.build_control_data(), "control") if isinstance(task, HasControlData) else {}
    )
    untrusted = None
    if isinstance(task, HasUntrustedData):
        mixture = task.build_untrusted_data()
        untrusted = as_samples(mixture, "untrusted data") if len(mixture) else None
    problem = DetectionData(
        handle=handle,
        trusted=fitted,
        calibration=calibration,
        normal=normal,
        anomalous=anomalous,
        untrusted=untrusted,
        control=control,
        random_parameters=parameters is None and has_random_parameters(model, handle),
        layers=task.default_layers() if isinstance(task, HasDefaultLayers) else (),
    )
    _assert_same_shape(problem)
    return problem


def reading_of(config: AnomalyConfig) -> ReadAs:
    """Return what a config says about axes and logits."""
    axes = {}
    for text in config.axes:
        name, _, letters = text.rpartition("=")
        axes[name] = letters
    return ReadAs(axes, config.logits)


def _assert_fit(handle: ModelHandle, reference: Samples) -> None:
    """Run the network on one sample's shape, and say in a sentence that it cannot."""
    with fitting(reference.shape):
        _ = handle.num_outputs


def _assert_same_shape(problem: DetectionData) -> None:
    expected = problem.trusted.shape
    sets = dict(problem.test_sets)
    if problem.untrusted is not None:
        sets["untrusted"] = problem.untrusted
    for name, data in sets.items():
        if data.shape != expected:
            raise ConfigError(
                f"The samples of '{name}' have the shape {data.shape}; the reference data and the network"
                f" have {expected}."
            )


def _by_name(data: object, name: str) -> dict[str, Samples]:
    if isinstance(data, Mapping):
        return {key: as_samples(value, f"{name} data '{key}'") for key, value in data.items()}
    return {"anomalies": as_samples(data, f"{name} data")}


def _cut(
    task: AnomalyTask, reference: Samples, config: AnomalyConfig
) -> tuple[Samples, Samples, Samples]:
    """Split the reference data into fit, calibration and, if the task has no other, test samples."""
    order = np.random.default_rng(derive_seed(config.seed, "reference")).permutation(len(reference))
    if isinstance(task, HasTestReferenceData):
        normal = as_samples(task.build_test_reference_data(), "test reference data")
        rest = order
    else:
        # Scoring the samples that the detector was fitted on would be optimistic.
        held = max(len(order) // 4, 1)
        normal, rest = reference.take(order[:held]), order[held:]
    num_calibration = max(round(config.calibration_fraction * len(rest)), 1)
    if len(rest) - num_calibration < 2:
        raise ConfigError(
            f"The reference data has {len(reference)} samples: too few to fit on some, calibrate on some and test on some;"
            " at least 5 are needed."
        )
    return reference.take(rest[num_calibration:]), reference.take(rest[:num_calibration]), normal


def _contaminate(
    trusted: Samples, anomalous: Mapping[str, Samples], config: AnomalyConfig
) -> tuple[Samples, dict[str, Samples]]:
    """Replace a share of the trusted samples by anomalies of which none is judged on, and return those that are left to judge.

    Raises:
        ConfigError: Half of the anomalies are fewer than are asked for.
    """
    rng = np.random.default_rng(derive_seed(config.seed, "contamination"))
    fitted: list[ArrayDataset] = []
    judged: dict[str, Samples] = {}
    for name, data in anomalous.items():
        order = rng.permutation(len(data))
        half = len(data) // 2
        fitted.append(data.take(np.sort(order[:half])).arrays())
        judged[name] = data.take(np.sort(order[half:]))
    pool = concatenate(fitted)
    count = round(config.contamination * len(trusted))
    if count > len(pool):
        most = len(pool) / len(trusted)
        raise ConfigError(
            f"--contamination={config.contamination:g} needs {count} anomalies that are not tested, and half of the task's are"
            f" {len(pool)}: at most --contamination={np.floor(most * 1e4) / 1e4:g}, or a task with more anomalies."
        )
    rows = rng.choice(len(pool), count, replace=False)
    kept = trusted.take(slice(len(trusted) - count)).arrays()
    return concatenate([kept, pool.take(rows)]), judged
