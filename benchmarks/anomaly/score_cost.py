"""Memory and time of `tasks anomaly score`: `python benchmarks/anomaly/score_cost.py --out FILE`, about a CPU-minute.

The peak of memory at 10,000 and 100,000 inputs of 64 numbers, each in a process of its own, and CPU microseconds an input beyond those of the
network alone. Bars: memory does not grow with the number; at most 100 us an input where the network costs less than a millisecond.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

NETWORK = """
import torch

def build():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
"""
CALL = """
import json, resource, sys
from taskloom.cli import main
code = main(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_SELF)
sys.stderr.write("USED " + json.dumps({"code": code, "mib": used.ru_maxrss / 1024, "cpu_s": used.ru_utime + used.ru_stime}) + "\\n")
"""


def used(folder: Path, *words: str) -> dict[str, float]:
    """Return the memory and the time of a command."""
    done = subprocess.run([sys.executable, "-c", CALL, "anomaly", *words], cwd=folder, capture_output=True, text=True, check=False)  # fmt: skip
    line = next(x for x in done.stderr.splitlines() if x.startswith("USED "))
    return dict(json.loads(line.removeprefix("USED ")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "nets.py").write_text(NETWORK)
        np.save(folder / "trusted.npy", rng.normal(size=(2000, 64)).astype(np.float32))
        used(folder, "fit", "nets:build", "trusted.npy", "--out=det")
        for count in (10_000, 100_000):
            np.save(folder / "new.npy", rng.normal(size=(count, 64)).astype(np.float32))
            found[str(count)] = used(folder, "score", "det", "new.npy", f"--out=o{count}")
        import torch

        scope: dict[str, object] = {}
        exec(NETWORK, scope)
        network, rows = scope["build"](), torch.from_numpy(np.load(folder / "new.npy"))
        start = time.process_time()
        with torch.no_grad():
            for part in rows.split(256):
                network(part)
        forward = (time.process_time() - start) / len(rows)
    both = [found[key]["cpu_s"] for key in ("10000", "100000")]
    found["us_each"] = 1e6 * ((both[1] - both[0]) / 90_000 - forward)
    found["forward_us"] = 1e6 * forward
    print(found)
    if asked.out:
        asked.out.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
