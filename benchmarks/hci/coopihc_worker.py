"""Plays rounds with CoopIHC 0.0.2 in its own environment and prints CPU seconds per round; answers a line with a line.

Started by `against_coopihc.py` with CoopIHC's Python (3.9 at most, with gym 0.21).
"""

from __future__ import annotations

import json
import sys
import time
import warnings

# Imports follow it, hence E402: the peer warns while it is imported.
warnings.filterwarnings("ignore")

from coopihc.agents.ExampleAssistant import ExampleAssistant  # noqa: E402
from coopihc.agents.ExampleUser import ExampleUser  # noqa: E402
from coopihc.bundle.Bundle import Bundle  # noqa: E402
from coopihc.examples.simplepointing.assistants import ConstantCDGain  # noqa: E402
from coopihc.examples.simplepointing.envs import SimplePointingTask  # noqa: E402
from coopihc.examples.simplepointing.users import CarefulPointer  # noqa: E402
from coopihc.interactiontask.ExampleTask import ExampleTask  # noqa: E402

GAMES = {
    "example": lambda: Bundle(task=ExampleTask(), user=ExampleUser(), assistant=ExampleAssistant()),
    "gain": lambda: Bundle(
        task=SimplePointingTask(gridsize=31, number_of_targets=8),
        user=CarefulPointer(error_rate=0.05),
        assistant=ConstantCDGain(1),
    ),
}


def play(game: str, rounds: int) -> float:
    """Return CPU seconds per round."""
    bundle = GAMES[game]()
    bundle.reset()
    begun = time.process_time()
    for _ in range(rounds):
        if bundle.step()[-1]:
            bundle.reset()
    return (time.process_time() - begun) / rounds


for line in sys.stdin:
    print(json.dumps(play(*json.loads(line))), flush=True)
