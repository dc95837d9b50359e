"""A table without a network: its columns are the one layer `inputs`, and the handle of them does nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from taskloom.errors import ConfigError, UnknownNameError

from taskloom_anomaly.backends.handle import Forward, LayerInfo, Loss
from taskloom_anomaly.data.named import Inputs, flat_rows

LAYER = "inputs"


class TableHandle:
    """A handle whose one activation is the input; implements `ModelHandle`.

    Args:
        samples: One sample or more.
    """

    def __init__(self, samples: Inputs) -> None:
        self._width = flat_rows(samples[:1]).shape[1]

    @property
    def layers(self) -> Mapping[str, LayerInfo]:
        """The inputs."""
        return {LAYER: LayerInfo(LAYER, (self._width,), f"(n, d={self._width})", "no network")}

    @property
    def default_layers(self) -> tuple[str, ...]:
        """The inputs."""
        return (LAYER,)

    @property
    def num_outputs(self) -> int:
        """No class scores."""
        return 0

    @property
    def fingerprint(self) -> str:
        """The same for every table of one width."""
        return f"none-{self._width}"

    def forward(
        self, inputs: Inputs, layers: Sequence[str] = (), *, logits: bool = True
    ) -> Forward:
        """Return the inputs as the one activation."""
        del logits
        wrong = [name for name in layers if name != LAYER]
        if wrong:
            raise UnknownNameError(f"A table has the layer '{LAYER}' and no '{wrong[0]}'.")
        rows = flat_rows(inputs)
        if rows.shape[1] != self._width:
            raise ValueError(
                f"{rows.shape[1]} columns, where the detector was fitted to {self._width}"
            )
        if rows.dtype.kind != "f":
            rows = rows.astype(np.float32)
        return Forward(np.empty((len(rows), 0), np.float32), dict.fromkeys(layers, rows))

    def input_gradient(
        self, inputs: np.ndarray, labels: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Refuse: there is nothing to differentiate."""
        del inputs, labels
        raise ConfigError(_NO_NETWORK)

    def parameters(self) -> dict[str, np.ndarray]:
        """Return none."""
        return {}

    def tree(self) -> dict[str, np.ndarray]:
        """Return none."""
        return {}

    def logits(self, parameters: Mapping[str, np.ndarray], inputs: np.ndarray) -> np.ndarray:
        """Refuse: there are no class scores."""
        del parameters, inputs
        raise ConfigError(_NO_NETWORK)

    def loss_gradient(
        self, parameters: Mapping[str, np.ndarray], inputs: np.ndarray, labels: np.ndarray
    ) -> tuple[float, dict[str, np.ndarray]]:
        """Refuse: there is nothing to differentiate."""
        del parameters, inputs, labels
        raise ConfigError(_NO_NETWORK)

    def with_parameters(self, parameters: Mapping[str, np.ndarray]) -> TableHandle:
        """Return itself."""
        del parameters
        return self

    def trainer(
        self,
        *,
        learning_rate: float,
        weight_decay: float = 0.0,
        loss: Loss = "cross_entropy",
        seed: int = 0,
    ) -> Any:  # noqa: ANN401 -- a Trainer
        """Refuse: there is nothing to train."""
        del learning_rate, weight_decay, loss, seed
        raise ConfigError(_NO_NETWORK)


_NO_NETWORK = (
    "A table has no network: choose a detector of activations, such as mahalanobis, knn or lof."
)
