"""Many episodes as a structure of arrays: what was played, what it earned, how it ended."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.errors import HciError

Array: TypeAlias = NDArray[Any]

META = ("episode", "num_rounds", "is_done", "truncated", "rewards")


@dataclass(frozen=True, slots=True)
class Episodes:
    """Episodes 0 to E-1 with R rounds in all; the rounds of an episode lie together.

    Attributes:
        episode: Which episode of the seed each one is, (E,).
        num_rounds: Rounds begun in each, (E,).
        is_done: Whether the task ended it, (E,).
        truncated: Whether the time limit did, (E,).
        rewards: The eight rewards by name in the order of `REWARD_NAMES`, summed over the episode, (E, 8).
        fixed: What does not change within an episode, by flat name, (E, ...).
        rounds: What each round started from and what was done in it, by flat name, (R, ...).
    """

    episode: Array
    num_rounds: Array
    is_done: Array
    truncated: Array
    rewards: Array
    fixed: dict[str, Array]
    rounds: dict[str, Array]

    def __len__(self) -> int:
        return len(self.episode)

    @property
    def total_rounds(self) -> int:
        """Rounds over all episodes."""
        return int(self.num_rounds.sum())

    @property
    def returns(self) -> Array:
        """The sum of all rewards of each episode, (E,)."""
        return np.asarray(self.rewards.sum(axis=1))

    @property
    def offsets(self) -> Array:
        """The first round of each episode, and one past the last, (E + 1,)."""
        return np.concatenate([[0], np.cumsum(self.num_rounds)])

    def digest(self) -> str:
        """Return the SHA-256 of everything that was played: equal digests mean equal trajectories."""
        hasher = hashlib.sha256()
        for name, array in sorted(self._arrays().items()):
            kind = np.int64 if array.dtype.kind in "bi" else np.float64
            hasher.update(f"{name}{array.shape}".encode())
            hasher.update(np.ascontiguousarray(array, dtype=kind).tobytes())
        return hasher.hexdigest()

    def _arrays(self) -> dict[str, Array]:
        arrays = {name: getattr(self, name) for name in META}
        arrays.update({f"fixed/{name}": array for name, array in self.fixed.items()})
        arrays.update({f"rounds/{name}": array for name, array in self.rounds.items()})
        return arrays

    def save(self, path: Path) -> None:
        """Write one compressed npz file; `load` reads it back without unpickling anything."""
        arrays: dict[str, Any] = self._arrays()
        np.savez_compressed(path, **arrays)

    def save_jsonl(self, path: Path) -> None:
        """Write one JSON object a round, an episode after the other."""
        with path.open("w", encoding="utf-8", newline="\n") as file:
            for row in self.rows():
                file.write(json.dumps(row) + "\n")

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield one plain dict a round."""
        offsets = self.offsets
        for i in range(len(self)):
            fixed = {name: array[i].tolist() for name, array in self.fixed.items()}
            last = int(offsets[i + 1]) - 1
            for r in range(int(offsets[i]), last + 1):
                row = {"episode": int(self.episode[i]), "round": r - int(offsets[i]), **fixed}
                row.update({name: array[r].tolist() for name, array in self.rounds.items()})
                row["is_done"] = bool(self.is_done[i]) and r == last
                row["truncated"] = bool(self.truncated[i]) and r == last
                yield row


def load(path: Path) -> Episodes:
    """Read what `Episodes.save` wrote."""
    with np.load(path, allow_pickle=False) as data:
        missing = [name for name in META if name not in data]
        if missing:
            raise HciError(f"{path} holds no episodes: it has no {', '.join(missing)}.")
        arrays = {name: data[name] for name in data.files}
    groups: dict[str, Any] = {"fixed": {}, "rounds": {}}
    for name, array in arrays.items():
        if "/" in name:
            group, key = name.split("/", 1)
            groups[group][key] = array
    return Episodes(**{name: arrays[name] for name in META}, **groups)


def join(parts: Sequence[Episodes]) -> Episodes:
    """Return the episodes of all parts in their order."""
    if len(parts) == 1:
        return parts[0]

    def joined(name: str) -> Array:
        return np.concatenate([getattr(part, name) for part in parts])

    def groups(name: str) -> dict[str, Array]:
        keys = getattr(parts[0], name)
        return {key: np.concatenate([getattr(part, name)[key] for part in parts]) for key in keys}

    return Episodes(
        **{name: joined(name) for name in META}, fixed=groups("fixed"), rounds=groups("rounds")
    )
