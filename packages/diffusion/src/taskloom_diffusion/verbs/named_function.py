"""A function in a user's own file, by name: `score.py:f`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from taskloom.errors import UsageError
from taskloom.given.files import load_file
from taskloom.registry.suggest import did_you_mean


def named_function(option: str, reference: str) -> Callable[..., object]:
    """Return the function `NAME` of `FILE.py:NAME`.

    Raises:
        UsageError: There is no such file, it cannot be loaded, or has no such function.
    """
    file, colon, name = reference.rpartition(":")
    if not colon or not name or not file.endswith(".py"):
        raise UsageError(f"{option} '{reference}' must be FILE.py:NAME")
    module = load_file(Path(file))
    found = getattr(module, name, None)
    if not callable(found):
        known = [n for n, value in vars(module).items() if callable(value) and n[:1] != "_"]
        near = did_you_mean(name, known)
        raise UsageError(
            f"{option} '{reference}': '{file}' has no function '{name}'{'; ' * bool(near)}{near}"
        )
    function: Callable[..., object] = found
    return function
