"""Flax nnx modules as pure functions with named activations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from flax import nnx
from jaxtyping import Array, PyTree, Shaped

from taskloom_anomaly.backends.fingerprint import class_code
from taskloom_anomaly.backends.jax_handle import JaxHandle


@dataclass(frozen=True)
class NnxNetwork:
    """An nnx module's structure, without its arrays.

    Attributes:
        graph: What `nnx.split` calls the graph definition; hashable.
        order: Layer names in the order in which the module declares them; nnx itself sorts by name.
        source: Source of the module's class.
    """

    graph: Any
    order: tuple[str, ...]
    source: str

    @property
    def code(self) -> str:
        """Structure and source."""
        return f"{self.order}\n{self.source}"

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
        """Run the module and keep the outputs of its submodules."""
        # Rebuilt here because a variable may only be changed inside the trace that made it, and dropout counts its draws.
        fresh = jax.tree.map(lambda value: value, buffers)
        module = nnx.merge(self.graph, parameters, fresh)
        nnx.reseed(module, dropout=key)
        if training:
            module.train()
        else:
            module.eval()
        # nnx annotates what `capture` returns for functions only; of a module it has no types.
        watched: Any = nnx.capture(module, nnx.Intermediate, method_outputs=nnx.Intermediate)
        result, captured = watched(inputs)
        found = {
            ".".join(map(str, path[:-1])): variable
            for path, variable in nnx.to_flat_state(captured)
            if path[-1] == "__call__" and len(path) > 1
        }
        seen = {}
        for name in self.order:
            if name in found and (wanted is None or name in wanted):
                # A module that runs several times leaves one value a call; the first is kept, as in the other backends.
                first = found[name].get_value()[0]
                value = first[0] if isinstance(first, tuple) else first
                if getattr(value, "ndim", 0) >= 2:
                    seen[name] = value
        logits = result[0] if isinstance(result, tuple) else result
        after = _split(module)[2]
        return logits, seen, after if training else buffers


def _declared(module: object, prefix: str = "") -> list[str]:
    """Names of the submodules, children before parents, in the order in which they were assigned."""
    if isinstance(module, Mapping):
        children = [(str(k), v) for k, v in module.items()]
    elif isinstance(module, (list, tuple, nnx.List)):
        children = [(str(i), v) for i, v in enumerate(module)]
    else:
        children = list(vars(module).items())
    names = []
    for key, child in children:
        name = f"{prefix}.{key}" if prefix else key
        if isinstance(child, (nnx.Module, list, tuple, Mapping)) and not isinstance(
            child, nnx.Variable
        ):
            names.extend(_declared(child, name))
        if isinstance(child, nnx.Module):
            names.append(name)
    return names


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
    network = NnxNetwork(graph, tuple(_declared(module)), class_code(module))
    state = own if parameters is None else _as_state(own, parameters)
    return JaxHandle(network, state, buffers, example)


def _as_state(like: Any, parameters: PyTree) -> Any:  # noqa: ANN401 -- nnx.State
    """Return a state like `like` from a state or from a pure dictionary of arrays."""
    if isinstance(parameters, nnx.State):
        return parameters
    fresh = jax.tree.map(lambda value: value, like)
    nnx.replace_by_pure_dict(fresh, parameters)
    return fresh
