"""Answers of a model about single rows, each a function of the row and a seed and not of the batch that it came in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from typing import cast

import numpy as np
import torch
from taskloom import derive_seed
from torch import Tensor

from taskloom_diffusion.evaluation.sampling import complete, sample_lengths
from taskloom_diffusion.evaluation.template import parse_template
from taskloom_diffusion.model.blocks import Cut
from taskloom_diffusion.model.condition import Condition, condition_in
from taskloom_diffusion.model.diffusion_model import DiffusionModel
from taskloom_diffusion.model.memory import rows_in_memory
from taskloom_diffusion.model.noising import documents_in
from taskloom_diffusion.model.protocols import Batch
from taskloom_diffusion.model.step_noise import uniforms
from taskloom_diffusion.samplers.ancestral import Ancestral
from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.samplers.first_hitting import FirstHitting
from taskloom_diffusion.time_samplers.base import Levels
from taskloom_diffusion.time_samplers.mask_rates import least_variance

_BATCH = 250


def row_keys(rows: Sequence[np.ndarray], seen: Counter[bytes] | None = None) -> np.ndarray:
    """Return a number of 32 bits for each sequence: its noise depends on what it is, and not on what else is judged.

    Args:
        rows: Token ids of each.
        seen: How often each came before; equal sequences then get noise of their own each time, as a mean over them needs.
    """
    keys = []
    for row in rows:
        data = row.astype(np.int32).tobytes()
        again = b""
        if seen is not None:
            again = seen[data].to_bytes(4, "big") if seen[data] else b""
            seen[data] += 1
        keys.append(int.from_bytes(blake2b(data + again, digest_size=4).digest(), "big"))
    return np.array(keys, dtype=np.int64)


@torch.no_grad()
def bound_of_rows(
    model: DiffusionModel, batch: Batch, seed: int, seen: Counter[bytes] | None = None
) -> tuple[Tensor, Tensor]:
    """Return the bound of each sequence of a batch (B,) [nats], float64, and its tokens (B,).

    Args:
        model: The model.
        batch: Clean tokens, in our words or in Hugging Face's.
        seed: Of levels and noise.
        seen: How often each sequence came before in an epoch, which is counted on; None lets equal ones have equal answers.
    """
    x, maskable = model.data_of(batch)
    documents, condition = documents_in(batch), condition_in(batch)
    size = rows_in_memory(model, x.shape[1])
    bounds = []
    for first in range(0, len(x), size):
        part = slice(first, first + size)
        of_documents = None if documents is None else documents[part]
        told = None if condition is None else condition.of(part)
        bounds.append(_bounds(model, (x[part], maskable[part], of_documents, told), seed, seen))
    # Under `eos_pad` the padding is predicted and in the nats, but a figure per token must not be mostly about it.
    return torch.cat(bounds), (maskable & (x != model.pad_token_id)).sum(1)


def _bounds(
    model: DiffusionModel,
    batch: tuple[Tensor, Tensor, Tensor | None, Condition | None],
    seed: int,
    seen: Counter[bytes] | None,
) -> Tensor:
    x, maskable, documents, told = batch
    law = least_variance(absorbing=model.diffusion_process.absorbing)
    rows = [ids[inside].numpy() for ids, inside in zip(x.cpu(), maskable.cpu(), strict=True)]
    keys = row_keys(rows, seen)
    drawn: list[Levels] = []
    for row, key in zip(maskable.cpu(), keys.tolist(), strict=True):
        sizes = row.sum()[None]
        if model.settings.block_size:
            sizes = Cut.of(row[None], model.settings.block_size).apart(row[None]).sum(1)
        # Levels of a row alone: strata over a batch would make its figure depend on the others.
        generator = torch.Generator().manual_seed(derive_seed(seed, "levels", key))
        drawn.append(law.draw(sizes, generator))
    # By content and position, so that a row says the same beside any others.
    noise = uniforms(seed, 0, keys, x.shape[1])
    corrupted = model.noised_at(
        x, maskable, Levels.joined(drawn), noise, documents=documents, condition=told
    )
    sums = x.new_zeros(len(x), dtype=torch.float64)
    bound = corrupted.bound().double()
    if corrupted.sequence is None:
        return bound
    return sums.index_add(0, corrupted.sequence, bound)


def answers(
    model: DiffusionModel, batch: Sequence[str] | Sequence[int] | Tensor, seed: int
) -> list[str]:
    """Return templates completed, or new sequences of the lengths asked for."""
    # Both draw from the model's own law, which prediction is about.
    rule: Sampler = FirstHitting() if model.diffusion_process.absorbing else Ancestral()
    items = batch.tolist() if isinstance(batch, Tensor) else list(batch)
    if all(isinstance(item, str) for item in items):
        templates = [parse_template(str(item), model) for item in items]
        return complete(model, rule, templates, seed=seed, batch_size=_BATCH).texts
    lengths = cast("list[int]", items)
    return sample_lengths(model, rule, lengths, seed=seed, batch_size=_BATCH).texts
