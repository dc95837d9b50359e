"""The protocol of an anomaly task.

A task is data and a model. Let f be the network with parameters theta, D_ref samples on which it works by its normal
mechanism, and D_anom samples on which it does not. A detector sees the activations of f on D_ref and scores held-out
samples; the task is solved when it ranks D_anom above D_ref:

    build_reference_data()   D_ref
    build_model()            f        a flax.linen.Module, flax.nnx.Module, torch.nn.Module or ModelHandle
    build_params()           theta    None: random initialisation, with a loud warning
    build_anomalous_data()   D_anom   one data set, or several by name

These four, by these names, are all that a task needs. The other protocols here are optional, one method each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float, Int, PyTree, Shaped
    from taskloom.context import RunContext

    from taskloom_anomaly.backends.handle import ModelHandle
    from taskloom_anomaly.data.arrays import ArrayDataset, Dataset


@runtime_checkable
class AnomalyTask(Protocol):
    """Data and a model."""

    def build_reference_data(self) -> Dataset:
        """Return samples that are normal."""
        ...

    def build_model(self) -> Any:  # noqa: ANN401 -- a linen, nnx or torch module, or a ModelHandle
        """Return the network."""
        ...

    def build_params(self) -> PyTree | None:
        """Return its parameters; None means random ones."""
        ...

    def build_anomalous_data(self) -> Dataset | Mapping[str, Dataset]:
        """Return samples that are anomalous, or several such sets by name."""
        ...


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a validity card: a number that must lie in a range for the task to mean anything.

    Attributes:
        name: The quantity: `clean_accuracy`.
        value: Its measured value.
        floor: The least that is valid.
        ceiling: The most that is valid.
        remedy: The change to make when it is not.
    """

    name: str
    value: float
    floor: float = float("-inf")
    ceiling: float = float("inf")
    remedy: str = ""

    @property
    def ok(self) -> bool:
        """True if the number lies in its range."""
        return self.floor <= self.value <= self.ceiling


@runtime_checkable
class Prepares(Protocol):
    """A task that has to do something first: train a network, generate attacks."""

    def prepare(self, ctx: RunContext, checkpoint: Path | None = None, /) -> bool:
        """Prepare, continuing from a checkpoint if there is one; return False when asked to stop."""
        ...


@runtime_checkable
class HasTestReferenceData(Protocol):
    """A task with normal samples of its own for the test; others hold out a part of the reference data."""

    def build_test_reference_data(self) -> Dataset:
        """Return normal samples that no detector is fitted on."""
        ...


@runtime_checkable
class HasUntrustedData(Protocol):
    """A task with an unlabelled mixture for detectors that use one."""

    def build_untrusted_data(self) -> ArrayDataset:
        """Return the mixture with its hidden flags, which only skyline detectors are shown."""
        ...


@runtime_checkable
class HasControlData(Protocol):
    """A task with benign shifts on which a detector of mechanisms should stay quiet."""

    def build_control_data(self) -> Mapping[str, Dataset]:
        """Return the control sets by name."""
        ...


@runtime_checkable
class HasValidity(Protocol):
    """A task that can say whether its network and its anomalies are what they claim to be."""

    def validity(self, handle: ModelHandle, /) -> Sequence[Check]:
        """Measure; a check that fails makes the run invalid."""
        ...


@runtime_checkable
class HasCleanTwin(Protocol):
    """A task that can train the same network without what makes it abnormal: a detector of mechanisms finds nothing there."""

    def build_clean_twin(self, ctx: RunContext, /) -> ModelHandle | None:
        """Return that network, or None where the config does not ask for it or the run is asked to stop."""
        ...


@runtime_checkable
class HasOwnBaselines(Protocol):
    """A task whose inputs have baselines of their own, such as the length of a text."""

    def own_baselines(
        self, trusted: ArrayDataset, /, *sets: ArrayDataset
    ) -> Mapping[str, list[Float[np.ndarray, " n"]]]:
        """Return the scores of the sets by baseline; higher is more anomalous."""
        ...


@runtime_checkable
class HasInputFeatures(Protocol):
    """A task whose inputs are not numbers on a scale, such as tokens."""

    def input_features(self, inputs: Shaped[np.ndarray, "n ..."], /) -> Float[np.ndarray, "n d"]:
        """Return the features that the input-space baseline sees."""
        ...


@runtime_checkable
class HasDefaultLayers(Protocol):
    """A task on whose network not every top-level layer says something."""

    def default_layers(self) -> tuple[str, ...]:
        """Return the layers that are watched unless the user says otherwise."""
        ...


@runtime_checkable
class HasPieces(Protocol):
    """A task over tokens that knows the words that they stand for."""

    def pieces(self, inputs: Int[np.ndarray, "n t"], /) -> list[list[str]]:
        """Return the word, or the part of one, of every token of every text."""
        ...


@runtime_checkable
class HasPictures(Protocol):
    """A task that can show a sample to a person."""

    def show(self, inputs: Shaped[np.ndarray, "n ..."], /) -> list[str]:
        """Return one line of text a sample; images show themselves."""
        ...
