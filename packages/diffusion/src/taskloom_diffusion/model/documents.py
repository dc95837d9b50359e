"""Windows that hold several documents: each document is asked about as if it stood alone.

Attention, positions and neighbours end where a document does, for any network, because a network never sees two of them in
one row. Rows of like lengths are asked about together, so that little is spent on padding, and nothing on pairs of documents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

Ask = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]
"""A network: logits (R, W, V) from noised tokens, noise levels, positions of the sequences, and positions that are wanted."""
# Shortest row over longest row of those that are asked about together.
_LIKE = 0.7


def apart(
    ask: Ask,
    z: Tensor,
    noise: Tensor,
    maskable: Tensor,
    wanted: Tensor | None,
    *,
    documents: Tensor,
) -> Tensor:
    """Return logits (B, L, V) of windows, 0 outside of their sequences.

    Args:
        ask: The network.
        z: Noised tokens (B, L).
        noise: Noise level of each window (B,).
        maskable: Positions of the sequences (B, L).
        wanted: Positions that will be looked at (B, L); None is all.
        documents: Number of the document at each position (B, L); those of a document stand side by side.
    """
    places, answers = [], []
    for rows, valid in _groups(documents, maskable):
        part = None if wanted is None else wanted.flatten()[rows] & valid
        window = torch.div(rows[:, 0], z.shape[1], rounding_mode="floor")
        logits = ask(z.flatten()[rows], noise[window], valid, part)
        places.append(rows[valid])
        answers.append(logits[valid])
    found = torch.cat(answers)
    everywhere = found.new_zeros(z.numel(), found.shape[-1])
    return everywhere.index_copy(0, torch.cat(places), found).view(*z.shape, -1)


def _groups(documents: Tensor, maskable: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield places in the flattened windows (R, W) of documents of like lengths, and which of them are theirs."""
    before = torch.nn.functional.pad(documents[:, :-1], (1, 0), value=-1)
    begins = (maskable & (documents != before)).flatten()
    starts = begins.nonzero()[:, 0]
    number = (begins.long().cumsum(0) - 1)[maskable.flatten()]
    lengths = torch.bincount(number, minlength=len(starts))
    order = lengths.argsort(stable=True)
    sizes = lengths[order].tolist()
    first = 0
    while first < len(sizes):
        last = first + 1
        while last < len(sizes) and sizes[first] >= _LIKE * sizes[last]:
            last += 1
        chosen, width = order[first:last], sizes[last - 1]
        inside = torch.arange(width, device=documents.device)
        valid = inside < lengths[chosen][:, None]
        # What is behind a document is not looked at; its own first token stands there.
        yield torch.where(valid, starts[chosen][:, None] + inside, starts[chosen][:, None]), valid
        first = last
