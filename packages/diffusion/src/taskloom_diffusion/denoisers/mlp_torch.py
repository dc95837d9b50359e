"""A network over the whole sequence at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MLPNetwork(nn.Module):
    """Two hidden layers from the embedded sequence, and the noise level, to all positions."""

    uses_time = True

    def __init__(self, vocab_size: int, max_length: int, *, width: int, embedding: int) -> None:
        super().__init__()
        self.max_length = max_length
        self.vocab_size = vocab_size
        self.embedding = nn.Embedding(vocab_size, embedding)
        self.timestep_embedding = nn.Linear(1, width)
        self.hidden = nn.Linear(max_length * embedding, width)
        self.mixing = nn.Linear(width, width)
        self.output_projection = nn.Linear(width, max_length * vocab_size)

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
