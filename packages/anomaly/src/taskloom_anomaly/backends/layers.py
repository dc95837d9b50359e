"""Layer names: checking what a user asked for, choosing what is watched by default."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from taskloom.errors import UnknownNameError

from taskloom_anomaly.backends.handle import LayerInfo


def top_level(layers: Mapping[str, LayerInfo]) -> tuple[str, ...]:
    """Outputs of the modules directly under the network, or of the network itself when it has none."""
    outputs = [name for name in layers if not name.endswith(".input")]
    names = tuple(name for name in outputs if "." not in name and name)
    return names or tuple(outputs)


def check_layers(asked: Sequence[str], layers: Mapping[str, LayerInfo]) -> tuple[str, ...]:
    """Return the layers asked for (`x.output` means `x`).

    Raises:
        UnknownNameError: A layer does not exist; the message lists those that do.
    """
    names = tuple(name.removesuffix(".output") for name in asked)
    for name in names:
        if name not in layers:
            known = [layer for layer in layers if not layer.endswith(".input")]
            raise UnknownNameError(
                f"The network has no layer '{name}'; its layers are {', '.join(known)}"
                " (append '.input' for what enters one).",
                hint=_closest(name, list(layers)),
            )
    return names


def _closest(name: str, known: list[str]) -> str:

    found = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean '{found[0]}'?" if found else ""
