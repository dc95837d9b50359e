"""Training throughput in real tokens per core-second, beside the machine's own matrix product in the same run.

    OMP_NUM_THREADS=1 python benchmarks/diffusion/throughput.py

Interleaves a matrix product, fp32 and bf16 training steps of transformers on length-bucketed MOSES-like batches, and PolyDiff's own
shape (BERT padded to 512), and prints medians. CPU time of one thread. `adaptive` has DiT's and MDLM's adaptive norms: a third of its
5.2 M parameters reads the noise level once for a sequence and not for every token. `plain` has none, and is not told the level.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from taskloom_diffusion.config import DiffusionSettings, OptimizerSettings
from taskloom_diffusion.denoisers.base import Denoiser
from taskloom_diffusion.denoisers.bert import BERT
from taskloom_diffusion.denoisers.dit import DiT
from taskloom_diffusion.losses.objectives import PolydiffLoss
from taskloom_diffusion.tokenizers.symbols import SymbolTokenizer
from taskloom_diffusion.training.module import DiffusionTask

SYMBOLS = [chr(65 + i) for i in range(24)]


def matrix_product(dtype: torch.dtype) -> float:
    """Return GFLOP/s of one product of a training step's size."""
    left, right = torch.ones(4096, 256, dtype=dtype), torch.ones(256, 1024, dtype=dtype)
    began = time.process_time()
    for _ in range(20):
        left @ right
    return 20 * 2 * 4096 * 256 * 1024 / (time.process_time() - began) / 1e9


def stepper(
    denoiser: Denoiser,
    rows: int,
    length: int,
    real: int,
    *,
    bf16: bool,
    polydiff: bool = False,
) -> Callable[[], float]:
    """Return a function that makes one training step and returns real tokens per core-second."""
    settings = DiffusionSettings(loss=PolydiffLoss()) if polydiff else DiffusionSettings()
    task = DiffusionTask(
        denoiser, settings, OptimizerSettings(), SymbolTokenizer("char", SYMBOLS), max_length=length
    )
    optimizer = task.configure_optimizers()["optimizer"]
    tokens = torch.randint(3, 27, (rows, length))
    maskable = torch.arange(length).expand(rows, length) < real
    if polydiff:
        maskable = torch.ones_like(maskable)  # its attention and its loss see the padding too

    def step() -> float:
        began = time.process_time()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = task.training_step({"tokens": tokens, "maskable": maskable}, 0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return rows * real / (time.process_time() - began)

    return step


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    bare = {"convolution": 0, "query_key_norm": False}
    plain = DiT(width=256, num_layers=6, num_heads=8)
    adaptive = DiT(width=256, num_layers=4, num_heads=8, mlp_ratio=4.625, time_conditioning=True)
    bert = BERT(time_conditioning="output_add")
    networks = {
        "adaptive": adaptive,
        "adaptive, bare": adaptive.model_copy(update=bare),
        "plain": plain,
        "plain, bare": plain.model_copy(update=bare),
    }
    cases = {
        f"{name}, {'bf16' if bf16 else 'fp32'}": stepper(network, 128, 36, 36, bf16=bf16)
        for name, network in networks.items()
        for bf16 in (False, True)
    }
    cases["PolyDiff's shape, L=64"] = stepper(bert, 64, 64, 46, bf16=False, polydiff=True)
    rounds: dict[str, list[float]] = {name: [] for name in cases}
    products: dict[str, list[float]] = {"fp32": [], "bf16": []}
    for _ in range(7):
        products["fp32"].append(matrix_product(torch.float32))
        products["bf16"].append(matrix_product(torch.bfloat16))
        for name, step in cases.items():
            rounds[name].append(step())
            print(f"{name:39} {rounds[name][-1]:8.0f}", flush=True)
    padded = stepper(bert, 4, 512, 48, bf16=False, polydiff=True)
    rounds["PolyDiff's shape, padded to 512"] = [padded()]
    for name, values in products.items():
        print(f"matrix product {name:24} {statistics.median(values):8.1f} GFLOP/s")
    for name, values in rounds.items():
        print(f"{name:39} {statistics.median(values):8.0f} real tokens per core-second")


if __name__ == "__main__":
    main()
