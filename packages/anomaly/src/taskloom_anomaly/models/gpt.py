"""The language model: a small GPT-2 over tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field
from taskloom.errors import ConfigError

from taskloom_anomaly.models.base import Model, Positive, require_torch

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Bool, Float, Int, PyTree


class GPT(Model):
    """Small GPT-2 over tokens, which predicts the next one everywhere.

    Pre-norm, causal, with learned positions and tied embeddings; written in torch only. The layers are called wte, h.0, ..., ln_f.
    """

    input_dtype: ClassVar[str] = "int64"

    kind: Literal["gpt"] = "gpt"
    backend: Literal["linen", "nnx", "torch"] = "torch"
    """Framework that the network is written in: torch."""
    width: Positive = 96
    """Width of the residual stream."""
    num_layers: Positive = 4
    """Blocks."""
    num_heads: Positive = 4
    """Attention heads; must divide the width."""
    context: Annotated[int, Field(ge=2)] = 64
    """Longest text [tokens]."""

    def build(self, input_shape: tuple[int, ...], num_outputs: int, seed: int) -> object:
        """Return the module; its vocabulary has `num_outputs` tokens.

        Raises:
            ConfigError: The samples are no token sequences or too long, the heads do not divide the width, or the framework has none.
        """
        if self.backend != "torch":
            raise ConfigError(f"--model.backend={self.backend}: the gpt is written in torch only.")
        if len(input_shape) != 1 or input_shape[0] > self.context:
            raise ConfigError(
                f"--model=gpt needs token sequences of at most --model.context={self.context}; the samples have the shape"
                f" {input_shape}."
            )
        if self.width % self.num_heads:
            raise ConfigError(
                f"--model.num_heads={self.num_heads} does not divide --model.width={self.width}."
            )
        require_torch()
        sizes = num_outputs, self.context, self.width, self.num_layers, self.num_heads
        return _torch().built(sizes, seed)

    @staticmethod
    def continued(
        module: Any,  # noqa: ANN401 -- what `build` returned
        params: PyTree,
        prompts: Int[np.ndarray, "n t"],
        count: int,
        seed: int,
        *,
        least_share: float = 0.0,
    ) -> Int[np.ndarray, "n more"]:
        """Return prompts with tokens that the network has written after them, drawn from its probabilities.

        Args:
            module: The network, as `build` returns it.
            params: Its parameters.
            prompts: Texts of one length.
            count: Tokens to write after each.
            seed: Seeds the draws.
            least_share: Share of the likeliest token's probability below which a token is not written.
        """
        found: np.ndarray = _torch().continued(
            module, params, prompts, count, seed, least_share=least_share
        )
        return found

    @staticmethod
    def surprise(
        module: Any,  # noqa: ANN401 -- what `build` returned
        params: PyTree,
        tokens: Int[np.ndarray, "n t"],
        mask: Bool[np.ndarray, "n t"],
    ) -> Float[np.ndarray, " n"]:
        """Return the mean over some tokens of each text of - log p(token | those before) [nat]."""
        found: np.ndarray = _torch().surprise(module, params, tokens, mask)
        return found


def _torch() -> Any:  # noqa: ANN401 -- the module that is written in torch
    from taskloom_anomaly.models import gpt_torch  # torch is heavy

    return gpt_torch
