"""The transformer."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field
from taskloom.errors import ConfigError

from taskloom_anomaly.models.base import Model, Positive


class Transformer(Model):
    """Small transformer over tokens.

    Pre-norm and causal; it answers at the last token and is written in flax linen only. The layers are called embed, block_0,
    ..., final_norm, logits.
    """

    input_dtype: ClassVar[str] = "int32"

    kind: Literal["transformer"] = "transformer"
    width: Positive = 64
    """Positive of the residual stream."""
    num_layers: Positive = 2
    """Blocks."""
    num_heads: Positive = 4
    """Attention heads; must divide the width."""
    vocabulary: Annotated[int, Field(ge=0)] = 0
    """Number of tokens; 0 takes that of the task."""

    def build(self, input_shape: tuple[int, ...], num_outputs: int, seed: int) -> object:
        """Return the module.

        Raises:
            ConfigError: The samples are no token sequences, the heads do not divide the width, or the framework has none.
        """
        del seed
        if self.backend != "linen":
            raise ConfigError(
                f"--model.backend={self.backend}: the transformer is written in flax linen only."
            )
        if len(input_shape) != 1 or self.vocabulary < 1:
            raise ConfigError(
                f"--model=transformer needs token sequences; the samples have the shape {input_shape}."
            )
        if self.width % self.num_heads:
            raise ConfigError(
                f"--model.num_heads={self.num_heads} does not divide --model.width={self.width}."
            )
        from taskloom_anomaly.models.transformer_linen import LinenTransformer  # flax is heavy

        sizes = self.vocabulary, self.width, self.num_layers, self.num_heads, num_outputs
        return LinenTransformer(*sizes)
