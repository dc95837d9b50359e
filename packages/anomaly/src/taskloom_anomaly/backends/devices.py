"""The device on which a network computes: JAX on those that the run was given; nothing else imports JAX for it."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from taskloom.devices import jax_placed

if TYPE_CHECKING:
    from taskloom.context import Resources

    from taskloom_anomaly.backends.handle import ModelHandle
    from taskloom_anomaly.config import AnomalyConfig


class Devices(ExitStack):
    """Inside the block, a JAX network computes on the run's first device; a torch network stays on the CPU.

    Args:
        config: The config of the task; that of its network, if it has one, tells that JAX is going to be used.
        resources: The share of the machine that the run was given.
    """

    def __init__(self, config: AnomalyConfig, resources: Resources) -> None:
        super().__init__()
        self._resources = resources
        self._is_placed = False
        # The network of another run is of the kind that it was, whatever this run's config says.
        network = None if getattr(config, "run_path", None) else getattr(config, "model", None)
        if getattr(network, "backend", "torch") != "torch":
            self._place()

    def follow(self, handle: ModelHandle) -> None:
        """Place the network of a task whose config did not tell."""
        # A handle in JAX cannot be there unless its module has been imported.
        backend = sys.modules.get("taskloom_anomaly.backends.jax_handle")
        if backend is not None and isinstance(handle, backend.JaxHandle):
            self._place()

    def _place(self) -> None:
        if not self._is_placed:
            self._is_placed = True
            self.enter_context(jax_placed(self._resources))
