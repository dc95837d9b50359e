"""Memory and time of `tasks anomaly score`: `python benchmarks/anomaly/score_cost.py --out FILE`, about two CPU-minutes.

The peak of memory at 10,000 and 100,000 inputs of 64 numbers, each in a process of its own, and CPU microseconds an input beyond those of the
network alone. Two networks that cost more than a millisecond an input are scored with few and with more inputs; what an input costs is a share of what
it costs the network alone, in batches of the same size. Bars: memory does not grow with the number; at most 100 us an input beyond the network where
that costs less than a millisecond, at most 1.2 times the network elsewhere.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

NETWORK = """
import torch

def build():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
"""
LARGE = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import torch
from sample_time import Convolutional, Sequence

def transformer():
    torch.manual_seed(0)
    return Sequence()

def residual():
    torch.manual_seed(0)
    # Twice the width and twice the side of the form that `sample_time.py` watches, which takes a quarter of a millisecond.
    return Convolutional(width=64, stride=2)
"""
FORMS = {
    "transformer": ("6 layers of width 384, 128 steps", (128, 384), 64),
    "residual": ("a ResNet form at 64 x 64", (3, 64, 64), 64),
}
# Inputs of the two calls whose difference is taken, and pairs of them.
FEW, MANY, PAIRS = 64, 256, 3
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


def large(folder: Path, name: str) -> dict[str, float]:
    """Return what an input of a larger network costs alone and when it is scored, both in milliseconds, and the median of their ratios."""
    import torch

    words, shape, batch = FORMS[name]
    rng = np.random.default_rng(0)
    np.save(folder / "trusted.npy", rng.normal(size=(96, *shape)).astype(np.float32))
    for count in (FEW, MANY):
        np.save(folder / f"new{count}.npy", rng.normal(size=(count, *shape)).astype(np.float32))
    used(
        folder,
        "fit",
        f"large:{name}",
        "trusted.npy",
        f"--out={name}",
        "--param=detector.shrinkage=oas",
        f"--param=batch_size={batch}",
    )
    scope: dict[str, Any] = {}
    exec(LARGE, scope)
    network, rows = scope[name]().eval(), torch.from_numpy(np.load(folder / f"new{MANY}.npy"))
    pairs = []
    for turn in range(PAIRS):
        start = time.process_time()
        with torch.no_grad():
            for part in rows.split(batch):
                network(part)
        alone = (time.process_time() - start) / MANY
        few, many = (used(folder, "score", name, f"new{count}.npy", f"--out={name}-{turn}-{count}", "--fpr=0.2", f"--batch-size={batch}")["cpu_s"] for count in (FEW, MANY))  # fmt: skip
        pairs.append((alone, (many - few) / (MANY - FEW)))
    alone, scored = (float(np.median(column)) for column in zip(*pairs, strict=True))
    return {"what": words, "alone_ms": 1e3 * alone, "scored_ms": 1e3 * scored, "ratio": float(np.median([b / a for a, b in pairs]))}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "nets.py").write_text(NETWORK)
        (folder / "large.py").write_text(LARGE)
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
        found["large"] = {form: large(folder, form) for form in FORMS}
    both = [found[key]["cpu_s"] for key in ("10000", "100000")]
    found["us_each"] = 1e6 * ((both[1] - both[0]) / 90_000 - forward)
    found["forward_us"] = 1e6 * forward
    print(found)
    if asked.out:
        asked.out.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
