"""Evidence about the activations of a torch network: their axes, the order of its layers, and whether it is causal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import torch

from taskloom_anomaly.backends import axes as evidence, probe_inputs
from taskloom_anomaly.backends.axes import FEW, SHUFFLED, Axes, AxesProbe
from taskloom_anomaly.backends.failures import fitting
from taskloom_anomaly.backends.fingerprint import digest_of
from taskloom_anomaly.backends.names import place_of
from taskloom_anomaly.backends.torch_capture import Pass, run
from taskloom_anomaly.data.named import Inputs

Caller = Callable[[Inputs], Callable[[torch.nn.Module], Any]]
"""Maps inputs to a function that calls the network with them."""


def as_array(tensor: torch.Tensor) -> np.ndarray:
    """Return a tensor as an array; half precision becomes float32, in which all its values are exact."""
    if tensor.dtype in (torch.bfloat16, torch.float16):
        tensor = tensor.to(torch.float32)
    return tensor.contiguous().cpu().numpy()


class TorchProbe(AxesProbe):
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
        with fitting(self._samples.shape[1:]):
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
            known = evidence.samples_by_shape(
                self.shapes.get(name) if name in shuffled else None, more.shape
            )
            if known.sample is not None:
                first, other = as_array(few[name]), as_array(shuffled[name])
                pairs = [
                    (first, range(FEW), more, range(FEW)),
                    (first, SHUFFLED, other, range(FEW)),
                ]
                half = tensor.dtype in (torch.bfloat16, torch.float16)
                known = evidence.samples_by_value(known, pairs, half=half)
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

    def _by_size(self, name: str) -> Axes:
        return self.axes[name]

    def _by_parameters(self, name: str, axes: Axes) -> Axes:
        before = reversed(self.whole.finished[: self.whole.age[name]])
        modules = dict(self._module.named_modules())
        paths = [path for path in dict.fromkeys(before) if any(_parameters(modules[path]))]
        parameters = {
            f"{path}.{label}": parameter
            for path in paths[: evidence.FURTHEST]
            for label, parameter in _parameters(modules[path])
        }
        base = as_array(self._run(self._samples[:FEW], (name,)).seen[name])

        def changed(label: str, own: int, index: int) -> np.ndarray | None:
            part = parameters[label].select(own, index)
            kept = part.clone()
            try:
                part += 0.5 * float(parameters[label].float().std(correction=0)) + 0.1
                seen = self._run(self._samples[:FEW], (name,)).seen.get(name)
            finally:
                part.copy_(kept)
            return None if seen is None or seen.shape != base.shape else as_array(seen) - base

        asked = [(label, tuple(value.shape)) for label, value in parameters.items()]
        return evidence.by_parameters(axes, asked, changed)

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
