"""The multilayer perceptron, the default network of cupbearer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from taskloom_anomaly.models.base import Model, Positive, require_torch


class MLP(Model):
    """Fully connected network.

    ReLU between the layers, which are called dense_0, dense_1, ..., logits.
    """

    kind: Literal["mlp"] = "mlp"
    hidden_dims: Annotated[tuple[Positive, ...], Field(min_length=1)] = (256, 256)
    """Widths of the hidden layers."""

    def build(self, input_shape: tuple[int, ...], num_outputs: int, seed: int) -> object:
        """Return the module of the chosen framework."""
        match self.backend:
            case "linen":
                from taskloom_anomaly.models.mlp_linen import LinenMlp  # flax is heavy

                return LinenMlp(self.hidden_dims, num_outputs)
            case "nnx":
                from taskloom_anomaly.models import mlp_nnx  # flax is heavy

                return mlp_nnx.NnxMlp(
                    input_shape, self.hidden_dims, num_outputs, rngs=mlp_nnx.seeded(seed)
                )
            case "torch":
                require_torch()
                from taskloom_anomaly.models import mlp_torch  # torch is heavy

                return mlp_torch.seeded_module(
                    seed, lambda: mlp_torch.TorchMlp(input_shape, self.hidden_dims, num_outputs)
                )
