"""Parameter trees as flat dictionaries with dotted names, and back."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import numpy as np
from jaxtyping import PyTree
from taskloom.errors import ConfigError


def _name(path: tuple[object, ...]) -> str:
    parts = []
    for entry in path:
        if getattr(entry, "name", None) == "value":
            continue  # nnx wraps every array in a variable
        part = next(
            (
                str(getattr(entry, field))
                for field in ("key", "idx", "name")
                if hasattr(entry, field)
            ),
            str(entry),
        )
        parts.append(part)
    return ".".join(parts)


def flatten_tree(tree: PyTree) -> dict[str, np.ndarray]:
    """Return the tree's arrays by dotted path."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {_name(path): _plain(leaf) for path, leaf in leaves}


def _is_key(leaf: object) -> bool:
    return isinstance(leaf, jax.Array) and jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _plain(leaf: jax.Array) -> np.ndarray:
    # nnx keeps random keys next to the parameters; their numbers are what a file can hold.
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def nest(values: Mapping[str, np.ndarray]) -> dict[str, PyTree]:
    """Return dotted names as nested dictionaries: the parameters as flax knows them."""
    tree: dict[str, PyTree] = {}
    for name, value in values.items():
        *folders, last = name.split(".")
        place = tree
        for folder in folders:
            place = place.setdefault(folder, {})
        place[last] = value
    return tree


def unflatten_like(tree: PyTree, values: Mapping[str, np.ndarray]) -> PyTree:
    """Return a tree like `tree` with other values.

    Raises:
        ConfigError: A name is missing, or a shape differs.
    """
    leaves, structure = jax.tree_util.tree_flatten_with_path(tree)
    fresh = []
    for path, leaf in leaves:
        name = _name(path)
        if name not in values:
            raise ConfigError(
                f"The stored parameters lack '{name}'; this is another network's file."
            )
        value = values[name]
        shape = _plain(leaf).shape
        if value.shape != shape:
            raise ConfigError(
                f"The stored parameter '{name}' has the shape {value.shape}; the network needs {shape}."
            )
        array = jax.numpy.asarray(value)
        fresh.append(jax.random.wrap_key_data(array) if _is_key(leaf) else array)
    return jax.tree_util.tree_unflatten(structure, fresh)
