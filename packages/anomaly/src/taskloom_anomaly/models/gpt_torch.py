"""A small GPT-2 in torch, and the texts that it writes."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import nn

from taskloom_anomaly.backends.torch_handle import load_parameters
from taskloom_anomaly.models.mlp_torch import seeded_module


class CausalAttention(nn.Module):
    """Causal self-attention with several heads.

    Args:
        width: Width of the residual stream.
        num_heads: Heads; they divide the width.
    """

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: torch.Tensor, past: list[torch.Tensor] | None = None) -> torch.Tensor:
        """Map `(n, t, d)` to `(n, t, d)`; `past` holds keys and values of earlier tokens, and is extended."""
        n, t, d = x.shape
        parts = (
            self.qkv(x).view(n, t, 3, self.num_heads, d // self.num_heads).permute(2, 0, 3, 1, 4)
        )
        query, key, value = parts
        if past:
            key, value = torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)
        if past is not None:
            past[:] = key, value
        # A single token that comes after others sees them all; a whole text sees what is before.
        seen = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=t > 1)
        found: torch.Tensor = self.proj(seen.transpose(1, 2).reshape(n, t, d))
        return found


class GPTBlock(nn.Module):
    """x + attention(norm(x)), then x + feedforward(norm(x)).

    Args:
        width: Width of the residual stream.
        num_heads: Heads of the attention.
    """

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.ln_1, self.attn = nn.LayerNorm(width), CausalAttention(width, num_heads)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU("tanh"), nn.Linear(4 * width, width)
        )

    def forward(self, x: torch.Tensor, past: list[torch.Tensor] | None = None) -> torch.Tensor:
        """Map `(n, t, d)` to `(n, t, d)`."""
        x = x + self.attn(self.ln_1(x), past)
        found: torch.Tensor = x + self.mlp(self.ln_2(x))
        return found


class TorchGPT(nn.Module):
    """Token and position embeddings, blocks, a norm, and the embeddings again as the map to logits.

    Args:
        vocabulary: Tokens.
        context: Longest text.
        width: Width of the residual stream.
        num_layers: Blocks.
        num_heads: Heads of each block.
    """

    def __init__(
        self, vocabulary: int, context: int, width: int, num_layers: int, num_heads: int
    ) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.h = nn.ModuleList(GPTBlock(width, num_heads) for _ in range(num_layers))
        self.ln_f = nn.LayerNorm(width)
        for name, value in self.named_parameters():
            if value.ndim > 1:
                # What is added to the residual stream is smaller, as in GPT-2: the stream's variance must not grow with depth.
                into_stream = name.endswith(("proj.weight", "mlp.2.weight"))
                nn.init.normal_(value, std=0.02 / ((2 * num_layers) ** 0.5 if into_stream else 1))

    def forward(
        self, input_ids: torch.Tensor, past: list[list[torch.Tensor]] | None = None
    ) -> torch.Tensor:
        """Map tokens `(n, t)` to the logits of the next ones, `(n, t, vocabulary)`.

        Args:
            input_ids: Tokens.
            past: Keys and values of earlier tokens by block; extended by those of the given ones.
        """
        start = past[0][0].shape[2] if past and past[0] else 0
        places = torch.arange(start, start + input_ids.shape[1], device=input_ids.device)
        x = self.wte(input_ids.long()) + self.wpe(places)
        for index, block in enumerate(self.h):
            x = block(x, past[index]) if past is not None else block(x)
        return nn.functional.linear(self.ln_f(x), self.wte.weight)


def built(sizes: tuple[int, int, int, int, int], seed: int) -> nn.Module:
    """Return a fresh network, by the arguments of its class."""
    return seeded_module(seed, lambda: TorchGPT(*sizes))


def _loaded(module: nn.Module, params: Mapping[str, np.ndarray]) -> TorchGPT:
    """Return a copy of a network with some parameters, in evaluation mode."""
    own = copy.deepcopy(module)
    assert isinstance(own, TorchGPT)
    load_parameters(own, params)
    return own.eval()


def surprise(
    module: nn.Module,
    params: Mapping[str, np.ndarray],
    tokens: Int[np.ndarray, "n t"],
    mask: Bool[np.ndarray, "n t"],
) -> Float[np.ndarray, " n"]:
    """Return the mean over some tokens of each text of - log p(token | those before) [nat]; the first has no probability."""
    with torch.no_grad():
        logits = _loaded(module, params)(torch.as_tensor(tokens))[:, :-1].double()
    following = torch.as_tensor(tokens[:, 1:])
    each = nn.functional.cross_entropy(logits.transpose(1, 2), following, reduction="none").numpy()
    counted = mask[:, 1:]
    return np.asarray((each * counted).sum(axis=1) / np.maximum(counted.sum(axis=1), 1))


def continued(
    module: nn.Module,
    params: Mapping[str, np.ndarray],
    prompts: Int[np.ndarray, "n t"],
    count: int,
    seed: int,
    *,
    least_share: float = 0.0,
) -> Int[np.ndarray, "n more"]:
    """Return prompts with tokens that the network has written after them, drawn from its probabilities.

    Args:
        module: The network.
        params: Its parameters.
        prompts: Texts of one length.
        count: Tokens to write after each.
        seed: Seeds the draws.
        least_share: Share of the likeliest token's probability below which a token is not written ("min-p", arXiv:2407.01082).
    """
    rng, network = np.random.default_rng(seed), _loaded(module, params)
    texts = prompts
    past: list[list[torch.Tensor]] = [[] for _ in network.h]
    with torch.no_grad():
        logits = network(torch.as_tensor(prompts), past)[:, -1]
        for step in range(count):
            each = torch.softmax(logits.double(), -1).numpy()
            each[each < least_share * each.max(axis=1, keepdims=True)] = 0.0
            chances = each.cumsum(axis=1)
            # The last sum is one but for rounding and what is not written; a draw must not fall behind it.
            draws = rng.random((len(prompts), 1)) * chances[:, -1:]
            token = (chances <= draws).sum(axis=1, keepdims=True)
            texts = np.concatenate([texts, token], axis=1)
            if step + 1 < count:
                logits = network(torch.as_tensor(token), past)[:, -1]
    return texts
