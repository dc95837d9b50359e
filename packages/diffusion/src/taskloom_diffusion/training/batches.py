"""Batches: tokens padded to the longest of a few sequences of like length, in an order that depends on seed and step only."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np
import torch
from taskloom import derive_seed

from taskloom_diffusion.config import LengthPolicy
from taskloom_diffusion.model.condition import Condition
from taskloom_diffusion.model.protocols import Batch
from taskloom_diffusion.tokenizers.base import FittedTokenizer
from taskloom_diffusion.tokenizers.extent import Measured, measure

_BUCKET_BATCHES = (
    32  # sequences of this many batches are sorted by length together: little padding, still random
)


DOCUMENTS = ("packed", "document")
"""Policies under which a text of any length is a document, which an end closes."""


class TokenStore:
    """Token sequences in one flat array.

    Args:
        sequences: Token ids of each sequence.
        characters: For each sequence, the characters of the original text that each token stands for; None is unknown.
        num_bytes: The same in bytes of UTF-8.
    """

    def __init__(
        self,
        sequences: Sequence[Sequence[int]],
        characters: Sequence[Sequence[int]] | None = None,
        num_bytes: Sequence[Sequence[int]] | None = None,
    ) -> None:
        self.lengths = np.array([len(s) for s in sequences], dtype=np.int64)
        self.offsets = np.concatenate([[0], np.cumsum(self.lengths)])
        self.flat = np.empty(int(self.offsets[-1]), dtype=np.int32)
        for sequence, start in zip(sequences, self.offsets, strict=False):
            self.flat[start : start + len(sequence)] = sequence
        self.characters, self.num_bytes = self._flat(characters), self._flat(num_bytes)
        self.condition: Condition | None = None
        """The known values of each sequence; None where nothing is told."""

    def _flat(self, parts: Sequence[Sequence[int]] | None) -> np.ndarray | None:
        """Return numbers beside every token (N,) int32, or None if they are not known of all."""
        if parts is None:
            return None
        flat = np.fromiter((n for part in parts for n in part), dtype=np.int32)
        return flat if len(flat) == len(self.flat) else None

    @classmethod
    def joined(cls, stores: Sequence[TokenStore]) -> TokenStore:
        """Return a store of the sequences of several, in their order."""
        return cls([store.get(i).tolist() for store in stores for i in range(len(store))])

    def select(self, rows: Sequence[int]) -> TokenStore:
        """Return a store of some sequences, in the order given."""

        def part(flat: np.ndarray | None) -> list[list[int]] | None:
            if flat is None:
                return None
            return [flat[self.offsets[i] : self.offsets[i + 1]].tolist() for i in rows]

        sequences = part(self.flat) or []
        return TokenStore(sequences, part(self.characters), part(self.num_bytes))

    def __len__(self) -> int:
        return len(self.lengths)

    def told(self, rows: np.ndarray) -> Batch:
        """Return what a batch of some sequences is told besides its tokens."""
        return (
            {} if self.condition is None else self.condition.of(torch.from_numpy(rows)).in_batch()
        )

    def fingerprint(self) -> str:
        """Return what tells this store from any other: a hash of its lengths and tokens."""
        digest = hashlib.sha256(self.lengths.tobytes())
        digest.update(self.flat.tobytes())
        return digest.hexdigest()

    def get(self, index: int) -> np.ndarray:
        """Return one sequence."""
        return self.flat[self.offsets[index] : self.offsets[index + 1]]


def encode_all(
    texts: Sequence[str],
    tokenizer: FittedTokenizer,
    policy: LengthPolicy,
    max_length: int,
    unfinished: Collection[str] = (),
) -> tuple[TokenStore, int]:
    """Encode texts, drop those that are too long, and return the store with the number dropped.

    Under `eos_pad` every sequence is closed by the end token and filled with padding to `max_length`; under `window`
    texts are cut into windows, the rest at the end of each is left, and those too short for a single window are dropped.
    Under `packed` and `document` a text is its tokens and an end, unless it is unfinished; under `document` it is cut into
    pieces, of which the last may be shorter.
    """
    measured = [measure(tokenizer, text) for text in texts]
    dropped = sum(bool(misfit(len(m.ids), policy, max_length)) for m in measured)
    parts = [
        piece
        for text, found in zip(texts, measured, strict=True)
        for piece in pieces(found, tokenizer, policy, max_length, ends=text not in unfinished)
    ]
    return _stored(parts), dropped


def pieces(
    text: Measured,
    tokenizer: FittedTokenizer,
    policy: LengthPolicy,
    max_length: int,
    *,
    ends: bool = True,
) -> list[Measured]:
    """Return what a model is given of a text: its windows, or all of it, closed where ends are predicted; nothing of a misfit."""
    if policy == "window":
        last = len(text.ids) - max_length + 1
        return [_part(text, i, max_length) for i in range(0, last, max_length)]
    if misfit(len(text.ids), policy, max_length):
        return []
    if policy in DOCUMENTS:
        whole = closed(text, tokenizer, len(text.ids) + 1) if ends else text
        if policy == "packed":
            return [whole]
        return [_part(whole, i, max_length) for i in range(0, len(whole.ids), max_length)]
    return [closed(text, tokenizer, max_length) if policy == "eos_pad" else text]


def _part(text: Measured, first: int, length: int) -> Measured:
    last = first + length
    return Measured(*(part[first:last] for part in (text.ids, text.characters, text.bytes)))


def closed(text: Measured, tokenizer: FittedTokenizer, max_length: int) -> Measured:
    """Return a sequence with its end and the padding behind it, which stand for no character."""
    rest = max_length - len(text.ids)
    nothing = [0] * rest
    ids = [*text.ids, tokenizer.end_id, *[tokenizer.pad_id] * (rest - 1)]
    is_known = bool(text.characters) or not text.ids
    characters, num_bytes = (
        [*part, *nothing] if is_known else [] for part in (text.characters, text.bytes)
    )
    return Measured(ids, characters, num_bytes)


def _stored(texts: Sequence[Measured]) -> TokenStore:
    return TokenStore(
        [m.ids for m in texts], [m.characters for m in texts], [m.bytes for m in texts]
    )


def fitting(
    texts: Sequence[str], tokenizer: FittedTokenizer, policy: LengthPolicy, max_length: int
) -> list[str]:
    """Return the texts that `encode_all` does not drop."""
    return [t for t in texts if not misfit(len(tokenizer.encode(t)), policy, max_length)]


def misfit(count: int, policy: LengthPolicy, max_length: int) -> str:
    """Return why a text of so many tokens is dropped: `empty`, `too_long`, under `window` `too_short`; or nothing."""
    if policy == "window":
        return "too_short" if count < max_length else ""
    if not count:
        return "empty"
    if policy in DOCUMENTS:
        return ""
    return "too_long" if count > room(policy, max_length) else ""


def room(policy: LengthPolicy, max_length: int) -> int:
    """Return how many tokens of a text there may be, its end left out."""
    return max_length - (1 if policy == "eos_pad" else 0)


class TokenBatch(dict[str, torch.Tensor]):
    """A batch in our words that answers to Hugging Face's too: steps written for PolyDiff read those."""

    def __missing__(self, name: str) -> torch.Tensor:
        if name == "input_ids":
            return self["tokens"]
        if name == "attention_mask":
            return self["maskable"].long()
        raise KeyError(name)


