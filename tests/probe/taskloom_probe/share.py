"""Tasks whose work is shared: by two processes through Lightning, and by two devices through JAX."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field
from taskloom import Config, ExecutionOnly, Result, RunContext, Unit
from taskloom.devices import jax_devices, launch, lightning_arguments

if TYPE_CHECKING:
    import torch


class ShareConfig(Config):
    """A linear regression."""

    steps: Annotated[int, Field(ge=1)] = 4
    """Steps of the optimizer."""
    batches: Annotated[int, Field(ge=1)] = 2
    """Batches of a step, over all processes."""


class Share:
    """Trains with Lightning: every step has the same batches, however many processes there are."""

    def __init__(self, config: ShareConfig) -> None:
        self._config = config

    @property
    def config(self) -> ShareConfig:
        return self._config

    def run(self, ctx: RunContext) -> Result:
        import lightning.pytorch as pl
        import torch

        config, processes = self._config, launch().processes
        generator = torch.Generator().manual_seed(ctx.seed("weights"))

        class Line(pl.LightningModule):
            def __init__(self) -> None:
                super().__init__()
                self.weight = torch.nn.Parameter(torch.randn(3, generator=generator))

            def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
                x, y = batch[:, :3], batch[:, 3]
                return ((x @ self.weight - y) ** 2).mean()

            def configure_optimizers(self) -> torch.optim.Optimizer:
                return torch.optim.SGD(self.parameters(), lr=0.1)

            def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
                assert self.weight.grad is not None
                names = {f"gradient/{i}": float(g) for i, g in enumerate(self.weight.grad)}
                ctx.log(self.global_step, **names)

        model = Line()
        trainer = pl.Trainer(
            **lightning_arguments(ctx.resources),
            default_root_dir=ctx.dir,
            max_steps=config.steps,
            accumulate_grad_batches=config.batches // processes,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        trainer.fit(model, train_dataloaders=_Batches(ctx.seed("data"), processes))
        ctx.artifact("who.txt").write_text(str(launch().rank))
        metrics = {f"weight/{i}": float(w) for i, w in enumerate(model.weight.detach())}
        return Result({**metrics, "processes": trainer.world_size}, {}, "shared")


class _Batches:
    def __init__(self, seed: int, stride: int) -> None:
        self._seed, self._stride = seed, stride

    def __iter__(self) -> Iterator[torch.Tensor]:
        import torch

        number = launch().rank
        while True:
            generator = torch.Generator().manual_seed((self._seed + number) % 2**62)
            yield torch.randn(5, 4, generator=generator)
            number += self._stride


class PairConfig(Config):
    """Numbers that two processes add up together."""

    steps: Annotated[int, Field(ge=1)] = 30
    """Sums."""
    pause: Annotated[float, Field(ge=0), Unit("s"), ExecutionOnly()] = 0.0
    """Time spent on each sum."""


class Pair:
    """Adds 0 + 1 once for each step, one number in each process, and can resume."""

    def __init__(self, config: PairConfig) -> None:
        self._config = config

    @property
    def config(self) -> PairConfig:
        return self._config

    def run(self, ctx: RunContext) -> Result:
        return self._add(ctx, 0, 0.0)

    def resume(self, ctx: RunContext, checkpoint: Path) -> Result:
        state = json.loads((checkpoint / "state.json").read_text())
        return self._add(ctx, state["step"], state["total"])

    def _add(self, ctx: RunContext, step: int, total: float) -> Result:
        import torch
        from torch import distributed

        placed = launch()
        store = distributed.FileStore(os.environ["PROBE_RENDEZVOUS"], placed.processes)
        distributed.init_process_group(
            "gloo", store=store, rank=placed.rank, world_size=placed.processes
        )
        while step < self._config.steps:
            number = torch.tensor(float(placed.rank))
            distributed.all_reduce(number)
            time.sleep(self._config.pause)
            step, total = step + 1, total + float(number)
            ctx.log(step, total=total)
            with ctx.checkpoint(step) as folder:
                (folder / "state.json").write_text(json.dumps({"step": step, "total": total}))
        # Gloo calls a connection that closes behind the last sum a loss, if the peer has not read that sum yet.
        store.set(f"done/{placed.rank}", "")
        store.wait([f"done/{rank}" for rank in range(placed.processes)])
        distributed.destroy_process_group()
        return Result({"total": total}, {}, "added up")


class SpreadConfig(Config):
    """A sum of squares."""

    size: Annotated[int, Field(ge=1)] = 8
    """Numbers to add up."""


class Spread:
    """Adds up on every JAX device that the run was given."""

    def __init__(self, config: SpreadConfig) -> None:
        self._config = config

    @property
    def config(self) -> SpreadConfig:
        return self._config

    def run(self, ctx: RunContext) -> Result:
        import jax
        import jax.numpy as jnp
        from jax.sharding import Mesh, NamedSharding, PartitionSpec

        devices: Any = jax_devices(ctx.resources)
        mesh = Mesh(devices, ("all",))
        numbers = jnp.arange(self._config.size, dtype=jnp.float32)
        spread = jax.device_put(numbers, NamedSharding(mesh, PartitionSpec("all")))
        used = len(spread.addressable_shards)
        Path(ctx.artifact("devices.txt")).write_text("\n".join(map(str, devices)))
        return Result({"sum": float((spread**2).sum()), "devices": used}, {}, "spread")
