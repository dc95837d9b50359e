"""The processes of data-parallel training as one of them sees them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import torch
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from taskloom.errors import ConfigError
from torch import Tensor, distributed

from taskloom_diffusion.config import TrainConfig

_PATIENCE = timedelta(minutes=30)


@dataclass(frozen=True)
class ProcessGroup:
    """One process among those that train together.

    Attributes:
        rank: Number of this process; 0 keeps the records.
        size: Number of processes.
        rendezvous: File through which they find each other, so that no port is opened for it.
    """

    rank: int = 0
    size: int = 1
    rendezvous: Path | None = None


def share_of_step(config: TrainConfig, processes: int) -> int:
    """Return how many batches of a step each process has: the config says what a step is, not who happens to compute it.

    Raises:
        ConfigError: The processes cannot share a step's batches evenly.
    """
    batches = config.accumulate * config.devices
    if batches % processes:
        raise ConfigError(
            f"{processes} processes cannot share the {batches} batches of a step evenly (train.accumulate="
            f"{config.accumulate} times train.devices={config.devices}); for instance --train.devices={processes} makes a "
            f"step of {processes * config.accumulate} batches, which is another training."
        )
    return batches // processes


class GroupEnvironment(ClusterEnvironment):
    """Environment that names the running processes, and this one among them, to Lightning."""

    def __init__(self, group: ProcessGroup) -> None:
        self.group = group

    @property
    def creates_processes_externally(self) -> bool:
        return True

    @property
    def main_address(self) -> str:
        return "127.0.0.1"

    @property
    def main_port(self) -> int:
        return 0  # never opened: the processes have met before Lightning asks

    @staticmethod
    def detect() -> bool:
        return False

    def world_size(self) -> int:
        return self.group.size

    def set_world_size(self, size: int) -> None:
        del size

    def global_rank(self) -> int:
        return self.group.rank

    def set_global_rank(self, rank: int) -> None:
        del rank

    def local_rank(self) -> int:
        return self.group.rank

    def node_rank(self) -> int:
        return 0


@contextmanager
def joined(group: ProcessGroup, *, gpus: bool) -> Iterator[None]:
    """Meet the other processes, and part from them at the end."""
    if group.rendezvous is None:
        yield
        return
    # Without these, both libraries listen on the address of the machine's name.
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    os.environ.setdefault("NCCL_SOCKET_IFNAME", "lo")
    distributed.init_process_group(
        "nccl" if gpus else "gloo",
        init_method=group.rendezvous.as_uri(),
        rank=group.rank,
        world_size=group.size,
        timeout=_PATIENCE,
    )
    try:
        yield
    finally:
        distributed.destroy_process_group()


def summed(values: list[float], device: torch.device) -> list[float]:
    """Return the sums of numbers over all processes; every process must ask at the same time."""
    if not _together():
        return values
    total = torch.tensor(values, dtype=torch.float64, device=device)
    distributed.all_reduce(total)
    return total.tolist()


def gathered(values: Tensor) -> Tensor:
    """Return the rows of all processes, in the order of their ranks; one may have more of them than another."""
    if not _together():
        return values
    mine = torch.tensor([len(values)], device=values.device)
    counts = [torch.empty_like(mine) for _ in range(distributed.get_world_size())]
    distributed.all_gather(counts, mine)
    # What is gathered must have one shape everywhere, and blocks of padding are no rows.
    most = max(int(count) for count in counts)
    padded = torch.cat([values, values.new_zeros(most - len(values), *values.shape[1:])])
    parts = [torch.empty_like(padded) for _ in counts]
    distributed.all_gather(parts, padded)
    return torch.cat([part[: int(count)] for part, count in zip(parts, counts, strict=True)])


def _together() -> bool:
    return distributed.is_available() and distributed.is_initialized()
