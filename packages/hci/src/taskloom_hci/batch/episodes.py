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

NUM_REWARDS = 8  # of a round; a game may not import the turns of its bundle, where their names are
FULL_FORMAT = 2  # of files with rewards of every round, observations and beliefs
_OF_ROW = ("episode", "round", "is_done", "truncated")
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
        rounds: What each round started from and what was done in it, by flat name, (R, ...); in a full recording also the
            `rewards` of the round (R, 8), what each agent saw when it acted (`observation/user/task_state__position`) and its
            log-belief then (`belief/assistant`, (R, T)).
        opening: What was earned before the first round, (E, 8); None if only actions were recorded.
    """

    episode: Array
    num_rounds: Array
    is_done: Array
    truncated: Array
    rewards: Array
    fixed: dict[str, Array]
    rounds: dict[str, Array]
    opening: Array | None = None

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
    def is_full(self) -> bool:
        """True if rewards of every round, observations and beliefs were recorded."""
        return self.opening is not None

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
        if self.opening is not None:
            arrays["opening/rewards"] = self.opening
        return arrays

    def save(self, path: Path) -> None:
        """Write one compressed npz file; `load` reads it back without unpickling anything."""
        arrays: dict[str, Any] = self._arrays()
        if self.is_full:
            arrays["format"] = np.int64(FULL_FORMAT)
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
            fixed = {name: _plain(array[i]) for name, array in self.fixed.items()}
            last = int(offsets[i + 1]) - 1
            for r in range(int(offsets[i]), last + 1):
                row = {"episode": int(self.episode[i]), "round": r - int(offsets[i]), **fixed}
                row.update({name: _plain(array[r]) for name, array in self.rounds.items()})
                if self.opening is not None and r == offsets[i]:
                    row["opening"] = _plain(self.opening[i])
                row["is_done"] = bool(self.is_done[i]) and r == last
                row["truncated"] = bool(self.truncated[i]) and r == last
                yield row


def _plain(array: Array) -> Any:  # noqa: ANN401 -- JSON
    """Return numbers and lists; what JSON has no number for, a log-probability of nothing, is null."""
    plain = array.tolist()
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return plain
    return None if array.ndim == 0 else [_plain(part) for part in np.asarray(array)]


def load(path: Path) -> Episodes:
    """Read what `Episodes.save` or `save_jsonl` wrote, by the end of its name.

    Raises:
        HciError: If it holds no episodes, or rewards that do not sum to those of the episodes.
    """
    episodes = load_rows(path) if path.suffix == ".jsonl" else _load_arrays(path)
    _require_sums(episodes, path)
    return episodes


def _require_sums(episodes: Episodes, path: Path) -> None:
    if episodes.opening is None:
        return
    rewards = episodes.rounds["rewards"]
    total = np.add.reduceat(rewards, episodes.offsets[:-1], axis=0) + episodes.opening
    if not np.allclose(total, episodes.rewards, rtol=0.0, atol=1e-9):
        raise HciError(
            f"The rewards of the rounds in {path.name} do not sum to those of its episodes."
        )


def load_rows(path: Path) -> Episodes:
    """Read what `Episodes.save_jsonl` wrote: one JSON object a round.

    Raises:
        HciError: If a line is no such object; the sentence names the line.
    """
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            rows.append({**row, "episode": int(row["episode"]), "round": int(row["round"])})
        except (ValueError, TypeError, KeyError):
            raise HciError(f"Line {number} of {path.name} is no round of an episode.") from None
    if not rows:
        raise HciError(f"{path.name} holds no episodes.")
    firsts = [i for i, row in enumerate(rows) if row["round"] == 0]
    lasts = [*(i - 1 for i in firsts[1:]), len(rows) - 1]
    names = [name for name in rows[0] if name not in (*_OF_ROW, "opening")]
    columns = {name: _column(name, rows, path) for name in names}
    full = "opening" in rows[0]
    opening = np.array([rows[i]["opening"] for i in firsts]) if full else None
    earned = np.zeros((len(firsts), NUM_REWARDS))
    if opening is not None:
        earned = np.add.reduceat(columns["rewards"], firsts, axis=0) + opening
    return Episodes(
        episode=np.array([rows[i]["episode"] for i in firsts], dtype=np.int64),
        num_rounds=np.array(
            [b - a + 1 for a, b in zip(firsts, lasts, strict=True)], dtype=np.int64
        ),
        is_done=np.array([bool(rows[i].get("is_done")) for i in lasts]),
        truncated=np.array([bool(rows[i].get("truncated")) for i in lasts]),
        rewards=earned,
        fixed={},
        rounds=columns,
        opening=opening,
    )


def _column(name: str, rows: Sequence[dict[str, Any]], path: Path) -> Array:
    def filled(value: Any) -> Any:  # noqa: ANN401 -- JSON
        if isinstance(value, list):
            return [filled(part) for part in value]
        return -np.inf if value is None else value

    try:
        array = np.array([filled(row[name]) for row in rows])
    except (KeyError, ValueError):
        raise HciError(f"Not every round in {path.name} has '{name}' in the same shape.") from None
    if array.dtype.kind not in "bif":
        raise HciError(f"'{name}' in {path.name} does not hold numbers.")
    return array


def _load_arrays(path: Path) -> Episodes:
    with np.load(path, allow_pickle=False) as data:
        missing = [name for name in META if name not in data]
        if missing:
            raise HciError(f"{path} holds no episodes: it has no {', '.join(missing)}.")
        arrays = {name: data[name] for name in data.files}
    version = int(arrays.pop("format", np.int64(1)))
    if version > FULL_FORMAT:
        raise HciError(
            f"{path.name} is of format {version}; this version reads up to {FULL_FORMAT}."
        )
    opening = arrays.pop("opening/rewards", None)
    groups: dict[str, Any] = {"fixed": {}, "rounds": {}}
    for name, array in arrays.items():
        if "/" in name:
            group, key = name.split("/", 1)
            groups[group][key] = array
    return Episodes(**{name: arrays[name] for name in META}, **groups, opening=opening)


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
        **{name: joined(name) for name in META},
        fixed=groups("fixed"),
        rounds=groups("rounds"),
        opening=None if parts[0].opening is None else joined("opening"),
    )
