"""Linear feedback."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from taskloom_hci.accelerated.exact_linear import terms, times
from taskloom_hci.errors import HciError
from taskloom_hci.policies.policy import Policy
from taskloom_hci.state.elements import Element, Value
from taskloom_hci.state.state import StateTree
from taskloom_hci.state.streams import Stream


class LinearFeedback(Policy):
    """Does `u = -K x`, perhaps with noise.

    Args:
        element: What an action may be.
        gain: `K` (m, n), one for every step (T, m, n), or `identity` for `u = x`.
        part: Where `x` is: a part of the observation, or `own` for the agent's own state.
        key: Its name there.
        noise: Adds noise, `noise(action, stream)`.
    """

    def __init__(
        self,
        element: Element,
        gain: NDArray[np.float64] | Literal["identity"] = "identity",
        *,
        part: str = "task_state",
        key: str = "x",
        noise: Callable[[Value, Stream], Value] | None = None,
    ) -> None:
        self.element = element
        size = int(np.prod(element.space.shape or (1,)))
        # `u = x` is the feedback `u = -K x` with `K = -I`: one formula serves both.
        matrices = (
            -np.eye(size)[None]
            if isinstance(gain, str)
            else np.atleast_3d(np.asarray(gain, dtype=np.float64))
        )
        if not isinstance(gain, str) and np.ndim(gain) == 2:
            matrices = np.asarray(gain, dtype=np.float64)[None]
        if matrices.shape[1] != size:
            raise HciError(f"The gain of {size} controls has {size} rows, not {matrices.shape[1]}.")
        # As sums of terms in a fixed order: BLAS adds in another order on every machine, and the kernels must agree to the bit.
        self.gains = [terms(-matrix) for matrix in matrices]
        self.part, self.key, self.noise = part, key, noise

    @override
    def act(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[Value, float]:
        source = state if self.part == "own" else observation[self.part]
        x = np.ravel(np.asarray(source[self.key], dtype=np.float64))
        step = 0
        if len(self.gains) > 1:
            # A game may last longer than the horizon of the gains: the last one stands from then on.
            step = min(int(observation["game_info"]["round_index"]), len(self.gains) - 1)
        action = times(self.gains[step], x[:, None])[:, 0].reshape(self.element.space.shape or ())
        if self.noise is not None:
            action = self.noise(action, stream)
        return action, 0.0
