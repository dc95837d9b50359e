"""Where a network computes: JAX on the devices that the run was given, imported by nobody who does not use it."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from taskloom.devices import jax_placed

if TYPE_CHECKING:
    from taskloom.context import Resources

    from taskloom_anomaly.backends.handle import ModelHandle


class Placement(ExitStack):
    """Inside the block, a JAX network computes on the run's first device; a torch network stays on the CPU.

    Args:
        task: Tells by the config of its network, if it has one, that JAX is going to be used.
        resources: What the run was given.
    """

    def __init__(self, task: object, resources: Resources) -> None:
        super().__init__()
        self._resources = resources
        self._is_placed = False
        config = getattr(task, "config", None)
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
