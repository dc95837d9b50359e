"""A small pre-norm transformer in flax linen that answers at the last token."""

from __future__ import annotations

from flax import linen as nn
from jaxtyping import Array, Int


class Attention(nn.Module):
    """Multi-head self-attention, causal."""

    num_heads: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Map `(n, t, d)` to `(n, t, d)`."""
        mask = nn.make_causal_mask(x[..., 0])
        return nn.MultiHeadDotProductAttention(num_heads=self.num_heads, name="heads")(x, mask=mask)


class Feedforward(nn.Module):
    """Two linear maps with a GELU between."""

    width: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Map `(n, t, d)` to `(n, t, d)`."""
        hidden = nn.gelu(nn.Dense(4 * self.width, name="wide")(x))
        return nn.Dense(self.width, name="narrow")(hidden)


class TransformerBlock(nn.Module):
    """x + attention(norm(x)), then x + feedforward(norm(x))."""

    width: int
    num_heads: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Map `(n, t, d)` to `(n, t, d)`."""
        x = x + Attention(self.num_heads, name="attention")(nn.LayerNorm(name="norm_attention")(x))
        return x + Feedforward(self.width, name="feedforward")(
            nn.LayerNorm(name="norm_feedforward")(x)
        )


class LinenTransformer(nn.Module):
    """Token and position embeddings, blocks, a norm, and a linear map of the last position."""

    # The name that fingerprints of stored networks have; the class may move, the name stays.
    known_as = "taskloom_anomaly.models.transformer.LinenTransformer"

    vocabulary: int
    width: int
    num_layers: int
    num_heads: int
    num_outputs: int

    @nn.compact
    def __call__(self, tokens: Int[Array, "n t"]) -> Array:
        """Map tokens to logits `(n, num_outputs)`."""
        x = nn.Embed(self.vocabulary, self.width, name="embed")(tokens)
        positions = self.param(
            "positions", nn.initializers.normal(0.02), (tokens.shape[1], self.width)
        )
        x = x + positions
        for i in range(self.num_layers):
            x = TransformerBlock(self.width, self.num_heads, name=f"block_{i}")(x)
        x = nn.LayerNorm(name="final_norm")(x[:, -1])
        return nn.Dense(self.num_outputs, name="logits")(x)
