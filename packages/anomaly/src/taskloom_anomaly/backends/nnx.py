"""Flax nnx modules as pure functions with named activations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from flax import nnx
from jaxtyping import Array, PyTree, Shaped

from taskloom_anomaly.backends.fingerprint import name_of
from taskloom_anomaly.backends.jax_handle import JaxHandle


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
        inputs: Array,
        *,
        wanted: frozenset[str] | None,
        training: bool,
        key: Array,
    ) -> tuple[Array, dict[str, Array], PyTree]:
        """Run the module and keep the inputs and outputs of its submodules."""
        # Rebuilt here because a variable may only be changed inside the trace that made it, and dropout counts its draws.
        fresh = jax.tree.map(lambda value: value, buffers)
        module = nnx.merge(self.graph, parameters, fresh)
        nnx.reseed(module, dropout=key)
        if training:
            module.train()
        else:
            module.eval()
        seen: dict[str, Array] = {}

        def keep(name: str, value: Any) -> None:  # noqa: ANN401 -- modules may return anything
            first: Any = value[0] if isinstance(value, tuple) and value else value
            if (wanted is None or name in wanted) and getattr(first, "ndim", 0) >= 2:
                # A module that runs several times keeps what its first call saw.
                seen.setdefault(name, first)

        with _watched(module, keep):
            result = module(inputs)
        logits = result[0] if isinstance(result, tuple) else result
        after = _split(module)[2]
        return logits, seen, after if training else buffers


@contextmanager
def _watched(module: nnx.Module, keep: Callable[[str, Any], None]) -> Iterator[None]:
    """Tell `keep` what enters and leaves every submodule while the context lasts.

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
        def run(self: nnx.Module, *arguments: Any, **keywords: Any) -> Any:  # noqa: ANN401
            name = names.get(id(self), "")
            if (
                not name or id(self) in active
            ):  # a call of the parent class's method is the same call
                return call(self, *arguments, **keywords)
            active.add(id(self))
            try:
                if arguments:
                    keep(f"{name}.input", arguments[0])
                output = call(self, *arguments, **keywords)
                keep(name, output)
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


def nnx_handle(
    module: nnx.Module, parameters: PyTree | None, example: Shaped[np.ndarray, "1 ..."]
) -> JaxHandle:
    """Return the handle of an nnx module; an nnx module holds its own parameters unless others are given."""
    graph, own, buffers = _split(module)
    network = NnxNetwork(graph, name_of(type(module)))
    state = own if parameters is None else _as_state(own, parameters)
    return JaxHandle(network, state, buffers, example)


def _as_state(like: Any, parameters: PyTree) -> Any:  # noqa: ANN401 -- nnx.State
    """Return a state like `like` from a state or from a pure dictionary of arrays."""
    if isinstance(parameters, nnx.State):
        return parameters
    fresh = jax.tree.map(lambda value: value, like)
    nnx.replace_by_pure_dict(fresh, parameters)
    return fresh