def collate(rows: Sequence[np.ndarray], pad_id: int) -> Batch:
    """Return a batch of sequences padded to the longest."""
    width = max(len(row) for row in rows)
    tokens = np.full((len(rows), width), pad_id, dtype=np.int64)
    maskable = np.zeros((len(rows), width), dtype=bool)
    for i, row in enumerate(rows):
        tokens[i, : len(row)] = row
        maskable[i, : len(row)] = True
    return TokenBatch(tokens=torch.from_numpy(tokens), maskable=torch.from_numpy(maskable))


class TrainStream:
    """Endless batches; batch number n is a function of the seed and n alone, so that a run can continue anywhere.

    Args:
        store: The sequences.
        batch_size: Sequences in a batch.
        pad_id: The id that fills a batch.
        seed: Of the order.
        start: Number of the first batch.
        stride: Processes that share the stream; each takes every stride-th batch.
        window: Length of windows cut from running text at a random phase each epoch; 0 means whole sequences.
        documents: Whether sequences are documents, of which a window may hold several.
        vary: Returns a sequence in another form that means the same, a function of a seed: drawn anew in each epoch.
        parts: Batches of an optimizer step, over all processes: the rows of a step do not depend on how many it is cut into.
    """

    def __init__(
        self,
        store: TokenStore,
        batch_size: int,
        pad_id: int,
        seed: int,
        *,
        start: int = 0,
        rank: int = 0,
        stride: int = 1,
        window: int = 0,
        parts: int = 1,
        documents: bool = False,
        vary: Callable[[np.ndarray, int], np.ndarray] | None = None,
    ) -> None:
        self.store = store
        self.batch_size = batch_size
        self.pad_id = pad_id
        self.seed = seed
        self.start = start
        self.rank = rank
        self.stride = stride
        self.window = window
        self.parts = parts
        self.documents = documents
        self.vary = vary

    def __iter__(self) -> Iterator[Batch]:
        number = self.start * self.stride + self.rank
        plan_epoch, plan = -1, np.zeros((0, 0), dtype=np.int64)
        per_epoch = self.steps_per_epoch
        while True:
            step, part = divmod(number, self.parts)
            epoch, index = divmod(step, per_epoch)
            if epoch != plan_epoch:
                plan_epoch, plan = epoch, self._plan(epoch)
            rows = plan[index, part * self.batch_size : (part + 1) * self.batch_size]
            spans = [self._span(i, epoch) for i in rows]
            texts = [self.store.flat[span] for span in spans]
            if self.vary is not None:
                # A function of epoch and row, so that a training goes on where it was stopped.
                seeds = [derive_seed(self.seed, f"form/{epoch}", int(i)) for i in rows]
                texts = [self.vary(text, of) for text, of in zip(texts, seeds, strict=True)]
            batch = collate(texts, self.pad_id)
            batch |= self.store.told(rows)
            if self.documents:
                batch["document_ids"] = self._documents(spans, batch["tokens"].shape[1])
            yield batch
            number += self.stride

    @property
    def steps_per_epoch(self) -> int:
        """Steps after which every sequence was seen about once."""
        return max(1, self._num_rows // (self.batch_size * self.parts))

    @property
    def _num_rows(self) -> int:
        if not self.window:
            return len(self.store)
        return max(1, len(self.store.flat) // self.window - 1)

    def _span(self, index: int, epoch: int) -> slice:
        if not self.window:
            return slice(self.store.offsets[index], self.store.offsets[index + 1])
        phase = derive_seed(self.seed, f"phase/{epoch}") % self.window
        last = max(len(self.store.flat) - self.window, 0)
        start = min(int(index) * self.window + phase, last)
        return slice(start, start + self.window)

    def _documents(self, spans: Sequence[slice], width: int) -> torch.Tensor:
        """Return the number of the document of each position (B, L)."""
        places = np.array([span.start for span in spans])[:, None] + np.arange(width)
        numbers = np.searchsorted(self.store.offsets, places, side="right")
        return torch.from_numpy(numbers)

    def _plan(self, epoch: int) -> np.ndarray:
        """Return the rows of every step of an epoch (steps, rows): random, but like lengths together."""
        random = np.random.default_rng(derive_seed(self.seed, f"epoch/{epoch}"))
        num_steps, rows = self.steps_per_epoch, self.batch_size * self.parts
        order = np.resize(random.permutation(self._num_rows), num_steps * rows)
        if not self.window:
            chunk = _BUCKET_BATCHES * rows
            parts = [order[i : i + chunk] for i in range(0, len(order), chunk)]
            order = np.concatenate(
                [part[np.argsort(self.store.lengths[part], kind="stable")] for part in parts]
            )
        steps = order.reshape(num_steps, rows)
        return steps[random.permutation(num_steps)]
