"""The exact denoiser of a toy: p(x_l | z) by enumeration of all sequences, in float64."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from taskloom_diffusion.model.protocols import NoisingProcess


class ToyPosterior(nn.Module):
    """log p(x_l = v | z), exactly, for a law over a few sequences.

    Args:
        sequences: The support (S, L), token ids.
        law: Their probabilities (S,), float64.
        process: The noising process; None until `bind` gives it.
        leave_one_out: Whether position l's own noised token is left out of its evidence.
    """

    sequences: Tensor
    law: Tensor
    timestep_embedding = None

    def __init__(
        self,
        sequences: Tensor,
        law: Tensor,
        process: NoisingProcess | None,
        *,
        leave_one_out: bool,
    ) -> None:
        super().__init__()
        self.register_buffer("sequences", sequences)
        self.register_buffer("law", law.double())
        self._process = process
        self.leave_one_out = leave_one_out
        self.output_projection = nn.Identity()

    @property
    def process(self) -> NoisingProcess:
        """The noising process whose evidence is weighed."""
        if self._process is None:
            raise ValueError("the table denoiser was not told the noising process; call bind")
        return self._process

    @property
    def uses_time(self) -> bool:
        return not self.process.absorbing

    def bind(self, process: NoisingProcess) -> None:
        """Give the process."""
        self._process = process

    def forward(self, z: Tensor, noise: Tensor, maskable: Tensor) -> Tensor:
        del maskable  # a toy's sequences all have the same length
        if self.process.absorbing:
            # The posterior of masked positions does not depend on the level; any level inside (0, 1) will do.
            noise = torch.full_like(noise, 0.5)
        if len(z) == 0 or bool((noise != noise[0]).any()):
            return self._posterior(z, noise)
        # A toy has few states: each is computed once, however many rows are in it.
        size = self.process.vocabulary.size
        place = size ** torch.arange(z.shape[1])
        keys, which = torch.unique((z * place).sum(1), return_inverse=True)
        states = keys[:, None] // place % size
        return self._posterior(states, noise[: len(states)])[which]

    def _posterior(self, z: Tensor, noise: Tensor) -> Tensor:
        """Return log p(x_l = v | z), (B, L, V)."""
        evidence = self.process.likelihood(z, 1 - noise.double()).log()  # log q(z_l | x_l = v)
        index = self.sequences.T.expand(len(z), -1, -1)  # (B, L, S)
        per_position = evidence.gather(-1, index)  # (B, L, S): log q(z_l | sequence s)
        total = (per_position.sum(1, keepdim=True) + self.law.log()).expand_as(per_position)
        if self.leave_one_out:
            # Sums over the other positions, not differences: log 0 cannot be subtracted again.
            others = [
                torch.cat([per_position[:, :i], per_position[:, i + 1 :]], dim=1).sum(1)
                for i in range(z.shape[1])
            ]
            total = torch.stack(others, dim=1) + self.law.log()
        weights = torch.nan_to_num(torch.softmax(total, dim=-1), nan=0.0)
        size = self.process.vocabulary.size
        empty = torch.zeros(*z.shape, size, dtype=torch.float64)
        return empty.scatter_add(-1, index, weights).log()
