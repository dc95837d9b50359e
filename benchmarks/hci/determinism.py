"""Plays a million rounds of information-gain pointing in five ways and compares the digests of what was played.

    python benchmarks/hci/determinism.py [EPISODES]

The scalar game takes most of the time: two to three minutes of one core.
"""

from __future__ import annotations

import subprocess
import sys
import time

from taskloom_hci.batch.play import Backend, play
from taskloom_hci.driver import make_bundle


def digest(episodes: int, backend: Backend) -> tuple[str, int]:
    """Return the digest and the number of rounds of the first episodes of seed 0."""
    played = play(make_bundle("pointing", assistant={"kind": "big"}), episodes, backend)
    return played.digest(), played.total_rounds


def main() -> None:
    episodes = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    if len(sys.argv) > 2:
        print(digest(episodes, "numba")[0])
        return
    found = {}
    backends: tuple[Backend, ...] = ("numba", "numpy", "loop")
    for backend in backends:
        start = time.process_time()
        found[backend], rounds = digest(episodes, backend)
        print(
            f"{backend:16} {rounds:10,} rounds {time.process_time() - start:8.1f} CPU-s  {found[backend]}",
            flush=True,
        )
    for process in ("process 1", "process 2"):
        out = subprocess.run(
            [sys.executable, __file__, str(episodes), "again"],
            capture_output=True,
            text=True,
            check=True,
        )
        found[process] = out.stdout.strip()
        print(f"{process:16} {'':34} {found[process]}", flush=True)
    print("identical" if len(set(found.values())) == 1 else "DIFFERENT")
    sys.exit(len(set(found.values())) != 1)


if __name__ == "__main__":
    main()
