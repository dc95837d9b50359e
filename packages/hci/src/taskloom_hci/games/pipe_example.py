"""The other side of a pipe: the example game, without anything of this package but the protocol.

Run it as `python -m taskloom_hci.games.pipe_example`.
"""

from __future__ import annotations

import json
import sys
from typing import Any, TextIO

LOW, HIGH = -1, 4


class NumberGame:
    """A number in [-1, 4] that either side's actions are added to; at 4 the game ends."""

    def __init__(self) -> None:
        self.x = 0

    def state(self) -> dict[str, Any]:
        """Return the state as a message."""
        return {"type": "task_state", "x": self.x}

    def answer(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """Return the answer to a message, or None for one that needs none."""
        kind = message["type"]
        if kind == "init":
            return self.state()
        if kind == "reset":
            self.x = int((message["reset_dic"] or {}).get("x", 0))
            return self.state()
        if kind in {"user_action", "assistant_action"}:
            self.x = min(max(self.x + int(message["value"]["values"]), LOW), HIGH)
            return {"state": self.state(), "reward": -1.0, "is_done": self.x == HIGH}
        return None


def serve(source: TextIO, sink: TextIO) -> None:
    """Answer messages until there are no more or one says that the game is done."""
    game = NumberGame()
    for line in source:
        answer = game.answer(json.loads(line))
        if answer is None:
            return
        sink.write(json.dumps(answer) + "\n")
        sink.flush()


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout)
