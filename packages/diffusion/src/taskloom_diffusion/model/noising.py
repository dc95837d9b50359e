"""Parts around a model: where it is, the states of its process, the data of a batch, and noised tokens."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

import torch
from taskloom.errors import ConfigError
from torch import Tensor, nn

from taskloom_diffusion.model.protocols import NoisingProcess, Vocabulary
from taskloom_diffusion.time_samplers.base import Levels
from taskloom_diffusion.tokenizers.base import FittedTokenizer


def device_of(model: nn.Module) -> torch.device:
    """Return where a model is; one without tensors is on the CPU."""
    first = next(chain(model.parameters(), model.buffers()), None)
    return torch.device("cpu") if first is None else first.device


def vocabulary_of(
    tokenizer: FittedTokenizer,
    frequencies: tuple[float, ...],
    *,
    ends: bool,
    closes: bool = False,
) -> Vocabulary:
    """Return the states of a process over a tokenizer's tokens.

    Raises:
        ConfigError: Documents are to end, and the tokenizer has no end token of its own.
    """
    # Only a tokenizer of another library has tokens besides ours that no text contains.
    special = {tokenizer.mask_id, *getattr(tokenizer, "reserved", ())}
    if not ends:
        special |= {tokenizer.pad_id, tokenizer.end_id}
    if closes:
        if tokenizer.end_id == tokenizer.pad_id:
            raise ConfigError(
                "documents end with a token, and this tokenizer has no end token beside its padding; use tokenizer 'bpe' or 'byte'"
            )
        special.discard(tokenizer.end_id)
    allowed = tuple(i not in special for i in range(len(tokenizer.tokens)))
    return Vocabulary(
        len(tokenizer.tokens),
        tokenizer.mask_id,
        tokenizer.pad_id,
        allowed,
        tuple(frequencies),
        tuple(tokenizer.tokens),
    )


def tokens_of(batch: Mapping[str, Tensor], marks: tuple[int, ...] = ()) -> tuple[Tensor, Tensor]:
    """Return tokens (B, L) and which of them are data.

    Args:
        batch: In our words, where `maskable` says it; or in Hugging Face's, where it is what is attended to without special
            tokens: those of `special_tokens_mask`, or else of these ids. Data then comes first in every row.
        marks: Ids of special tokens.
    """
    if "tokens" in batch:
        return batch["tokens"], batch["maskable"]
    x = batch["input_ids"]
    attended = batch.get("attention_mask")
    data = torch.ones_like(x, dtype=torch.bool) if attended is None else attended.bool()
    special = batch.get("special_tokens_mask")
    if special is not None:
        data = data & ~special.bool()
    elif marks:
        data = data & ~torch.isin(x, torch.tensor(marks, device=x.device))
    width = max(int(data.sum(1).max()), 1) if len(x) else 1
    # A stable sort by "is no data" moves data to the front and keeps its order.
    order = (~data).to(torch.int8).argsort(dim=1, stable=True)[:, :width]
    return x.gather(1, order), data.gather(1, order)


def refuse_strange(x: Tensor, maskable: Tensor, vocabulary: Vocabulary) -> None:
    """Refuse data that the model may never produce: its loss would be infinite.

    Raises:
        ConfigError: The first such token is named.
    """
    allowed = torch.tensor(vocabulary.allowed, device=x.device)
    strange = maskable & ~allowed[x]
    if bool(strange.any()):
        row, position = (int(n) for n in strange.nonzero()[0])
        token = int(x[row, position])
        raise ConfigError(
            f"the token '{vocabulary.names[token]}' (id {token}) in row {row}, position {position} is none that the model "
            "may produce, so its loss would be infinite; leave it out of the batch, or mark it in special_tokens_mask"
        )


def documents_in(batch: Mapping[str, Tensor]) -> Tensor | None:
    """Return the number of the document at each position of a batch (B, L), if its rows hold several.

    Raises:
        ConfigError: The batch is in Hugging Face's words, whose marks would be moved.
    """
    found = batch.get("document_ids")
    if found is not None and "tokens" not in batch:
        raise ConfigError("document_ids go with 'tokens' and 'maskable', not with 'input_ids'")
    return found


def move_levels(levels: Levels, device: torch.device) -> Levels:
    """Return the levels on a device."""
    if device.type == "cpu":
        return levels
    counts = None if levels.counts is None else levels.counts.to(device)
    earlier = None if levels.previous_alpha is None else levels.previous_alpha.to(device)
    return Levels(
        levels.time.to(device), levels.alpha.to(device), levels.flow.to(device), counts, earlier
    )


def noised(
    x: Tensor, maskable: Tensor, levels: Levels, noise: Tensor, process: NoisingProcess
) -> Tensor:
    """Return z: each maskable position noised independently, or exactly `counts` of them masked."""
    if levels.counts is None:
        return torch.where(maskable, process.corrupt(x, levels.alpha, noise), x)
    rank = torch.where(maskable, noise, 2.0).argsort(dim=1).argsort(dim=1)
    # A row without data has a count of one all the same, and nothing to mask.
    chosen = maskable & (rank < levels.counts[:, None])
    return torch.where(chosen, process.vocabulary.mask_id, x)
