"""From what a run was given to what a framework wants to hear: Lightning's arguments, JAX's devices, numbers of threads.

A run is one process, unless its task splits it: then it is one process for each accelerator (or, without accelerators, for as
many shares as the task wants). On one machine the framework starts them itself. Over several machines the executor that places the run
starts them: `srun` under `--executor=slurm`, or `torchrun ... -m taskloom.execute RUN_DIR` by hand. The process of rank 0 holds
the run; the others compute along and record nothing (see `taskloom.placement.follower`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from taskloom.context import Resources
from taskloom.errors import MissingExtraError, UsageError

# Read by OpenMP (torch), MKL, OpenBLAS (numpy), Numba and numexpr when they are loaded.
_THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


@dataclass(frozen=True, slots=True)
class Launch:
    """Place of this process among those of a run, as `torchrun` or `srun` sets it in the environment.

    Attributes:
        rank: Its number among all.
        processes: How many there are.
        local_processes: How many of them are on this machine.
    """

    rank: int = 0
    processes: int = 1
    local_processes: int = 1

    @property
    def num_nodes(self) -> int:
        """Number of machines."""
        return self.processes // self.local_processes


def launch(environ: Mapping[str, str] | None = None) -> Launch:
    """Return which of a run's processes this one is; the only one if the environment names no other.

    Raises:
        UsageError: The environment contradicts itself.
    """
    said = os.environ if environ is None else environ
    # `torchrun` may run inside a Slurm job, so its word goes first; a batch script alone (no step) is no process of a run.
    if "RANK" in said and "WORLD_SIZE" in said:
        names = ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
    elif "SLURM_STEP_ID" in said and "SLURM_PROCID" in said:
        names = ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_NTASKS_PER_NODE")
    else:
        return Launch()
    rank, processes, local = (_number(said, name) for name in names)
    if not (0 <= rank < processes and local > 0 and processes % local == 0):
        shown = ", ".join(f"{name}={said.get(name, '')}" for name in names)
        raise UsageError(f"The environment does not say which process of a run this is: {shown}.")
    return Launch(rank, processes, local)


def _number(said: Mapping[str, str], name: str) -> int:
    text = said.get(name, "1")
    if not text.isdecimal():
        raise UsageError(f"The environment variable {name} is '{text}'; it must be a number.")
    return int(text)


def lightning_arguments(resources: Resources, *, processes: int = 1) -> dict[str, Any]:
    """Return what Lightning's `Trainer` is to be given: `accelerator`, `devices`, `num_nodes` and `strategy`.

    Args:
        resources: What the run was given.
        processes: How many processes share the work of a machine that has no accelerators.

    Returns:
        Keyword arguments. The strategy is `auto` for one process, `ddp` where the processes have been started by something
        else, and `ddp_fork` where Lightning starts them on this machine: it must not call the run's command line again.
    """
    placed = launch()
    devices = resources.gpus or processes
    if placed.processes > 1:
        devices, num_nodes, strategy = placed.local_processes, placed.num_nodes, "ddp"
    else:
        num_nodes = resources.num_nodes
        strategy = "ddp" if num_nodes > 1 else "ddp_fork" if devices > 1 else "auto"
    return {
        "accelerator": "gpu" if resources.gpus else "cpu",
        "devices": devices,
        "num_nodes": num_nodes,
        "strategy": strategy,
    }


def jax_devices(resources: Resources) -> list[Any]:
    """Return the JAX devices of this process that the run may use: its accelerators, else host devices, one for each core.

    JAX shows a machine's cores as one host device unless `XLA_FLAGS=--xla_force_host_platform_device_count=N` says otherwise.

    Raises:
        MissingExtraError: JAX is not installed, or sees fewer accelerators than the run was given.
    """
    try:
        # By name: core neither requires JAX nor imports it unless it is asked for.
        jax = import_module("jax")
    except ImportError:
        raise MissingExtraError("JAX is not installed.", hint="pip install jax") from None
    if not resources.gpus:
        return list(jax.local_devices(backend="cpu")[: resources.cpus or None])
    wanted = 1 if launch().processes > 1 else resources.gpus
    found = [device for device in jax.local_devices() if device.platform != "cpu"]
    if len(found) < wanted:
        raise MissingExtraError(
            f"The run was given {wanted} GPUs, and JAX sees {len(found)} on this machine."
        )
    return found[:wanted]


def jax_placed(resources: Resources) -> AbstractContextManager[Any]:
    """Return a context in which JAX computes on the first device that the run was given, in this thread.

    It imports JAX, so it is called only once it is needed.

    Raises:
        MissingExtraError: JAX is not installed, or sees fewer accelerators than the run was given.
    """
    placed: AbstractContextManager[Any] = import_module("jax").default_device(
        jax_devices(resources)[0]
    )
    return placed


@contextmanager
def limited_threads(resources: Resources) -> Iterator[None]:
    """Tell numerical libraries that are loaded inside the block to use as many threads as the run has cores.

    A variable that is set already stands: `OMP_NUM_THREADS=1 tasks run ... --cpus=4` may mean four processes.
    """
    added = [name for name in _THREADS if resources.cpus and name not in os.environ]
    os.environ.update({name: str(resources.cpus) for name in added})
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
