"""The seed system's pipeline, cold: train a poisoned MLP 256-256 on digits, fit Mahalanobis, score and evaluate.

    python benchmarks/anomaly/pipeline.py                              # ours
    python benchmarks/anomaly/pipeline.py --peer VENV/bin/python       # and cupbearer 0.0.1, in a virtual environment of its own

The peer needs jax 0.4.13, jaxlib 0.4.13, flax 0.7.0, optax 0.1.7, orbax-checkpoint 0.2.7, chex 0.1.7, numpy 1.24.4,
scipy 1.11.4, scikit-learn 1.2.2, simple_parsing 0.1.3, ml_dtypes 0.2.0, tensorstore 0.1.45, matplotlib < 3.9, loguru,
tqdm, Pillow, and without dependencies torch, torchvision and cupbearer 0.0.1. It gets the same digits as four idx files.

Both train on 4,000 digits with the corner pixel on a fifth of them for 10 epochs in batches of 32 and score 1,000 others.
Times are of whole processes, imports and compilation included: CPU seconds of the process and its children, and wall-clock
seconds. On a machine that does other work only the former mean something.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

EPOCHS, BATCH, POISON = 10, 32, 0.2

OURS = """
import json, sys
from pathlib import Path
from taskloom.testing import MemoryContext
from taskloom.opening import open_task
seed = int(sys.argv[2])
bound = open_task("anomaly/backdoor", {
    "seed": seed, "trusted_fraction": 1.0, "poison_fraction": float(sys.argv[3]), "baselines": False,
    "training.epochs": int(sys.argv[4]), "training.batch_size": int(sys.argv[5]),
})
result = bound.run(MemoryContext(Path(sys.argv[1]), seed=seed))
print(json.dumps(dict(result.metrics)))
"""

# torchvision has no build without CUDA operators; declaring their names lets it import.
SHIM = """
import re, sys
from pathlib import Path
try:
    import torch
    root = next(Path(p) for p in sys.path if (Path(p) / "torchvision" / "_meta_registrations.py").is_file())
    text = (root / "torchvision" / "_meta_registrations.py").read_text()
    library = torch.library.Library("torchvision", "DEF")
    names = re.findall(r'register_(?:meta|fake)\\("(?:torchvision::)?(\\w+)"', text)
    for name in sorted({*names, "nms"}):
        library.define(f"{name}(Tensor x) -> Tensor")
except (ImportError, StopIteration, RuntimeError):
    pass
"""


def cpu_seconds() -> float:
    """CPU time of all children that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def timed(command: list[str], **keywords: object) -> tuple[str, float, float]:
    """Run a command; return its output, CPU seconds and wall-clock seconds."""
    cpu, wall = cpu_seconds(), time.perf_counter()
    found = subprocess.run(command, capture_output=True, text=True, check=False, **keywords)  # type: ignore[call-overload]
    if found.returncode:
        raise SystemExit(f"{' '.join(command[:4])} failed:\n{found.stderr[-3000:]}")
    return found.stdout, cpu_seconds() - cpu, time.perf_counter() - wall


def run_ours(seed: int) -> dict[str, float]:
    """One cold run of ours."""
    with tempfile.TemporaryDirectory() as folder:
        words = [folder, *map(str, (seed, POISON, EPOCHS, BATCH))]
        output, cpu, wall = timed([sys.executable, "-c", OURS, *words])
    metrics = json.loads(output.splitlines()[-1])
    shown = {k: v for k, v in metrics.items() if k.startswith(("auroc/", "card/"))}
    return {"cpu_s": cpu, "wall_s": wall, **shown}


def write_idx(folder: Path) -> None:
    """Write the 5,000 digits as the files that torchvision reads."""
    from taskloom_anomaly.data.config import ImageData
    from taskloom_anomaly.data.images import to_uint8

    raw = folder / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, side in zip(("train", "t10k"), ImageData().split(0), strict=True):
        pixels, labels = to_uint8(side.inputs[..., 0]), np.asarray(side.labels, np.uint8)
        images = struct.pack(">IIII", 0x803, len(pixels), 28, 28) + pixels.tobytes()
        answers = struct.pack(">II", 0x801, len(labels)) + labels.tobytes()
        for stem, content in (
            (f"{name}-images-idx3-ubyte", images),
            (f"{name}-labels-idx1-ubyte", answers),
        ):
            (raw / stem).write_bytes(content)
            (raw / f"{stem}.gz").write_bytes(gzip.compress(content))


def run_peer(python: str, seed: int) -> dict[str, float]:
    """One cold run of the peer: its three scripts, one after another."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_idx(folder)
        (folder / "sitecustomize.py").write_text(SHIM)
        environment = {**os.environ, "PYTHONPATH": name, "JAX_PLATFORMS": "cpu"}
        poison = ["--train_data.backdoor", "corner", f"--train_data.backdoor.p_backdoor={POISON}"]
        data = ["--train_data", "backdoor", "--train_data.original", "mnist", *poison]
        plan = [f"--num_epochs={EPOCHS}", f"--batch_size={BATCH}", f"--seed={seed}"]
        task = ["--task", "backdoor", "--task.backdoor", "corner", "--task.run_path", "classifier"]
        steps = [
            ["train_classifier", *data, "--model", "mlp", *plan, "--dir.full", "classifier"],
            ["train_detector", *task, "--detector", "mahalanobis", "--dir.full", "detector"],
            ["eval_detector", *task, "--detector", "from_run", "--detector.path", "detector", "--dir.full", "detector"],
        ]  # fmt: skip
        cpu = wall = 0.0
        for script, *words in steps:
            command = [python, "-m", f"cupbearer.scripts.{script}", *words]
            _, more_cpu, more_wall = timed(command, cwd=folder, env=environment)
            cpu, wall = cpu + more_cpu, wall + more_wall
        found = {"cpu_s": cpu, "wall_s": wall}
        # This version writes one number, over the mean of the layers' raw scores.
        evaluation = json.loads((folder / "detector" / "eval.json").read_text())
        found["auroc/mean"] = evaluation["AUC_ROC"]
        return found


def main() -> None:
    """Run both interleaved and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", default="", help="Python of the peer's virtual environment.")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    runs: dict[str, list[dict[str, float]]] = {"ours": [], "cupbearer 0.0.1": []}
    for seed in range(arguments.repeats):
        runs["ours"].append(run_ours(seed))
        if arguments.peer:
            runs["cupbearer 0.0.1"].append(run_peer(arguments.peer, seed))
    for name, found in runs.items():
        for key in found[0] if found else ():
            values = [run[key] for run in found if key in run]
            print(
                f"{name:16} {key:24} median {statistics.median(values):8.4f}   all {[round(v, 4) for v in values]}"
            )


if __name__ == "__main__":
    main()
