"""Doings of a person to a loop, as numbered lines of JSON: enough to do it again, to the bit.

{"n": 1, "kind": "config", "episode": 0, "period": 12, "step": 24, "client": 0, "wall": 3.1, "changes": {"w_control": 0.5}}

`period` counts the control periods that had begun in the episode; what is done acts before the next one. `wall` is when it was
done, and decides nothing when it is done again. Where plans are made beside the plant it counts the plant's control steps, and two
kinds more say what no second execution could know: `plan`, what a plan was made from, and `act`, the step from which it acted.
Numbers in bulk lie in a second file, little-endian float64, and an event says their offset and shape.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from taskloom.errors import RunCorruptError

if TYPE_CHECKING:
    from taskloom.task import JsonValue

KINDS = ("config", "pull", "mocap", "reset", "refused", "note", "plan", "act")
DONE = ("config", "pull", "mocap", "reset")
"""Kinds that a person does."""
NUMBERS = ".f64"
"""Suffix of the file of numbers, beside that of the events."""
_LARGEST = 1 << 20


@dataclass(frozen=True)
class SteeringEvent:
    """One thing that was done.

    Attributes:
        kind: Its kind, one of `KINDS`; `refused` and `note` changed nothing, `plan` and `act` are the planner's.
        episode: Episode, from 0.
        period: Control periods that had begun in the episode.
        facts: What exactly was done.
        n: Its number, from 1.
        client: Number of the browser that did it; -1 for none.
        wall: Time since the session began [s].
    """

    kind: str
    episode: int
    period: int
    facts: Mapping[str, JsonValue] = field(default_factory=dict)
    n: int = 0
    client: int = -1
    wall: float = 0.0


class EventLog:
    """A file of events, each of which survives the death of the process once `add` returns; threads may share it.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("a", encoding="utf-8", newline="\n")
        self._numbers: BinaryIO | None = None
        self._lock = threading.Lock()
        self._began, self.count = time.monotonic(), 0

    def add(self, event: SteeringEvent, numbers: np.ndarray | None = None) -> SteeringEvent:
        """Append an event, and return it with its number and its time.

        Args:
            event: The event.
            numbers: What its fact `numbers` says the place of.
        """
        with self._lock:
            facts = dict(event.facts)
            if numbers is not None:
                facts["numbers"] = self._put(numbers)
            self.count += 1
            wall = round(time.monotonic() - self._began, 6)
            kept = SteeringEvent(
                event.kind, event.episode, event.period, facts, self.count, event.client, wall
            )
            line = json.dumps(asdict(kept))
            if len(line) < _LARGEST:
                self._file.write(line + "\n")
                self._file.flush()
            return kept

    def _put(self, numbers: np.ndarray) -> dict[str, JsonValue]:
        """Append numbers to the second file, and return where they are; they are there before the event that names them."""
        if self._numbers is None:
            self._numbers = self.path.with_suffix(NUMBERS).open("ab")
        offset = self._numbers.tell()
        self._numbers.write(np.ascontiguousarray(numbers, "<f8").tobytes())
        self._numbers.flush()
        return {"offset": offset, "shape": [int(size) for size in numbers.shape]}

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        if self._numbers is not None:
            self._numbers.close()


def read_numbers(path: Path, event: SteeringEvent) -> np.ndarray:
    """Return the numbers of an event.

    Args:
        path: The file of the events.
        event: One of them.

    Raises:
        RunCorruptError: They are not there.
    """
    place: Any = event.facts.get("numbers")
    try:
        shape = tuple(int(size) for size in place["shape"])
        with path.with_suffix(NUMBERS).open("rb") as file:
            file.seek(int(place["offset"]))
            found = np.frombuffer(file.read(8 * int(np.prod(shape))), "<f8")
        return found.reshape(shape).astype(float)
    except (OSError, KeyError, TypeError, ValueError):
        raise RunCorruptError(
            f"The numbers of event {event.n} of '{path.name}' are not in '{path.with_suffix(NUMBERS).name}'."
        ) from None


def read_events(path: Path) -> list[SteeringEvent]:
    """Return the events of a file, in their order; a last line that was cut off is left out.

    Raises:
        RunCorruptError: A line cannot be read, or the numbers have a gap.
    """
    lines = path.read_text(encoding="utf-8").split("\n")
    # What follows the last line's end was being written when the process died.
    found = []
    for number, line in enumerate(lines[:-1], 1):
        try:
            event = SteeringEvent(**json.loads(line))
        except (ValueError, TypeError):
            raise RunCorruptError(f"Line {number} of '{path.name}' cannot be read.") from None
        if event.n != number or event.kind not in KINDS:
            raise RunCorruptError(f"Line {number} of '{path.name}' is no event {number}.")
        found.append(event)
    return found
