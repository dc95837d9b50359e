"""PolyDiff's masking process by name: the absorbing process at integer steps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from taskloom_diffusion.compat.schedules import DiscreteSchedule


class ExcitedStateDiffusion:
    """Masks tokens with probability 1 - alpha_bar_t; padding is never masked.

    Args:
        schedule: A discrete schedule.
        vocab_size: Size of the vocabulary.
        mask_token_id: The mask; the last id if not given.
        pad_token_id: The padding; None if there is none.
        device: Accepted for compatibility; tensors stay where they are.
    """

    def __init__(
        self,
        schedule: DiscreteSchedule,
        vocab_size: int,
        mask_token_id: int | None = None,
        pad_token_id: int | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        del device
        self.schedule = schedule
        self.vocab_size = vocab_size
        self.mask_token_id = vocab_size - 1 if mask_token_id is None else mask_token_id
        self.pad_token_id = pad_token_id

    def get_mask_probabilities(self, t: int | Tensor) -> Tensor:
        """Return 1 - alpha_bar_t."""
        return 1 - self.schedule.get_parameters(t)[0]

    def forward_mask_process(
        self,
        x_start: Tensor,
        t: int | Tensor,
        mask_noise: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return masked tokens (B, L) and the mask as floats (B, L).

        Args:
            x_start: Tokens (B, L), or one-hot or logits (B, L, V).
            t: Step of all rows, or of each (B,).
            mask_noise: Uniform variates (B, L); the same ones at several steps give nested masks.
            generator: Where noise comes from if it is not given.

        Raises:
            ValueError: `x_start` has neither two nor three axes.
        """
        if x_start.dim() == 3:
            x_start = x_start.argmax(-1)
        if x_start.dim() != 2:
            raise ValueError(f"x_start must have 2 or 3 axes, not {x_start.dim()}")
        if mask_noise is None:
            mask_noise = torch.rand(x_start.shape, generator=generator, device=x_start.device)
        rate = self.get_mask_probabilities(t).to(mask_noise.dtype).reshape(-1, 1)
        masked = mask_noise < rate
        if self.pad_token_id is not None:
            masked = masked & (x_start != self.pad_token_id)
        return torch.where(masked, self.mask_token_id, x_start), masked.float()

    def progressive_masking(
        self, x: Tensor, timesteps: Sequence[int], fixed_seed: int = 0
    ) -> list[dict[str, object]]:
        """Return the masked tokens at several steps with one noise, so that masks are nested."""
        generator = torch.Generator().manual_seed(fixed_seed)
        noise = torch.rand(x.shape[:2], generator=generator)
        frames: list[dict[str, object]] = []
        for t in timesteps:
            tokens, mask = self.forward_mask_process(x, t, noise)
            frames.append(
                {
                    "timestep": t,
                    "masked_tokens": tokens,
                    "mask_positions": mask,
                    "mask_probability": float(self.get_mask_probabilities(t)),
                    "num_masked": int(mask.sum()),
                }
            )
        return frames
