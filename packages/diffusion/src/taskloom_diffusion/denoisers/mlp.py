"""A one-hidden-layer network over the whole sequence."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from taskloom_diffusion.denoisers.base import Mlp


class MlpDenoiser(nn.Module):
    """Embeds a sequence of fixed maximal length, adds the noise level, and predicts every position."""

    uses_time = True

    def __init__(self, config: Mlp, vocab_size: int, max_length: int) -> None:
        super().__init__()
        self.max_length = max_length
        self.vocab_size = vocab_size
        self.embedding = nn.Embedding(vocab_size, config.embedding)
        self.timestep_embedding = nn.Linear(1, config.width)
        self.hidden = nn.Linear(max_length * config.embedding, config.width)
        self.mixing = nn.Linear(config.width, config.width)
        self.output_projection = nn.Linear(config.width, max_length * vocab_size)

    def forward(self, z: Tensor, noise: Tensor, maskable: Tensor) -> Tensor:
        batch, length = z.shape
        embedded = self.embedding(z) * maskable[..., None]
        padded = nn.functional.pad(embedded, (0, 0, 0, self.max_length - length))
        level = noise[:, None].to(embedded.dtype)
        hidden = torch.tanh(self.hidden(padded.flatten(1)) + self.timestep_embedding(level))
        hidden = torch.tanh(self.mixing(hidden))
        logits: Tensor = self.output_projection(hidden).view(
            batch, self.max_length, self.vocab_size
        )
        return logits[:, :length]
