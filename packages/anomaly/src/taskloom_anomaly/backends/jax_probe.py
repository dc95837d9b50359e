"""Evidence about the activations of a flax network: their order, their axes, and which of them repeat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from taskloom_anomaly.backends import axes as evidence, probe_inputs
from taskloom_anomaly.backends.axes import FEW, SHUFFLED, Axes, AxesProbe
from taskloom_anomaly.backends.failures import fitting
from taskloom_anomaly.backends.fingerprint import digest_of, traced_code
from taskloom_anomaly.backends.jax_capture import Capture
from taskloom_anomaly.backends.jax_network import (
    JaxNetwork,
    all_activations,
    as_array,
    evaluated,
    tree_of,
)
from taskloom_anomaly.backends.names import place_of
from taskloom_anomaly.backends.tree import flatten_tree, unflatten_like
from taskloom_anomaly.data.named import Inputs

# Five samples, of which 2, 0 and 1 have other neighbours than in the order of the data.
_MIXED = (*SHUFFLED, 1, 2)


class JaxProbe(AxesProbe):
    """Findings of the probing of a network.

    Args:
        network: The network.
        parameters: Its parameters.
        buffers: What is not trained.
        samples: Five samples.
        known: Axes that are known, by name: of the same network with other parameters.
    """

    def __init__(
        self,
        network: JaxNetwork,
        parameters: PyTree,
        buffers: PyTree,
        samples: Inputs,
        known: Mapping[str, Axes] | None = None,
    ) -> None:
        self._network, self._parameters, self._buffers = network, parameters, buffers
        self._samples = samples
        self.resolved: dict[str, Axes] = dict(known or {})

    @cached_property
    def _traced(self) -> tuple[Capture, Any, Any]:
        with fitting(self._samples.shape[1:]):
            return self._trace(self._samples[:1])

    def _trace(self, samples: Inputs) -> tuple[Capture, Any, Any]:
        """Return of one trace what was captured, the form of the output, and the operations."""
        kept: list[Capture] = []

        def pass_of(p: PyTree, buffers: PyTree, inputs: PyTree) -> tuple[Array, dict[str, Array]]:
            # JAX sorts dictionaries; the order of execution is in the capture.
            kept.append(Capture(None))
            output = evaluated(self._network, p, buffers, inputs, kept[-1])
            return output, kept[-1].seen

        trace, (output, shapes) = jax.make_jaxpr(pass_of, return_shape=True)(
            self._parameters, self._buffers, tree_of(samples)
        )
        capture = kept[-1]
        capture.seen = {name: shapes[name] for name in capture.seen}
        return capture, output, trace

    @property
    def shapes(self) -> Mapping[str, Any]:
        """Shape and dtype of every activation for one sample, in the order in which they came to be."""
        return self._traced[0].seen

    @property
    def kinds(self) -> Mapping[str, str]:
        """The class of each module by path."""
        return self._traced[0].kinds

    @property
    def hidden(self) -> Mapping[str, str]:
        """The reason why an output cannot be watched, by name."""
        return self._traced[0].hidden

    @property
    def output(self) -> Any:  # noqa: ANN401 -- a form without values
        """Shape and dtype of what the network returns for one sample."""
        return self._traced[1]

    @cached_property
    def code(self) -> str:
        """The operations of the network as text; of one over texts of any length, those over texts of a fixed one."""
        texts = probe_inputs.with_steps(self._samples[:1])
        if texts is None:
            return self.code_of_samples
        try:
            return traced_code(self._trace(texts)[2])
        except Exception:  # whatever a network of one length raises
            return self.code_of_samples

    @property
    def code_of_samples(self) -> str:
        """The operations of the network over the samples as text."""
        return traced_code(self._traced[2])

    @cached_property
    def listed(self) -> tuple[str, ...]:
        """Outputs of all calls of modules, in the order in which they ran."""
        places = {name: place_of(name) for name in self.shapes}
        return tuple(n for n, own in places.items() if own.name == n and not own.entering)

    @cached_property
    def axes(self) -> dict[str, Axes]:
        """The axes of every activation as far as sizes tell."""
        return self._looked[0]

    @cached_property
    def digests(self) -> dict[str, bytes]:
        """A hash of the values of every activation, by which those that repeat are known."""
        return self._looked[1]

    @cached_property
    def _looked(self) -> tuple[dict[str, Axes], dict[str, bytes]]:
        """Axes and hashes from two passes of five samples, which keep nothing of their size."""
        few = _shapes(self._capture_of(self._samples[:FEW]))
        found, mixed = (self._run(rows) for rows in (self._samples, self._samples[list(_MIXED)]))
        axes = {}
        for name, form in self.shapes.items():
            half = form.dtype in (jnp.bfloat16, jnp.float16)
            more = as_array(found[name])
            own = evidence.samples_by_shape(few.get(name), more.shape)
            pair = (more, SHUFFLED, as_array(mixed[name]), range(FEW))
            axes[name] = evidence.samples_by_value(own, [pair], half=half)
        open_ones = [n for n, own in axes.items() if own.sample is not None and not own.known]
        if open_ones:
            larger = self._larger
            for name in open_ones:
                axes[name] = evidence.by_size(axes[name], [s[name] for s in larger if name in s])
        return axes, {name: digest_of(as_array(array)) for name, array in found.items()}

    def _run(self, rows: Inputs, parameters: PyTree = None) -> dict[str, Array]:
        own = self._parameters if parameters is None else parameters
        return all_activations(self._network, own, self._buffers, tree_of(rows))

    def _capture_of(self, rows: Inputs) -> Capture:
        """Trace the network without computing anything; where it refuses the rows, what ran before is known all the same."""
        capture = Capture(None)

        def pass_of(p: PyTree, buffers: PyTree, inputs: PyTree) -> Array:
            return evaluated(self._network, p, buffers, inputs, capture)

        try:
            jax.eval_shape(pass_of, self._parameters, self._buffers, tree_of(rows))
        except Exception:
            return capture
        return capture

    @cached_property
    def _larger(self) -> list[dict[str, tuple[int, ...]]]:
        """Shapes of the activations for larger inputs."""
        inputs = probe_inputs.larger(self._samples[:FEW])
        return [_shapes(self._capture_of(rows)) for rows in inputs]

    def _by_size(self, name: str) -> Axes:
        return self.axes[name]

    def _by_parameters(self, name: str, axes: Axes) -> Axes:
        flat = flatten_tree(self._parameters)
        base = as_array(self._run(self._samples)[name])

        def changed(label: str, own: int, index: int) -> np.ndarray:
            moved = np.array(flat[label], copy=True)
            part = moved[(slice(None),) * own + (index,)]
            part += 0.5 * float(np.asarray(flat[label], np.float32).std()) + 0.1
            tree = unflatten_like(self._parameters, {**flat, label: moved})
            return as_array(self._run(self._samples, tree)[name]) - base

        return evidence.by_parameters(axes, self._asked(name, flat), changed)

    def _asked(
        self, name: str, flat: Mapping[str, np.ndarray]
    ) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Yield the parameters of the modules that finished last before an activation came to be, nearest first."""
        capture = self._traced[0]
        own: dict[str, list[str]] = {}
        for label, value in flat.items():
            if jnp.issubdtype(value.dtype, jnp.floating) and value.size:
                own.setdefault(label.rpartition(".")[0], []).append(label)
        before = [path for path in reversed(capture.finished[: capture.age[name]]) if path in own]
        for path in list(dict.fromkeys(before))[: evidence.FURTHEST]:
            for label in own[path]:
                yield label, flat[label].shape


def _shapes(capture: Capture) -> dict[str, tuple[int, ...]]:
    return {name: tuple(array.shape) for name, array in capture.seen.items()}
