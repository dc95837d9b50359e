"""Independent, named random seeds derived from one root seed."""

from __future__ import annotations

import hashlib

# 63 bits: the largest range that numpy, torch, jax and the C long of a simulator all accept as a non-negative integer.
_MASK = (1 << 63) - 1


def derive_seed(root: int, name: str, rank: int = 0) -> int:
    """Return the seed of the stream called `name` under the root seed.

    The seed is the first 8 bytes (big endian, sign bit cleared) of `sha256(f"{root}/{name}/{rank}")`. Unlike successive
    spawns from one generator, a stream depends on its own name only, so adding a consumer never shifts the others.

    Args:
        root: The `seed` of the run's config.
        name: What the stream is for, such as `"data"` or `"init"`.
        rank: The process rank inside a distributed run.

    Returns:
        An integer in [0, 2**63).
    """
    digest = hashlib.sha256(f"{root}/{name}/{rank}".encode()).digest()
    return int.from_bytes(digest[:8], "big") & _MASK
