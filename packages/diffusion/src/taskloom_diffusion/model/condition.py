"""Conditions as a network is told them: numbers and classes of each row, any of which may be unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from taskloom_diffusion.model.protocols import Batch

KEYS = ("condition_numbers", "condition_classes", "condition_given")
"""Names of the three tensors in a batch."""
_OCTAVES = range(-2, 4)


@dataclass(frozen=True)
class Condition:
    """Conditions of a batch.

    Attributes:
        numbers: Numbers in standard deviations from the mean of training (B, n), float32.
        classes: Numbers of the classes (B, m), int64.
        given: Which of them are told (B, n + m), the numbers first; the others are not looked at.
    """

    numbers: Tensor
    classes: Tensor
    given: Tensor

    @classmethod
    def none(cls, rows: int, numbers: int, classes: int) -> Condition:
        """Return conditions of which none is told."""
        return cls(
            torch.zeros(rows, numbers),
            torch.zeros(rows, classes, dtype=torch.long),
            torch.zeros(rows, numbers + classes, dtype=torch.bool),
        )

    @classmethod
    def joined(cls, parts: list[Condition]) -> Condition:
        """Return the rows of several, one after the other."""
        return cls(*(torch.cat(column) for column in zip(*(p.tensors for p in parts), strict=True)))

    @property
    def tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        """The three tensors."""
        return self.numbers, self.classes, self.given

    def __len__(self) -> int:
        return len(self.given)

    def of(self, rows: Tensor | slice) -> Condition:
        """Return some rows."""
        return Condition(self.numbers[rows], self.classes[rows], self.given[rows])

    def repeated(self, times: int) -> Condition:
        """Return all rows several times, as versions of sequences stand."""
        return Condition(*(part.repeat(times, 1) for part in self.tensors))

    def dropped(self, noise: Tensor, share: float) -> Condition:
        """Return the conditions with all of a row dropped by chance, and then, where there are several, each.

        Args:
            noise: Uniform variates (B, 1 + n + m).
            share: Chance of both.
        """
        kept = noise[:, :1] >= share
        if self.given.shape[1] > 1:
            # So that any subset may be given later.
            kept = kept & (noise[:, 1:] >= share)
        return Condition(self.numbers, self.classes, self.given & kept.to(self.given.device))

    def in_batch(self) -> Batch:
        """Return the tensors under their names in a batch."""
        return dict(zip(KEYS, self.tensors, strict=True))


def condition_in(batch: Batch) -> Condition | None:
    """Return the conditions of a batch, if it has any."""
    if KEYS[0] not in batch:
        return None
    return Condition(*(batch[key] for key in KEYS))


class ConditionEmbedding(nn.Module):
    """A vector (B, W) from the conditions of each row: the sum of one for each, or of what is learnt for "not told".

    A number u comes as itself and as sines and cosines of 2^k u for k from -2 to 3, through two layers; a class is a row of a
    table.

    Args:
        numbers: Conditions that are numbers.
        sizes: Classes of each condition that is one.
        width: Width W.
    """

    def __init__(self, numbers: int, sizes: tuple[int, ...], width: int) -> None:
        super().__init__()
        waves = 1 + 2 * len(_OCTAVES)
        self.width = width
        self.of_numbers = nn.ModuleList(
            nn.Sequential(nn.Linear(waves, width), nn.SiLU(), nn.Linear(width, width))
            for _ in range(numbers)
        )
        self.of_classes = nn.ModuleList(nn.Embedding(size, width) for size in sizes)
        self.unknown = nn.Parameter(torch.zeros(numbers + len(sizes), width))
        nn.init.normal_(self.unknown, std=0.02)
        for table in self.of_classes:
            nn.init.normal_(table.weight, std=0.02)  # type: ignore[arg-type]  # a ModuleList forgets what it holds

    def forward(self, condition: Condition | None, rows: int) -> Tensor:
        if condition is None:
            return self.unknown.sum(0).expand(rows, -1)
        columns = [
            layer(_waves(condition.numbers[:, i].to(self.unknown.dtype)))
            for i, layer in enumerate(self.of_numbers)
        ]
        columns += [table(condition.classes[:, i]) for i, table in enumerate(self.of_classes)]
        told = torch.stack(columns, dim=1)
        chosen: Tensor = torch.where(condition.given[..., None], told, self.unknown).sum(1)
        return chosen


def _waves(u: Tensor) -> Tensor:
    """Return u with its sines and cosines (B, 13)."""
    scales = torch.tensor([2.0**k for k in _OCTAVES], dtype=u.dtype, device=u.device)
    angle = u[:, None] * scales
    return functional.pad(torch.cat([angle.sin(), angle.cos()], dim=1), (1, 0)) + functional.pad(
        u[:, None], (0, 2 * len(scales))
    )
