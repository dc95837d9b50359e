"""Mirror."""

from typing import Annotated, Any

import numpy as np
from pydantic import Field
from taskloom import derive_seed
from taskloom_anomaly import AnomalyConfig, ArrayDataset


class MirrorConfig(AnomalyConfig):
    """Parameters of the data; the detector is chosen beside them."""

    size: Annotated[int, Field(ge=20)] = 1000
    """Samples in every set."""
    noise: Annotated[float, Field(gt=0)] = 0.1
    """Standard deviation of the noise on both features; the hidden number has 1."""


class Mirror:
    """A network predicts the sign of a hidden number from two noisy copies of it; in anomalies one copy has the wrong sign."""

    def __init__(self, config: MirrorConfig) -> None:
        self.config = config

    def build_reference_data(self) -> ArrayDataset:
        """Return samples on which the network works as it was trained."""
        return self._draw("reference", sign=1)

    def build_anomalous_data(self) -> ArrayDataset:
        """Return samples on which it works otherwise."""
        return self._draw("anomalous", sign=-1)

    def build_model(self) -> Any:
        """Return the network."""
        from anomaly_mirror.network import Network  # heavy: flax

        return Network()

    def build_params(self) -> Any:
        """Return the network's parameters, trained to predict the labels."""
        from anomaly_mirror.network import trained  # heavy: jax

        data = self.build_reference_data()
        return trained(self.build_model(), data.inputs, data.labels, self.config.seed)

    def _draw(self, name: str, sign: int) -> ArrayDataset:
        """Draw inputs of shape (n, 2) and labels of shape (n,) from the stream called `name`."""
        rng = np.random.default_rng(derive_seed(self.config.seed, name))
        hidden = rng.normal(size=(self.config.size, 1))
        noise = self.config.noise * rng.normal(size=(self.config.size, 2))
        inputs = (hidden * [1, sign] + noise).astype(np.float32)
        return ArrayDataset(inputs, (hidden[:, 0] > 0).astype(np.int64))
