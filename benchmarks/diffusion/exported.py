"""Samples of an exported run beside our own, token for token.

    python benchmarks/diffusion/exported.py RUN [SAMPLES [SEED]]

Each folder's own program draws them, as a user of the folder would: `python sample.py 1000 0 --tokens`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from taskloom.opening import open_run
from taskloom_diffusion import export
from taskloom_diffusion.evaluation.trained import model_of_run
from taskloom_diffusion.samplers.confidence import Confidence
from taskloom_diffusion.samplers.first_hitting import FirstHitting


def main(reference: str, num: int, seed: int) -> None:
    """Count equal samples by format and sampler."""
    model = model_of_run(open_run(reference))
    for sampler in (Confidence(), FirstHitting()):
        made = model.sample(num, sampler=sampler, seed=seed)
        ours = [
            row[:length]
            for row, length in zip(made.tokens.tolist(), made.lengths.tolist(), strict=True)
        ]
        for kind in ("torch", "onnx"):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name) / kind
                export(model, folder, kind, sampler)  # type: ignore[arg-type]  # one of the formats
                words = [sys.executable, "sample.py", str(num), str(seed), "--tokens"]
                told = subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True)
            theirs = [json.loads(line) for line in told.stdout.splitlines()]
            equal = sum(a == b for a, b in zip(ours, theirs, strict=True))
            print(f"{sampler.kind}, {kind}: {equal} of {num} samples equal", flush=True)


if __name__ == "__main__":
    main(
        sys.argv[1],
        int(sys.argv[2]) if len(sys.argv) > 2 else 1000,
        int(sys.argv[3]) if len(sys.argv) > 3 else 0,
    )
