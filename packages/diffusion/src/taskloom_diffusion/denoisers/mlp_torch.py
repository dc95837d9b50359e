"""A network over the whole sequence at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from taskloom_diffusion.model.condition import Condition, ConditionEmbedding


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
        self.condition: ConditionEmbedding | None = None

    def take_conditions(self, numbers: int, sizes: tuple[int, ...]) -> None:
        """Let conditions be added to the first hidden layer."""
        self.condition = ConditionEmbedding(numbers, sizes, self.hidden.out_features)

    def forward(
        self, z: Tensor, noise: Tensor, maskable: Tensor, *, condition: Condition | None = None
    ) -> Tensor:
        batch, length = z.shape
        embedded = self.embedding(z) * maskable[..., None]
        padded = nn.functional.pad(embedded, (0, 0, 0, self.max_length - length))
        level = noise[:, None].to(embedded.dtype)
        hidden = self.hidden(padded.flatten(1)) + self.timestep_embedding(level)
        if self.condition is not None:
            hidden = hidden + self.condition(condition, batch)
        hidden = torch.tanh(hidden)
        hidden = torch.tanh(self.mixing(hidden))
        logits: Tensor = self.output_projection(hidden).view(
            batch, self.max_length, self.vocab_size
        )
        return logits[:, :length]
