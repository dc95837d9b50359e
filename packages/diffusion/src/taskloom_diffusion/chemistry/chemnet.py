"""ChemNet: 512 activations of a molecule, between which the Frechet distance is taken (Preuer et al. 2018).

The weights are those of the package `fcd_torch`, which is read as data and never imported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from taskloom_diffusion.chemistry.inert import Reader
from taskloom_diffusion.chemistry.shelf import Kept, kept, key_of
from taskloom_diffusion.corpora.molecules import package_files

if TYPE_CHECKING:
    import torch
    from torch import Tensor

WIDTH, BATCH = 350, 128
"""Symbols of a molecule that the network sees, and molecules of a batch: another batch moves the last digits."""
SYMBOLS = (
    *("C", "N", "O", "H", "F", "Cl", "P", "B", "Br", "S", "I", "Si", "#", "(", ")", "+", "-"),
    *("1", "2", "3", "4", "5", "6", "7", "8", "=", "[", "]", "@", "c", "n", "o", "s", "X", "."),
)
_END, _UNKNOWN = SYMBOLS.index("."), SYMBOLS.index("X")
_INDEX = {symbol: i for i, symbol in enumerate(SYMBOLS)}
# The original joins any character to an r, i or l behind it, whatever the pair means: "Ar" is one unknown symbol.
_CUT = re.compile(r".[ril]|.", re.DOTALL)


def symbols(smiles: str) -> list[int]:
    """Return the indices of a molecule's symbols, the end behind them, at most 350.

    Example:
        >>> symbols("CCl")
        [0, 5, 34]
    """
    # A dot of the molecule itself ends the original's reading too.
    found = [_INDEX.get(s, _UNKNOWN) for s in _CUT.findall(smiles.partition(".")[0])]
    return [*found[: WIDTH - 1], _END]


def activations(smiles: Sequence[str]) -> np.ndarray:
    """Return ChemNet's activations (N, 512) of canonical isomeric SMILES, as float32.

    Raises:
        MissingExtraError: The package with the weights is not installed.
    """
    import torch  # torch is heavy

    network = _network()
    found = np.empty((len(smiles), 512), dtype=np.float32)
    for start in range(0, len(smiles), BATCH):
        part = smiles[start : start + BATCH]
        given = torch.zeros(len(part), len(SYMBOLS), WIDTH)
        for row, text in enumerate(part):
            codes = symbols(text)
            # The original divides by the number of symbols, and was trained so.
            given[row, codes, torch.arange(len(codes))] = 1 / len(SYMBOLS)
        with torch.inference_mode():
            found[start : start + len(part)] = _forward(network, given).numpy()
    return found


def _forward(layers: Sequence[tuple[str, Any, Mapping[str, Any]]], x: Tensor) -> Tensor:
    import torch  # torch is heavy

    in_time = False
    for kind, layer, other in layers:
        if kind == "Conv1d":
            x = torch.selu(layer(torch.nn.functional.pad(x, other["pad"])))
            continue
        if not in_time:
            x, in_time = x.transpose(1, 2), True
        x = layer(torch.flip(x, [1]) if other["reverse"] else x)[0]
        if other["last"]:
            x = x[:, -1]
    return x


@lru_cache(maxsize=1)
def _network() -> tuple[tuple[str, torch.nn.Module, Mapping[str, Any]], ...]:
    import torch  # torch is heavy

    stored, length = weights(), WIDTH
    made: list[tuple[str, torch.nn.Module, Mapping[str, Any]]] = []
    for number, (kind, shape, other) in enumerate(stored.facts["layers"]):
        layer = getattr(torch.nn, kind)(**shape)
        prefix = f"{number}."
        state = {
            name.removeprefix(prefix): torch.from_numpy(np.array(array))
            for name, array in stored.arrays.items()
            if name.startswith(prefix)
        }
        layer.load_state_dict(state)
        options = dict(other)
        if kind == "Conv1d":
            size, stride = int(shape["kernel_size"]), int(shape["stride"])
            options["pad"] = _same(length, size, stride)
            length = (length + sum(options["pad"]) - size) // stride + 1
        made.append((kind, layer.eval(), options))
    return tuple(made)


def _same(length: int, size: int, stride: int) -> tuple[int, int]:
    """Return the padding in front and behind that the original gives a convolution: by its stride, not by half."""
    pad = max(size - (length % stride or stride), 0)
    front = pad // stride
    return (front, front) if pad % stride == 0 else (front, pad - front)


def weights() -> Kept:
    """Return the weights by `layer.name`, and the layers' shapes, converted once.

    Raises:
        MissingExtraError: The package `fcd_torch` is not installed.
    """
    (path,) = package_files("fcd_torch", "fcd_torch/", "ChemNet_v0.13_pretrained.pt")
    return kept("chemnet", key_of(path), lambda: _convert(path))


def _convert(path: Path) -> Kept:
    """Return what a file of torch's first format holds: five pickles, then the numbers of each storage in turn."""

    def tensor(storage: tuple[str, int], offset: int, shape: Any, *_: object) -> Any:  # noqa: ANN401 -- a placeholder
        return {"storage": storage[0], "offset": offset, "shape": shape}

    def stored(_: str, kind: Any, key: str, place: str, count: int, *view: object) -> Any:  # noqa: ANN401 -- a placeholder
        del kind, place, view
        return key, count

    calls = {"torch._utils _rebuild_tensor_v2": tensor, "torch._utils _rebuild_tensor": tensor}
    with path.open("rb") as stream:
        _, _, _, layers, keys = (Reader(calls, stored).read(stream) for _ in range(5))
        numbers = {key: _storage(stream) for key in keys}
    arrays: dict[str, np.ndarray] = {}
    facts = []
    for number, (kind, (state, shape, other)) in enumerate(layers):
        for name, found in state.items():
            size = int(np.prod(found["shape"]))
            flat = numbers[found["storage"]][found["offset"] : found["offset"] + size]
            arrays[f"{number}.{name}"] = flat.reshape(found["shape"])
        facts.append((kind, shape, other))
    return Kept(arrays, {"layers": facts})


def _storage(stream: BinaryIO) -> np.ndarray:
    count = int(np.frombuffer(stream.read(8), dtype="<i8")[0])
    return np.frombuffer(stream.read(4 * count), dtype="<f4")
