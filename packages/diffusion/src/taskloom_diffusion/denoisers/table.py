"""The exact denoiser of a toy: p(x_l | z) by enumeration of all sequences, in float64."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from taskloom_diffusion.protocols import NoisingProcess


class TableDenoiser(nn.Module):
    """Computes log p(x_l = v | z) exactly for a law over a few sequences.

    Args:
        sequences: The support (S, L), token ids.
        law: Their probabilities (S,), float64.
        process: The noising process.
        leave_one_out: Whether position l's own noised token is left out of its evidence.
    """

    def __init__(
        self, sequences: Tensor, law: Tensor, process: NoisingProcess, *, leave_one_out: bool
    ) -> None:
        super().__init__()
        self.sequences = sequences
        self.law = law.double()
        self.process = process
        self.leave_one_out = leave_one_out
        self.uses_time = not process.absorbs
        self.timestep_embedding = None
        self.output_projection = nn.Identity()

    def forward(self, z: Tensor, noise: Tensor, maskable: Tensor) -> Tensor:
        del maskable  # a toy's sequences all have the same length
        size = self.process.vocabulary.size
        alpha = 1 - noise.double()
        if self.process.absorbs:
            # The posterior of masked positions does not depend on the level; any level inside (0, 1) will do.
            alpha = torch.full_like(alpha, 0.5)
        evidence = self.process.likelihood(z, alpha).log()  # (B, L, V): log q(z_l | x_l = v)
        index = self.sequences.T.expand(len(z), -1, -1)  # (B, L, S)
        per_position = evidence.gather(-1, index)  # (B, L, S): log q(z_l | sequence s)
        total = per_position.sum(1, keepdim=True) + self.law.log()
        if self.leave_one_out:
            own = per_position.clone()
            rest = torch.stack(
                [
                    torch.cat([own[:, :i], own[:, i + 1 :]], dim=1).sum(1)
                    for i in range(own.shape[1])
                ],
                dim=1,
            )
            total = rest + self.law.log()
        weights = torch.softmax(total.expand(-1, z.shape[1], -1), dim=-1)
        weights = torch.nan_to_num(weights, nan=0.0)
        probabilities = torch.zeros(*z.shape, size, dtype=torch.float64)
        return probabilities.scatter_add(-1, index, weights).log()
