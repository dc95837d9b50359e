"""Three parts of a corpus by content: what is held out depends on the data and a split seed, never on order or model seed.

A sequence's key is hashed to a number h in [0, 1): below the test share it is tested on, in the next interval it
validates, else it is trained on. Equal keys fall together, and lines that are added move no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from taskloom.errors import ConfigError

_WHOLE = 2**64
# A document that is more than this share of a corpus is split in blocks of characters.
_LARGE_SHARE, BLOCK = 0.01, 4096


@dataclass(frozen=True)
class SplitRule:
    """A rule that says which part a sequence belongs to.

    Attributes:
        test: Share that is tested on.
        validation: Share that curves are drawn on.
        seed: Of the split; that of the model plays no part.
        by: `hash`, or `legacy` for the order by the model's seed of runs that were made before there were three parts.
        model_seed: Seed of the run, for `legacy` alone.
    """

    test: float
    validation: float = 0.05
    seed: int = 0
    by: str = "hash"
    model_seed: int = 0


def _hash(key: str, person: bytes, salt: bytes = b"") -> int:
    # A surrogate that stands alone is no UTF-8, and yet a text like any other.
    data = key.encode("utf-8", "surrogatepass")
    digest = blake2b(data, digest_size=8, person=person, salt=salt).digest()
    return int.from_bytes(digest, "big")


def place(key: str, seed: int) -> float:
    """Return the number in [0, 1) that says which part a key belongs to."""
    return _hash(key, b"split-1", seed.to_bytes(8, "little")) / _WHOLE


def rank(text: str) -> int:
    """Return the rank of a text: a sample of n of N are the n smallest, so that no order of a file is in it."""
    return _hash(text, b"rank-1")


def ranked(texts: Sequence[str]) -> list[int]:
    """Return the indices of texts in the order of their ranks; equal texts keep theirs."""
    return sorted(range(len(texts)), key=lambda i: (rank(texts[i]), texts[i]))


@dataclass(frozen=True)
class SplitParts:
    """Indices of the sequences of each part, in the order of their ranks.

    Attributes:
        train: Trained on.
        validation: What curves are drawn on.
        test: What is reported.
        filled: SplitParts that no key fell into and that took the sequences of the smallest hash, in words.
    """

    train: list[int]
    validation: list[int]
    test: list[int]
    filled: str = ""


def three_parts(
    name: str,
    texts: Sequence[str],
    rule: SplitRule,
    keys: Sequence[str] | None = None,
    *,
    in_order: bool = False,
) -> SplitParts:
    """Return the parts of a corpus.

    Args:
        name: Of the corpus, for errors.
        texts: The sequences.
        rule: Shares and seed.
        keys: What each sequence is told apart by; None is the sequence itself.
        in_order: Whether sequences are in an order already that must stay, as the blocks of a document.

    Raises:
        ConfigError: There are fewer than three different keys.
    """
    keys = texts if keys is None else keys
    at = {key: place(key, rule.seed) for key in keys}
    if len(at) < 3:
        raise ConfigError(
            f"the corpus '{name}' has {len(at)} usable sequences that differ; it needs at least 3: to train, to validate, to test"
        )
    test = {key for key, h in at.items() if h < rule.test}
    validation = {key for key, h in at.items() if rule.test <= h < rule.test + rule.validation}
    filled = []
    for part, others, what in ((test, validation, "test"), (validation, test, "validation")):
        left = [key for key in at if key not in others]
        if not part:
            part.add(min(left, key=lambda key: (at[key], key)))
            filled.append(what)
    while len(test) + len(validation) >= len(at):
        # Shares that leave nothing to train on give back the largest hash of the larger part.
        largest = max((test, validation), key=len)
        largest.remove(max(largest, key=lambda key: (at[key], key)))
    order = list(range(len(texts))) if in_order else ranked(texts)
    return SplitParts(
        [i for i in order if keys[i] not in test and keys[i] not in validation],
        [i for i in order if keys[i] in validation],
        [i for i in order if keys[i] in test],
        " and ".join(filled),
    )


def document_blocks(texts: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return documents in the order of their ranks, with their keys.

    Those of more than a hundredth of all characters come in blocks of 4,096, with a key for each.
    """
    limit = max(_LARGE_SHARE * sum(map(len, texts)), BLOCK)
    pieces: list[str] = []
    keys: list[str] = []
    for text in (texts[i] for i in ranked(texts)):
        if len(text) <= limit:
            pieces.append(text)
            keys.append(text)
            continue
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        blocks = [text[i : i + BLOCK] for i in range(0, len(text), BLOCK)]
        pieces += blocks
        keys += [f"{digest}/{number}" for number in range(len(blocks))]
    return pieces, keys


def joined(pieces: Sequence[str], keys: Sequence[str], chosen: Sequence[int]) -> list[str]:
    """Return chosen pieces, blocks that follow each other in one document as one text."""
    return [text for text, _ in joined_runs(pieces, keys, chosen)]


def joined_runs(
    pieces: Sequence[str], keys: Sequence[str], chosen: Sequence[int]
) -> list[tuple[str, bool]]:
    """Return chosen pieces as `joined` does, and of each whether its document ends with it."""
    runs: list[tuple[str, bool]] = []
    for before, number in zip([-2, *chosen], chosen, strict=False):
        after = keys[number + 1] if number + 1 < len(keys) else ""
        is_block = pieces[number] != keys[number]
        ends = not (is_block and after and _document(after) == _document(keys[number]))
        same = before >= 0 and _document(keys[before]) == _document(keys[number])
        if same and number == before + 1 and is_block:
            runs[-1] = (runs[-1][0] + pieces[number], ends)
        else:
            runs.append((pieces[number], ends))
    return runs


def _document(key: str) -> str:
    return key.partition("/")[0]
