"""Counter-based random numbers: draw `i` of a stream is a function of the stream's key and `i` alone.

With `mix` the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) and `g` the golden-ratio increment,

    key(seed, name, episode) = mix(mix(seed xor sha256(name)) + g (episode + 1))
    uniform(key, i)          = (mix(key + g (i + 1)) >> 11) / 2**53          in [0, 1)

Every operation is exact in 64-bit integers, so a game played alone in Python, by the thousand in NumPy or compiled by
numba sees the same numbers. Normal variates come from the inverse distribution function, in arithmetic that IEEE 754
rounds in one way only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.accelerated.exact_normal import normal_quantile, normal_quantiles

GOLDEN = 0x9E3779B97F4A7C15
MIX_1 = 0xBF58476D1CE4E5B9
MIX_2 = 0x94D049BB133111EB
_MASK = (1 << 64) - 1
_UNIT = 2.0**-53

UInt64 = NDArray[np.uint64]
Float = NDArray[np.float64]


def mix(z: int) -> int:
    """Return the 64-bit finaliser of SplitMix64."""
    z = ((z ^ (z >> 30)) * MIX_1) & _MASK
    z = ((z ^ (z >> 27)) * MIX_2) & _MASK
    return z ^ (z >> 31)


@lru_cache(maxsize=256)
def name_bits(name: str) -> int:
    """Return the 64 bits that stand for the name of a stream."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


@lru_cache(maxsize=1024)
def stream_base(seed: int, name: str) -> int:
    """Return what the keys of all episodes of the stream called `name` start from."""
    # A seed of more than 64 bits (128 are drawn where none is given) counts with all of them.
    high = mix((seed >> 64) & _MASK) if seed > _MASK else 0
    return mix(((seed & _MASK) ^ high) ^ name_bits(name))


def stream_key(seed: int, name: str, episode: int) -> int:
    """Return the key of one stream in one episode."""
    return mix((stream_base(seed, name) + GOLDEN * (episode + 1)) & _MASK)


def query_key(seed: int, role: str, episode: int, step: int) -> int:
    """Return the key of a question to an agent that the game does not notice; `step` counts turns since the reset.

    It shares no number with the agent's own stream, and two questions at one turn get the same answer.
    """
    return mix((stream_key(seed, f"expert {role}", episode) + GOLDEN * (step + 1)) & _MASK)


def mix_array(z: UInt64) -> UInt64:
    """Return `mix` of every number."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(MIX_1)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(MIX_2)
    return z ^ (z >> np.uint64(31))


def stream_keys(seed: int | Sequence[int], name: str, episodes: NDArray[np.int64]) -> UInt64:
    """Return the keys of one stream in many episodes (n,), of one seed or of a seed each."""
    seeds = [seed] if isinstance(seed, int) else seed
    bases = np.array([stream_base(one, name) for one in seeds], dtype=np.uint64)
    return keys_of(bases, episodes)


def keys_of(bases: UInt64, episodes: NDArray[np.int64]) -> UInt64:
    """Return the keys of streams that start from `bases` (n,), in episodes (n,)."""
    return mix_array(
        bases + (np.atleast_1d(episodes).astype(np.uint64) + np.uint64(1)) * np.uint64(GOLDEN)
    )


def uniforms(keys: UInt64, counters: NDArray[Any] | int) -> Float:
    """Return draw number `counters` of every stream, in [0, 1); keys and counters broadcast."""
    steps = np.atleast_1d(np.asarray(counters)).astype(np.uint64) + np.uint64(1)
    bits = mix_array(keys + steps * np.uint64(GOLDEN))
    return (bits >> np.uint64(11)).astype(np.float64) * _UNIT


def normals(keys: UInt64, counters: NDArray[Any] | int) -> Float:
    """Return standard normal draw number `counters` of every stream (n,)."""
    return normal_quantiles(uniforms(keys, counters))


class Stream:
    """The random numbers of one component in one episode; picklable, copied by `fork`.

    Args:
        key: From `stream_key`.
        counter: How many draws were made.
    """

    __slots__ = ("counter", "key")

    def __init__(self, key: int, counter: int = 0) -> None:
        self.key = key
        self.counter = counter

    def fork(self) -> Stream:
        """Return a copy whose draws leave this stream where it is."""
        return Stream(self.key, self.counter)

    def uniform(self) -> float:
        """Return a number in [0, 1)."""
        self.counter += 1
        z = (self.key + GOLDEN * self.counter) & _MASK
        z = ((z ^ (z >> 30)) * MIX_1) & _MASK
        z = ((z ^ (z >> 27)) * MIX_2) & _MASK
        return ((z ^ (z >> 31)) >> 11) * _UNIT

    def integer(self, count: int) -> int:
        """Return a number in {0, ..., count - 1}."""
        return min(int(self.uniform() * count), count - 1)

    def normal(self) -> float:
        """Return a standard normal number."""
        return normal_quantile(self.uniform())

    def uniforms(self, count: int) -> Float:
        """Return `count` numbers in [0, 1), the same as that many calls of `uniform`."""
        first = self.counter
        self.counter += count
        keys = np.full(count, self.key, dtype=np.uint64)
        return uniforms(keys, np.arange(first, first + count))

    def normals(self, count: int) -> Float:
        """Return `count` standard normal numbers, the same as that many calls of `normal`."""
        return normal_quantiles(self.uniforms(count))

    def distinct(self, count: int, total: int) -> list[int]:
        """Return `count` different numbers of {0, ..., total - 1} in random order (a partial Fisher-Yates shuffle)."""
        pool = list(range(total))
        for i in range(count):
            j = i + self.integer(total - i)
            pool[i], pool[j] = pool[j], pool[i]
        return pool[:count]
