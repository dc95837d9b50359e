"""Flax nnx modules as pure functions with named activations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jax
from flax import nnx
from jaxtyping import Array, PyTree
from taskloom.errors import ConfigError

from taskloom_anomaly.backends.fingerprint import name_of
from taskloom_anomaly.backends.jax_capture import Capture, first_output
from taskloom_anomaly.backends.jax_handle import JaxHandle
from taskloom_anomaly.backends.jax_network import call_with
from taskloom_anomaly.data.named import Inputs


@dataclass(frozen=True)
class NnxNetwork:
    """An nnx module's structure, without its arrays.

    Attributes:
        graph: What `nnx.split` calls the graph definition; hashable.
        name: The module's class.
    """

    graph: Any
    name: str

    @property
    def code(self) -> str:
        """The class's name; what it computes is in the handle's trace."""
        return self.name

    def tree(self, parameters: PyTree, buffers: PyTree) -> PyTree:
        """Nnx's parameter state."""
        del buffers
        return parameters

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
        # Rebuilt here because a variable may only be changed inside the trace that made it, and dropout counts its draws.
        fresh = jax.tree.map(lambda value: value, buffers)
        module = nnx.merge(self.graph, parameters, fresh)
        nnx.reseed(module, dropout=key)
        if training:
            module.train()
        else:
            module.eval()
        with _watched(module, capture):
            result = call_with(module, inputs, type(module).__call__)
        after = _split(module)[2]
        return first_output(result), after if training else buffers


@contextmanager
def _watched(module: nnx.Module, capture: Capture) -> Iterator[None]:
    """Tell `capture` what enters and leaves every submodule while the context lasts.

    `nnx.capture` knows outputs only, and none of methods that a class inherits; Python looks `__call__` up on the class, so
    the classes are changed for as long as the trace takes.
    """
    modules: Any = nnx.iter_modules(module)
    names = {id(part): ".".join(map(str, path)) for path, part in modules if path}
    classes = {type(part) for _, part in nnx.iter_modules(module)}
    plain = {cls: cls.__call__ for cls in classes if callable(getattr(cls, "__call__", None))}  # noqa: B004 -- the function, not whether it is callable
    own = {cls: cls.__dict__.get("__call__") for cls in plain}
    active: set[int] = set()

    def watching(call: Callable[..., Any]) -> Callable[..., Any]:
        def run(self: nnx.Module, *arguments: Any, **keywords: Any) -> Any:  # noqa: ANN401 -- modules take and return anything
            name = names.get(id(self), "")
            if (
                not name or id(self) in active
            ):  # a call of the parent class's method is the same call
                return call(self, *arguments, **keywords)
            active.add(id(self))
            try:
                place = capture.enter(name, self, [*arguments, *keywords.values()])
                output = call(self, *arguments, **keywords)
                capture.leave(place, output)
                return output
            finally:
                active.discard(id(self))

        return run

    try:
        for cls, call in plain.items():
            setattr(cls, "__call__", watching(call))  # noqa: B010 -- mypy forbids assigning to a method
        yield
    finally:
        for cls, before in own.items():
            if before is None:
                delattr(cls, "__call__")
            else:
                setattr(cls, "__call__", before)  # noqa: B010 -- as above


def _split(module: nnx.Module) -> tuple[Any, Any, Any]:
    """Return the structure, the parameters, and everything else."""
    split: Any = nnx.split  # its overloads do not know the ellipsis after a filter
    graph, own, rest = split(module, nnx.Param, ...)
    return graph, own, rest


def nnx_handle(module: nnx.Module, parameters: PyTree | None, samples: Inputs) -> JaxHandle:
    """Return the handle of an nnx module; an nnx module holds its own parameters unless others are given."""
    graph, own, buffers = _split(module)
    network = NnxNetwork(graph, name_of(type(module)))
    if parameters is None:
        return JaxHandle(network, own, buffers, samples)
    return JaxHandle(network, *_as_states(own, buffers, parameters), samples)


def _as_states(own: Any, buffers: Any, parameters: PyTree) -> tuple[Any, Any]:  # noqa: ANN401 -- nnx.State
    """Return parameters and everything else, from what `nnx.state` gives, from its parameters, or from plain arrays.

    Whatever is not given (running statistics, the draws of dropout) stays as the module has it.
    """
    if not isinstance(parameters, nnx.State):
        fresh = jax.tree.map(lambda value: value, own)
        nnx.replace_by_pure_dict(fresh, parameters)
        return fresh, buffers
    flat, rest = dict(nnx.to_flat_state(own)), dict(nnx.to_flat_state(buffers))
    for path, value in nnx.to_flat_state(parameters):
        place = flat if path in flat else rest
        if path not in place:
            name = ".".join(map(str, path))
            raise ConfigError(f"The network has no variable '{name}', which build_params gives.")
        place[path] = value
    return nnx.from_flat_state(flat), nnx.from_flat_state(rest)
