"""A policy that is a small network, evaluated in NumPy: what a learner left behind."""

# ruff: noqa: ANN401 -- what an agent sees is of any type

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from taskloom_hci.accelerated.exact_math import exact_exps
from taskloom_hci.errors import HciError
from taskloom_hci.exports.spaces import ActionCode
from taskloom_hci.models.model import choose
from taskloom_hci.policies.policy import Policy
from taskloom_hci.state.elements import Element, Value
from taskloom_hci.state.state import StateTree
from taskloom_hci.state.streams import Stream

Float32: TypeAlias = NDArray[np.float32]
Activation: TypeAlias = Literal["tanh", "relu"]


@dataclass(frozen=True, slots=True)
class Network:
    """Layers `x <- f(W x + b)`, the last one without `f`.

    Attributes:
        layers: Pairs of W (out, in) and b (out,).
        activation: f.
        log_sd: Logarithm of the spread of real-valued actions (out,), if there is one.
    """

    layers: Sequence[tuple[Float32, Float32]]
    activation: Activation
    log_sd: Float32 | None = None

    def __post_init__(self) -> None:
        if not self.layers or self.activation not in {"tanh", "relu"}:
            raise HciError(f"A network has layers, and tanh or relu, not {self.activation!r}.")
        for number, (w, b) in enumerate(self.layers):
            before = w.shape[1] if number == 0 else len(self.layers[number - 1][1])
            if w.ndim != 2 or b.shape != (len(w),) or w.shape[1] != before:
                raise HciError(
                    f"Layer {number} of the network does not fit: {w.shape} and {b.shape} after {before} numbers."
                )
            if not (np.isfinite(w).all() and np.isfinite(b).all()):
                raise HciError(f"Layer {number} of the network holds numbers that are not finite.")

    def __call__(self, x: Float32) -> Float32:
        """Return the outputs (out,) for inputs (in,)."""
        for number, (w, b) in enumerate(self.layers):
            # In float32, as torch computed it: a tie between two preferences then falls the same way.
            x = w @ x + b
            if number < len(self.layers) - 1:
                x = np.tanh(x) if self.activation == "tanh" else np.maximum(x, np.float32(0))
        return x


@dataclass(frozen=True, slots=True)
class Senses:
    """The inputs of a network: entries of what an agent sees, each number scaled.

    Attributes:
        keys: Flat names, in order: `task_state__position`.
        low: What is subtracted from every number (in,).
        span: What it is divided by (in,).
    """

    keys: tuple[str, ...]
    low: NDArray[np.float64]
    span: NDArray[np.float64]

    def __call__(self, known: Mapping[str, Any]) -> Float32:
        """Return the inputs (in,) of the network."""
        parts = [np.ravel(_entry(known, key)).astype(np.float64) for key in self.keys]
        x = np.concatenate(parts) if parts else np.empty(0)
        if x.shape != self.low.shape:
            raise HciError(
                f"The network was trained with {len(self.low)} numbers, but {', '.join(self.keys)} are {len(x)} here."
            )
        return np.asarray((x - self.low) / self.span, dtype=np.float32)


def _entry(known: Mapping[str, Any], name: str) -> Any:
    part, _, key = name.partition("__")
    entries = known.get(part, {})
    # Names inside a part may hold `__` themselves, so the whole name is tried after its pieces.
    for way in (key.split("__"), [key]):
        value: Any = entries
        for word in way:
            value = value.get(word) if isinstance(value, Mapping) else None
        if value is not None:
            return value
    if f"log_{key}" in entries:
        return exact_exps(entries[f"log_{key}"])  # learners are shown probabilities
    raise HciError(f"The network needs '{name}', which this agent does not see.")


class NetworkPolicy(Policy):
    """Acts as a network says.

    Args:
        network: The network; its outputs are preferences for choices, or real-valued actions.
        senses: What it is fed with.
        element: What an action may be.
        role: Whose own state is among what it sees.
        deterministic: Take the best choice (or the mean) instead of drawing one.
    """

    def __init__(
        self,
        network: Network,
        senses: Senses,
        element: Element,
        role: Literal["user", "assistant"],
        *,
        deterministic: bool = True,
    ) -> None:
        self.network, self.senses, self.element = network, senses, element
        self.role, self.deterministic = role, deterministic
        self._code = ActionCode(element)
        self._sizes = self._code.sizes
        wanted = sum(self._sizes) if self._sizes else int(np.prod(element.space.shape or (1,)))
        found = len(network.layers[-1][1])
        if found != wanted:
            raise HciError(
                f"The network has {found} outputs, but the actions of this game need {wanted}."
            )
        if network.layers[0][0].shape[1] != len(senses.low):
            raise HciError(
                f"The network takes {network.layers[0][0].shape[1]} numbers, but {len(senses.low)} are named."
            )

    @override
    def act(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[Value, float]:
        known = {**observation, f"{self.role}_state": state}
        # From here in float64: the draws below are compared with cumulated probabilities, which must reach 1.
        out = self.network(self.senses(known)).astype(np.float64)
        if not self._sizes:
            if not self.deterministic and self.network.log_sd is not None:
                out = out + np.exp(self.network.log_sd) * stream.normals(len(out))
            space: Any = self._code.space
            return self._code.decode(np.clip(out.reshape(space.shape), space.low, space.high)), 0.0
        # Several choices at once share one output vector, one slice each (gymnasium's MultiDiscrete).
        edges = np.cumsum([0, *self._sizes])
        picks = [self._pick(out[a:b], stream) for a, b in pairwise(edges)]
        return self._code.decode(picks[0] if len(picks) == 1 else np.array(picks)), 0.0

    def _pick(self, preferences: NDArray[np.float64], stream: Stream) -> int:
        if self.deterministic:
            return int(np.argmax(preferences))
        # The largest exponent is 0, so that no preference overflows.
        weights = np.exp(preferences - preferences.max())
        return int(choose(weights / weights.sum(), stream.uniform()))
