"""The parameters of the locally consistent abstraction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_anomaly.detectors.config.base import Detector

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.base import Need, TrainedDetector


class Abstraction(Detector):
    """How far the model departs from a smaller model that predicts each layer from the one before."""

    kind: Literal["abstraction"] = "abstraction"
    layers: tuple[str, ...] = ()
    """The layers abstracted, in the order of the model; none means all that are watched."""
    mode: Literal["local", "global", "adversarial"] = "local"
    """Each prediction starts from the true layer before it; from the prediction of that; or from the true one with an
    abstraction that first turns against the sample."""
    size_factor: Annotated[float, Field(ge=1)] = 4.0
    """How many features of the model one abstract feature stands for."""
    distance: Literal["cosine", "l2"] = "cosine"
    """Between a predicted and a true abstract layer."""
    epochs: Annotated[int, Field(ge=1)] = 10
    """Passes over the trusted data."""
    batch_size: Annotated[int, Field(ge=1)] = 128
    """Samples a step."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Adam's step size."""
    adversarial_steps: Annotated[int, Field(ge=1)] = 5
    """Adam steps against each sample, under `adversarial`."""
    adversarial_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Their size."""
    adversarial_weight: Annotated[float, Field(ge=0)] = 10.0
    """How strongly the loss on trusted samples is held where training left it."""
    adversarial_samples: Annotated[int, Field(ge=1)] = 64
    """Trusted samples that loss is taken over."""

    @property
    def needs(self) -> frozenset[Need]:
        """Activations and the output that they lead to."""
        return frozenset({"activations", "logits", "trusted"})

    def build(self) -> TrainedDetector:
        """Return the detector."""
        # Imported here because listing and --help must not import numpy.
        from taskloom_anomaly.detectors.abstraction import AbstractionDetector

        return AbstractionDetector(self)
