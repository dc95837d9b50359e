"""Layer names: what a user asked for, as names of activations that the network has."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Callable, Container, Iterator, Mapping, Sequence

from taskloom.errors import ConfigError, UnknownNameError

from taskloom_anomaly.backends.axes import Axes
from taskloom_anomaly.backends.handle import LayerInfo, ModelHandle
from taskloom_anomaly.backends.names import canonical, place_of

# Networks of more layers than this are not listed in a sentence.
_LISTED = 40


def check_layers(
    asked: Sequence[str], listed: Sequence[str], known: Container[str]
) -> tuple[str, ...]:
    """Return the layers asked for: patterns are expanded, and `x.output` means `x` where no module has that name.

    Args:
        asked: Names, or patterns of them such as `h.*`.
        listed: The outputs of all calls.
        known: Everything that can be watched.

    Raises:
        UnknownNameError: A layer does not exist; the message lists those that do, or the closest.
    """
    found: list[str] = []
    for name in asked:
        if "*" in name or "?" in name:
            # A bracket is a part of names here, not a set of characters.
            matching = fnmatch.filter(listed, name.replace("[", "[[]"))
            if not matching:
                raise _unknown(name, listed)
            found += matching
        elif canonical(name, known) in known:
            found.append(name.removesuffix(".output") if name not in known else name)
        else:
            raise _unknown(name, listed)
    return tuple(dict.fromkeys(found))


def _unknown(name: str, listed: Sequence[str]) -> UnknownNameError:
    close = difflib.get_close_matches(name, listed, n=3, cutoff=0.5)
    if len(listed) > _LISTED:
        shown = f"the closest are {', '.join(close or listed[:3])}"
    else:
        shown = f"its layers are {', '.join(listed)}"
    return UnknownNameError(
        f"The network has no layer '{name}'; {shown} (append '@in' for what enters one).",
        hint=f"Did you mean '{close[0]}'?" if close else "",
    )


def require_known(name: str, axes: Axes) -> None:
    """Refuse a layer of which it is not known what its axes mean.

    Raises:
        ConfigError: It has no axis of samples, or more than one could be the features; the message has the option that says it.
    """
    if axes.sample is None:
        raise ConfigError(f"Layer '{name}' cannot be watched: {axes.refusal}.")
    if axes.feature is None:
        letters = "".join("n" if i == axes.sample else "." for i in range(len(axes.shape)))
        example = letters[:-1] + "d" if axes.sample != len(letters) - 1 else "d" + letters[1:]
        raise ConfigError(
            f"Layer '{name}' is {axes.letters}: say which axis holds features, such as --axes {name}={example}."
        )


class LayerTable(Mapping[str, LayerInfo]):
    """The layers of a network; what takes passes to find out is found out when it is read.

    Args:
        names: The layers.
        read: Maps a name to what is known of it.
    """

    def __init__(self, names: Sequence[str], read: Callable[[str], LayerInfo]) -> None:
        self._names, self._read = dict.fromkeys(names), read

    def __getitem__(self, name: str) -> LayerInfo:
        if name not in self._names:
            raise KeyError(name)
        return self._read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def flat_layers(handle: ModelHandle) -> tuple[str, ...]:
    """Return the layers that give one vector a sample, and what enters the modules that are given one."""
    own: tuple[str, ...] | None = getattr(handle, "flat_layers", None)
    if own is not None:
        return own
    return tuple(name for name, info in handle.layers.items() if len(info.shape) == 1)


def layer_info(handle: ModelHandle, name: str) -> LayerInfo:
    """Return what is known of a layer, of one that is not listed, too."""
    info: Callable[[str], LayerInfo] | None = getattr(handle, "info", None)
    return info(name) if info is not None else handle.layers[name]


def evidence_rows(handle: ModelHandle, names: Sequence[str]) -> list[dict[str, object]]:
    """Return what is known of the axes of layers and how, one object a layer, as a detector's folder keeps it.

    The letters are those of the array as the network returns it: n samples, t any position, d features.
    """
    found: Callable[[str], Axes] | None = getattr(handle, "axes", None)
    # A table, and a handle of a user's own, say no more than what they have.
    if found is None:
        return [{"name": name, "shape": [*layer_info(handle, name).shape]} for name in names]
    defaults, rows = set(handle.default_layers), []
    for name in names:
        axes, place = found(name), place_of(name)
        letters = ["t"] * len(axes.shape)
        for axis, letter in ((axes.sample, "n"), (axes.feature, "d")):
            if axis is not None:
                letters[axis] = letter
        row: dict[str, object] = {
            "name": name,
            "call": place.call,
            "path": place.path,
            "shape": letters,
            "sizes": [*axes.sample_shape],
            "sample_axis": axes.sample,
            "groups": axes.groups,
            "group_order": "groups first" if axes.interleaved else "samples first",
            "position_axes": [*axes.positions],
            "feature_axis": axes.feature,
            "evidence": axes.evidence,
            "dtype": layer_info(handle, name).precision,
            "default": name in defaults,
        }
        rows.append(row)
    return rows


def no_logits(handle: ModelHandle) -> str:
    """Return the sentence for what needs class scores, where the network gives none."""
    shape = tuple(getattr(handle, "output_shape", ()))
    listed = ", ".join(["n", *map(str, shape[1:])])
    return f"The network's output is ({listed}): no class scores; choose a detector of activations, or name them: --logits LAYER."
