"""Rounds of the same games through CoopIHC and through us, one at a time and in batch; CPU time, interleaved, medians.

    python benchmarks/hci/against_coopihc.py PYTHON_OF_COOPIHCS_ENVIRONMENT

CoopIHC 0.0.2 wants Python 3.9 at most, and gym 0.21 beside it. Its BIG assistant cannot be compared: its own example reads a
key that its game state no longer has.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

# Imports follow it, hence E402: threads are limited before NumPy loads.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

from taskloom_hci.batch.play import play  # noqa: E402
from taskloom_hci.driver import make_bundle  # noqa: E402

WORKER = Path(__file__).with_name("coopihc_worker.py")
OURS = {"example": ("example", {}), "gain": ("pointing", {"assistant": {"kind": "gain"}})}


class Peer:
    """The worker process."""

    def __init__(self, python: str) -> None:
        self._process = subprocess.Popen(
            [python, str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, game: str, rounds: int) -> float:
        """Return CPU seconds per round."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([game, rounds]) + "\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


def one_by_one(game: str, rounds: int) -> float:
    """Return our CPU seconds per round in a scalar bundle."""
    task, config = OURS[game]
    bundle = make_bundle(task, **config)
    bundle.reset()
    begun = time.process_time()
    for _ in range(rounds):
        if bundle.over:
            bundle.reset()
        bundle.step()
    return (time.process_time() - begun) / rounds


def together(game: str, episodes: int) -> float:
    """Return our CPU seconds per round when all episodes are played at once, on one core."""
    task, config = OURS[game]
    begun = time.process_time()
    rounds = play(make_bundle(task, **config), episodes, "auto").total_rounds
    return (time.process_time() - begun) / rounds


def main() -> None:
    """Print a line a game."""
    peer = Peer(sys.argv[1])
    for game in OURS:
        one_by_one(game, 100), together(game, 100)
        rows = [
            (peer.ask(game, 500), one_by_one(game, 5000), together(game, 20_000)) for _ in range(5)
        ]
        theirs, scalar, batch = (
            statistics.median(column) * 1e6 for column in zip(*rows, strict=True)
        )
        print(
            f"{game:8s} us a round: CoopIHC {theirs:.0f}, one by one {scalar:.1f} ({theirs / scalar:.1f} x), "
            f"in batch {batch:.3f} ({theirs / batch:.0f} x)"
        )


if __name__ == "__main__":
    main()
