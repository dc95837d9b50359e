"""Hashes that name a network by what it computes."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Iterable, Mapping
from types import FunctionType
from typing import Any

import numpy as np


def parameters_fingerprint(code: str, parameters: Mapping[str, np.ndarray]) -> str:
    """Hash code and parameters, with names, shapes and dtypes."""
    digest = hashlib.blake2b(code.encode(), digest_size=20)
    for name in sorted(parameters):
        value = np.ascontiguousarray(parameters[name])
        digest.update(f"\0{name}\0{value.dtype.str}\0{value.shape}\0".encode())
        digest.update(value.data if value.size else b"")
    return digest.hexdigest()


def digest_of(array: np.ndarray) -> bytes:
    """Return a hash of an array's values."""
    return hashlib.blake2b(np.ascontiguousarray(array).data, digest_size=16).digest()


def outputs_digest(code: str, outputs: Mapping[str, np.ndarray]) -> str:
    """Hash a fingerprint of code and parameters together with what the network computes."""
    return parameters_fingerprint(code, outputs)


def traced_code(trace: Any) -> str:  # noqa: ANN401 -- jax's ClosedJaxpr, without importing jax
    """Return a traced function as text: every operation with its parameters, and a hash of every constant.

    Whatever the function calls is in its trace, wherever its source lies; addresses of Python objects are not.
    """
    constants = {str(i): np.asarray(value) for i, value in enumerate(trace.consts)}
    # Never str(): in a notebook and on a terminal JAX writes colours into it, and the network would be another one there.
    printed = trace.jaxpr.pretty_print(use_color=False)
    operations = re.sub(r" at 0x[0-9a-f]+", "", printed)
    return f"{operations}\n{parameters_fingerprint('', constants)}"


def name_of(cls: type) -> str:
    """Return the name of a class, with that of its module.

    A class of ours that has moved keeps in `known_as` the name under which networks were stored: a new one would make each stored
    detector one of another network.
    """
    return str(vars(cls).get("known_as", f"{cls.__module__}.{cls.__qualname__}"))


def sources(objects: Iterable[object]) -> str:
    """Return the names of the objects' classes, each once, with the source of every method that they define."""
    classes = {type(item) for item in objects}
    found = []
    for cls in sorted(classes, key=name_of):
        methods = [method for method in vars(cls).values() if inspect.isfunction(method)]
        found.append("\n".join([name_of(cls), *map(_source, methods)]))
    return "\n".join(sorted(found))


def _source(method: FunctionType) -> str:
    # By the method's own place in its file: two classes may have one name.
    try:
        return inspect.getsource(method)
    except (OSError, TypeError):
        return method.__code__.co_code.hex()
