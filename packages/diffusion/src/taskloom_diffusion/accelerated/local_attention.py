"""A short convolution along the sequence: what the neighbours are, without attention having to find them first."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class ShortConvolution(nn.Module):
    """Every channel's weighted sum over a few neighbours on both sides (So et al. 2021; Allen-Zhu 2025, "Canon layers").

    Attention begins without any notion of neighbourhood and spends hundreds of steps on learning to look at neighbours; these few weights
    spare them.

    Args:
        width: Channels.
        reach: Positions in the sum, the middle one included; odd.
    """

    def __init__(self, width: int, reach: int) -> None:
        super().__init__()
        # Vectors and not one matrix: an optimizer that treats matrices as maps must not orthogonalise these.
        self.taps = nn.ParameterList([nn.Parameter(torch.empty(width)) for _ in range(reach)])
        for tap in self.taps:
            nn.init.normal_(tap, std=0.2)

    @property
    def reach(self) -> int:
        """Neighbours on each side."""
        return len(self.taps) // 2

    @property
    def weights(self) -> Tensor:
        """The taps (2 reach + 1, W), from the farthest before to the farthest after."""
        return torch.stack(list(self.taps))

    def forward(self, x: Tensor, keys: Tensor | None) -> Tensor:
        """Return the sums (B, L, W), in fp32 or wider unless the weights are in half precision.

        Args:
            x: (B, L, W).
            keys: (B, 1, 1, L) bool, True at positions of the sequence; padding counts as zero. None if all are.
        """
        # In fp32 with channels last a CPU needs a tenth of the time of its other convolutions over one dimension.
        with torch.autocast(x.device.type, enabled=False):
            wide = x if x.dtype == torch.float64 else x.float()
            plane = wide if keys is None else wide * keys[:, 0, 0, :, None]
            plane = plane.transpose(1, 2)[:, :, None].contiguous(memory_format=torch.channels_last)
            kernel = torch.stack(list(self.taps), dim=1)[:, None, None].to(wide.dtype)
            sums = functional.conv2d(plane, kernel, padding=(0, self.reach), groups=x.shape[-1])
        result: Tensor = sums[:, :, 0].transpose(1, 2)
        # Where the weights are in half precision themselves, so is the stream: the next product knows one type only.
        return (
            result if self.taps[0].dtype in (torch.float32, torch.float64) else result.to(x.dtype)
        )
