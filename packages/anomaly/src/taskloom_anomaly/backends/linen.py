"""Flax linen modules as pure functions with named activations."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
from flax import linen as nn
from jaxtyping import Array, PyTree

from taskloom_anomaly.backends.fingerprint import name_of
from taskloom_anomaly.backends.jax_capture import Capture, first_output
from taskloom_anomaly.backends.jax_handle import JaxHandle
from taskloom_anomaly.backends.jax_network import call_with, tree_of
from taskloom_anomaly.data.named import Inputs


def _mode_flags(module: nn.Module, training: bool) -> dict[str, Any]:
    """The module's own name for "this is training", when it has one."""
    known = inspect.signature(type(module).__call__).parameters
    flags = {"train": training, "training": training, "deterministic": not training}
    return {name: value for name, value in flags.items() if name in known}


@dataclass(frozen=True)
class LinenNetwork:
    """A linen module; hashable, as what is compiled for it is found by it.

    Attributes:
        module: The module; it may hold lists, as `nn.Sequential([...])` does, which cannot be hashed.
    """

    module: nn.Module

    def __hash__(self) -> int:
        return hash(repr(self.module))

    @property
    def code(self) -> str:
        """The class's name and the hyper-parameters; what they compute is in the handle's trace."""
        # The repr begins with the name of the class.
        module = name_of(type(self.module)).removesuffix(f".{type(self.module).__qualname__}")
        return f"{module}.{self.module!r}"

    def tree(self, parameters: PyTree, buffers: PyTree) -> PyTree:
        """Linen's variables."""
        return {"params": parameters, **buffers}

    def __call__(
        self,
        parameters: PyTree,
        buffers: PyTree,
        inputs: PyTree,
        *,
        capture: Capture,
        training: bool,
        key: Array,
    ) -> tuple[Array, PyTree]:
        """Run the module and keep the inputs and outputs of its submodules."""
        capture.begin(inputs)

        def watch(
            call: Callable[..., Any],
            arguments: Any,  # noqa: ANN401 -- modules take and return anything
            keywords: Any,  # noqa: ANN401 -- modules take and return anything
            context: nn.module.InterceptorContext,
        ) -> Any:  # noqa: ANN401 -- modules take and return anything
            path = ".".join(context.module.path)
            if context.method_name != "__call__" or not path:
                return call(*arguments, **keywords)
            place = capture.enter(path, context.module, [*arguments, *keywords.values()])
            output = call(*arguments, **keywords)
            capture.leave(place, output)
            return output

        variables = {"params": parameters, **buffers}
        mutable = list(buffers) if training else False
        with nn.intercept_methods(watch):
            result = call_with(
                partial(self.module.apply, variables, rngs={"dropout": key}, mutable=mutable),
                inputs,
                type(self.module).__call__,
                **_mode_flags(self.module, training),
            )
        output, after = result if mutable is not False else (result, buffers)
        return first_output(output), after


# One compiled function instead of one an operation, kept for the next network that equals this one; it runs once, so LLVM
# need not try as hard (a third of the time).
@partial(jax.jit, static_argnums=0, compiler_options={"xla_backend_optimization_level": 1})
def _draw(network: LinenNetwork, key: Array, example: PyTree) -> PyTree:
    """Draw a module's variables."""
    module = network.module
    flags = _mode_flags(module, training=False)
    return call_with(partial(module.init, key), example, type(module).__call__, **flags)


def linen_handle(
    module: nn.Module, parameters: PyTree | None, samples: Inputs, seed: int
) -> JaxHandle:
    """Return the handle of a linen module; parameters are drawn from `seed` when None."""
    network = LinenNetwork(module)
    if parameters is None:
        variables = _draw(network, jax.random.key(seed & 0xFFFFFFFF), tree_of(samples[:1]))
    else:
        variables = parameters if "params" in parameters else {"params": parameters}
    buffers = {name: tree for name, tree in variables.items() if name != "params"}
    return JaxHandle(network, variables["params"], buffers, samples)
