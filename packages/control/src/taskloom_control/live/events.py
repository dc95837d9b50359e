"""Doings of a person to a loop, as numbered lines of JSON: enough to do it again, to the bit.

{"n": 1, "kind": "config", "episode": 0, "period": 12, "step": 24, "client": 0, "wall": 3.1, "changes": {"w_control": 0.5}}

`period` counts the control periods that had begun in the episode; what is done acts before the next one. `wall` is when it was
done, and decides nothing when it is done again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from taskloom.errors import RunCorruptError

if TYPE_CHECKING:
    from taskloom.task import JsonValue

KINDS = ("config", "pull", "mocap", "reset", "refused", "note")
_LARGEST = 1 << 20


@dataclass(frozen=True)
class SteeringEvent:
    """One thing that was done.

    Attributes:
        kind: Its kind, one of `KINDS`; `refused` and `note` changed nothing.
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
    """A file of events, each of which survives the death of the process once `add` returns.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8", newline="\n")
        self._began, self.count = time.monotonic(), 0

    def add(self, event: SteeringEvent) -> SteeringEvent:
        """Append an event, and return it with its number and its time."""
        self.count += 1
        wall = round(time.monotonic() - self._began, 6)
        kept = SteeringEvent(
            event.kind, event.episode, event.period, event.facts, self.count, event.client, wall
        )
        line = json.dumps(asdict(kept))
        if len(line) < _LARGEST:
            self._file.write(line + "\n")
            self._file.flush()
        return kept

    def close(self) -> None:
        """Close the file."""
        self._file.close()


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
