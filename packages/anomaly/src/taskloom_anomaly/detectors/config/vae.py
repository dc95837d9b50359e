"""The variational autoencoder's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_anomaly.detectors.config.base import Detector

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.base import TrainedDetector


class Vae(Detector):
    """How badly a variational autoencoder of the trusted activations explains a sample."""

    kind: Literal["vae"] = "vae"
    latent: Annotated[int, Field(ge=0)] = 0
    """Latent dimensions; 0 takes an eighth of the width, at least 2."""
    hidden_factor: Annotated[float, Field(gt=0)] = 2.0
    """Hidden units of encoder and decoder for each feature."""
    kld_weight: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the divergence from the prior."""
    epochs: Annotated[int, Field(ge=1)] = 10
    """Passes over the trusted data."""
    batch_size: Annotated[int, Field(ge=1)] = 128
    """Samples a step."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Adam's step size."""

    def build(self) -> TrainedDetector:
        """Return the detector."""
        # Imported here because listing and --help must not import numpy.
        from taskloom_anomaly.detectors.vae import VaeDetector

        return VaeDetector(self)
