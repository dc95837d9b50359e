"""Train a user and an assistant of pointing with three seeds each, and say what it took to reach the optimum.

    python benchmarks/hci/training.py user|assistant [SEED ...]

The bars: a user with a gain of 1 at a paired regret of 0 within 60 CPU-s, an assistant on 31 cells with 8 targets at 3 % within
120 CPU-s, in 3 of 3 seeds.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from taskloom_hci.driver import make_bundle
from taskloom_hci.exports.training import train

ROLES = {
    "user": ({"kind": "gain"}, 1_500_000, 0.0, 60),
    "assistant": ({"kind": "big"}, 450_000, 0.03, 120),
}


def main(role: str, seeds: list[int]) -> None:
    assistant, steps, wanted, bar = ROLES[role]
    for seed in seeds:
        game = make_bundle("pointing", assistant=assistant)
        with tempfile.TemporaryDirectory() as folder:
            curve = train(
                game,
                role,  # type: ignore[arg-type] # one of the two
                "ppo",
                steps,
                Path(folder) / "policy.zip",
                seed=seed,
                games=2000 if role == "assistant" else 200,
                stop_at=wanted,
                told=lambda point: print(point, file=sys.stderr),
            )
        last = curve[-1]
        reached = last.regret is not None and last.regret <= wanted
        print(
            f"{role}, seed {seed}: regret {last.regret}, {last.cpu} CPU-s (bar {bar}), {'reached' if reached else 'NOT reached'}"
        )


if __name__ == "__main__":
    main(sys.argv[1], [int(word) for word in sys.argv[2:]] or [0, 1, 2])
