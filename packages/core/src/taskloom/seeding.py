"""Independent, named random seeds derived from one root seed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar

# 63 bits: the largest range that numpy, torch, jax and the C long of a simulator all accept as a non-negative integer.
_MASK = (1 << 63) - 1
# A task may derive a seed for each of a million episodes; the record keeps the streams that have names.
_MOST_RECORDED = 200

_recorded: ContextVar[MutableMapping[str, int] | None] = ContextVar("_recorded", default=None)


def derive_seed(root: int, name: str, rank: int = 0) -> int:
    """Return the seed of the stream called `name` under the root seed.

    The seed is the first 8 bytes (big endian, sign bit cleared) of `sha256(f"{root}/{name}/{rank}")`. Unlike successive
    spawns from one generator, a stream depends on its own name only, so adding a consumer never shifts the others. Inside a
    run the name and the seed are kept in the run's record.

    Args:
        root: The `seed` of the run's config.
        name: What the stream is for, such as `"data"` or `"init"`.
        rank: The process rank inside a distributed run.

    Returns:
        An integer in [0, 2**63).
    """
    digest = hashlib.sha256(f"{root}/{name}/{rank}".encode()).digest()
    seed = int.from_bytes(digest[:8], "big") & _MASK
    seeds = _recorded.get()
    if seeds is not None and len(seeds) < _MOST_RECORDED:
        seeds.setdefault(name, seed)
    return seed


@contextmanager
def recording_seeds(seeds: MutableMapping[str, int]) -> Iterator[None]:
    """Keep the name and the value of each seed that is derived while the block runs; of a name the first."""
    token = _recorded.set(seeds)
    try:
        yield
    finally:
        _recorded.reset(token)
