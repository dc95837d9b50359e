"""Evidence about the activations of a torch network: their axes, the order of its layers, and whether it is causal."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from taskloom_anomaly.backends import axes as evidence, probe_inputs
from taskloom_anomaly.backends.axes import FEW, SHUFFLED, Axes
from taskloom_anomaly.backends.names import place_of
from taskloom_anomaly.backends.torch_capture import Pass, run
from taskloom_anomaly.data.named import Inputs

# Modules with parameters that are asked about the axis of the features, nearest first.
_FURTHEST = 6
_TOLERANCE, _HALF_TOLERANCE = 1e-5, 1e-2

Caller = Callable[[Inputs], Callable[[torch.nn.Module], Any]]
"""Maps inputs to a function that calls the network with them."""


def as_array(tensor: torch.Tensor) -> np.ndarray:
    """Return a tensor as an array; half precision becomes float32, in which all its values are exact."""
    if tensor.dtype in (torch.bfloat16, torch.float16):
        tensor = tensor.to(torch.float32)
    return tensor.contiguous().cpu().numpy()


def digest_of(array: np.ndarray) -> bytes:
    """Return a hash of an array's values."""
    return hashlib.blake2b(np.ascontiguousarray(array).data, digest_size=16).digest()


class TorchProbe:
    """Findings of the probing of a network.

    Args:
        module: The network.
        caller: Makes the call of a batch.
        samples: Five samples.
        known: Axes that are known, by name: of the same network with other parameters.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        caller: Caller,
        samples: Inputs,
        known: Mapping[str, Axes] | None = None,
    ) -> None:
        self._module, self._caller, self._samples = module, caller, samples
        self.resolved: dict[str, Axes] = dict(known or {})

    def _run(self, inputs: Inputs, wanted: tuple[str, ...] | None = None) -> Pass:
        return run(self._module, self._caller(inputs), wanted, stop=wanted is not None)

    @cached_property
    def whole(self) -> Pass:
        """The pass of all five samples, its activations without their values: shapes and precisions."""
        self._look()
        return self._pass

    @cached_property
    def axes(self) -> dict[str, Axes]:
        """The axes of every activation as far as sizes tell."""
        self._look()
        return self._axes

    @cached_property
    def digests(self) -> dict[str, bytes]:
        """A hash of the values of every activation, by which those that repeat are known."""
        self._look()
        return self._digests

    def _look(self) -> None:
        """Run the passes once, and keep of them what takes no memory."""
        if hasattr(self, "_pass"):
            return
        found = self._run(self._samples)
        few, shuffled = (
            self._run(self._samples[rows]).seen for rows in (slice(FEW), list(SHUFFLED))
        )
        larger = self._larger
        self._axes: dict[str, Axes] = {}
        self._digests: dict[str, bytes] = {}
        self.shapes = {name: tuple(tensor.shape) for name, tensor in few.items()}
        for name, tensor in found.seen.items():
            more = as_array(tensor)
            self._digests[name] = digest_of(more)
            if name not in few or name not in shuffled:
                refusal = "it does not come to be for every batch"
                self._axes[name] = Axes(tuple(more.shape), refusal=refusal)
                continue
            half = tensor.dtype in (torch.bfloat16, torch.float16)
            tolerance = _HALF_TOLERANCE if half else _TOLERANCE
            known = evidence.find_samples(
                as_array(few[name]), more, as_array(shuffled[name]), tolerance
            )
            if known.sample is not None and known.feature is None:
                known = evidence.by_size(known, [s[name] for s in larger if name in s])
            self._axes[name] = known
        # A network's activations of five samples may be gigabytes; their form is all that is asked for later.
        found.seen = {name: tensor.to("meta") for name, tensor in found.seen.items()}
        self._pass = found

    @cached_property
    def _larger(self) -> list[dict[str, tuple[int, ...]]]:
        """Shapes of all activations for larger inputs; those that the network refuses say nothing."""
        found = []
        for inputs in probe_inputs.larger(self._samples[:FEW]):
            try:
                seen = self._run(inputs).seen
            except Exception:
                continue
            found.append({name: tuple(tensor.shape) for name, tensor in seen.items()})
        return found

    @cached_property
    def listed(self) -> tuple[str, ...]:
        """Outputs of all calls of modules, in the order in which they ran."""
        return tuple(
            name
            for name in self.whole.seen
            if (own := place_of(name)).name == name and not own.entering
        )

    def resolve(self, name: str) -> Axes:
        """Return the axes of an activation; where sizes do not tell, parameters are asked."""
        if name not in self.resolved:
            found = self.axes[name]
            if found.sample is not None and found.feature is None:
                found = self._by_parameters(name, found)
            self.resolved[name] = found
        return self.resolved[name]

    def _by_parameters(self, name: str, axes: Axes) -> Axes:
        before = reversed(self.whole.finished[: self.whole.age[name]])
        modules = dict(self._module.named_modules())
        asked = [path for path in dict.fromkeys(before) if any(_parameters(modules[path]))][
            :_FURTHEST
        ]
        inputs = self._samples[:FEW]
        base = as_array(self._run(inputs, (name,)).seen[name])
        for path in asked:
            for label, parameter in _parameters(modules[path]):
                explained = {
                    axis
                    for own in range(parameter.ndim)
                    if (axis := self._explained(name, axes, base, parameter, own)) is not None
                }
                if len(explained) == 1:
                    return replace(
                        axes, feature=explained.pop(), evidence=f"parameter {path}.{label}"
                    )
        return axes

    def _explained(
        self, name: str, axes: Axes, base: np.ndarray, parameter: torch.Tensor, own: int
    ) -> int | None:
        """Return the axis of the activation in which an axis of a parameter lies, by changing two of its slices."""
        size = parameter.shape[own]
        if size not in (n for i, n in enumerate(axes.shape) if i != axes.sample and n > 1):
            return None
        changes = []
        for index in (size // 3, size - 1):
            part = parameter.select(own, index)
            kept = part.clone()
            try:
                part += 0.5 * float(parameter.float().std(correction=0)) + 0.1
                seen = self._run(self._samples[:FEW], (name,)).seen.get(name)
            finally:
                part.copy_(kept)
            if seen is None or seen.shape != base.shape:
                return None
            changes.append((index, as_array(seen) - base))
        return evidence.explained(axes, changes, size)

    @cached_property
    def is_causal(self) -> bool:
        """True if later tokens never change what earlier ones gave, and earlier ones change what later ones give."""
        length = probe_inputs.token_axis(self._samples)
        if length < 2:
            return False
        try:
            plain = self._run(self._samples).seen
            ends = [
                self._run(probe_inputs.with_other_step(self._samples, step)).seen
                for step in (0, length - 1)
            ]
        except Exception:
            return False
        mixes = False
        for name in self.listed:
            axes = self.axes[name]
            if not axes.known or len(axes.shape) != 3 or axes.sample_shape[0] != length:
                continue
            first, last = (
                axes.arrange(as_array(seen[name]) - as_array(plain[name])) for seen in ends
            )
            if last[:, :-1].any():
                return False
            mixes = mixes or bool(first[:, 1:].any())
        return mixes


def _parameters(module: torch.nn.Module) -> list[tuple[str, torch.Tensor]]:
    """Return a module's own floating parameters, as data: autograd does not see that they change."""
    return [
        (name, value.data)
        for name, value in module.named_parameters(recurse=False)
        if value.is_floating_point() and value.numel()
    ]
