"""Policies with the seed's keywords."""

# ruff: noqa: ANN401 -- the signatures of the seed system

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.compat.agents import BasePolicy
from taskloom_hci.compat.elements import value_of
from taskloom_hci.compat.keywords import seed_keywords
from taskloom_hci.errors import HciError
from taskloom_hci.inference.information import TOLERANCE
from taskloom_hci.models.model import choose, require_distribution
from taskloom_hci.policies.feedback import LinearFeedback
from taskloom_hci.policies.information import InformationTable
from taskloom_hci.state.elements import Element, Value
from taskloom_hci.state.spaces import members
from taskloom_hci.state.state import State
from taskloom_hci.state.streams import Stream, stream_key

Theta: TypeAlias = Mapping[tuple[str, str], Any]


def with_theta(observation: Mapping[str, Any], theta: Theta) -> dict[str, Any]:
    """Return an observation in which hidden entries have the values of a hypothesis."""
    seen = dict(observation)
    for (part, key), value in theta.items():
        seen[part] = {**seen.get(part, {}), key: value_of(value)}
    return seen


@seed_keywords()
class ELLDiscretePolicy(BasePolicy):
    """A policy by an explicit likelihood: `attach_likelihood_function(f)` with `f(self, action, observation)`.

    Args:
        action_state: What an action may be; every member of its space gets a likelihood.
        seed: Random numbers of the policy outside a game; within one they are the game's.
        compute_likelihood_args: Keywords that the function is called with.
    """

    def __init__(
        self,
        action_state: Element | State | None = None,
        seed: int | None = None,
        *,
        compute_likelihood_args: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(action_state=action_state)
        self.stream = Stream(stream_key(seed or 0, "policy", 0))
        self.compute_likelihood_args = dict(compute_likelihood_args or {})
        self._likelihood: Callable[..., float] | None = None

    def attach_likelihood_function(self, function: Callable[..., float]) -> None:
        """Take `function(self, action, observation, **compute_likelihood_args)` for the probability of an action."""
        self._likelihood = function

    def compute_likelihood(self, action: Value, observation: Any) -> float:
        """Return the probability of an action.

        Raises:
            HciError: If no function was attached.
        """
        if self._likelihood is None:
            raise HciError("ELLDiscretePolicy needs `attach_likelihood_function` before it acts.")
        return float(self._likelihood(self, action, observation, **self.compute_likelihood_args))

    def forward_summary(self, observation: Any) -> tuple[list[Value], list[float]]:
        """Return the actions and their probabilities.

        Raises:
            LikelihoodError: If these do not sum to one.
        """
        actions = list(members(self.element.space))
        p = [self.compute_likelihood(action, observation) for action in actions]
        require_distribution(np.array(p), type(self).__name__)
        return actions, p

    def sample(self, agent_observation: Any = None, agent_state: Any = None) -> tuple[Value, float]:
        """Draw an action by its probability."""
        del agent_state
        actions, p = self.forward_summary(agent_observation)
        return actions[int(choose(np.array(p), self.stream.uniform()))], 0.0


@seed_keywords()
class BIGDiscretePolicy(BasePolicy):
    """Bayesian information gain: does what the user's next action will tell most about.

    It reads the belief from `agent_state["beliefs"]`. Ties go to the highest action, as in the seed system.

    Args:
        assistant_action_state: What an action may be.
        user_policy_model: How the user acts.
        threshold: Above this belief it does what the likeliest hypothesis says.
    """

    def __init__(
        self,
        assistant_action_state: Element | State,
        user_policy_model: ELLDiscretePolicy,
        *,
        threshold: float = 0.8,
    ) -> None:
        super().__init__(action_state=assistant_action_state)
        self.user_policy_model, self.threshold = user_policy_model, threshold
        self._theta: list[Theta] = []
        self._transition: Callable[..., Any] | None = None

    def attach_set_theta(self, set_theta: Sequence[Theta]) -> None:
        """Take the hypotheses: `[{("user_state", "goal"): 3}, ...]`."""
        self._theta = list(set_theta)

    def attach_transition_function(self, function: Callable[[Value, Any], Any]) -> None:
        """Take what the user will see: `function(assistant_action, observation)`, which may change the observation."""
        self._transition = function

    def _after(self, action: Value, observation: Mapping[str, Any]) -> Any:
        if self._transition is None:
            raise HciError("BIGDiscretePolicy needs `attach_transition_function` before it acts.")
        # Two levels deep, since the function may write into it.
        copied = {
            part: dict(entries) if isinstance(entries, Mapping) else entries
            for part, entries in observation.items()
        }
        copied.setdefault("assistant_action", {})
        return self._transition(action, copied)

    def sample(self, agent_observation: Any = None, agent_state: Any = None) -> tuple[Value, float]:
        """Return the most telling action."""
        beliefs = np.asarray(agent_state["beliefs"], dtype=np.float64)
        if beliefs.max() > self.threshold:
            return value_of(next(iter(self._theta[int(np.argmax(beliefs))].values()))), 0.0
        actions = list(members(self.element.space))
        table = np.array(
            [
                [
                    self.user_policy_model.forward_summary(with_theta(seen, theta))[1]
                    for theta in self._theta
                ]
                for seen in (self._after(action, agent_observation) for action in actions)
            ]
        )
        gain = InformationTable(table).gain(beliefs)
        return actions[int(np.flatnonzero(gain >= gain.max() - TOLERANCE)[-1])], 0.0


@seed_keywords("LinearFeedback")
class SeedLinearFeedback(LinearFeedback):
    """Does `u = -K x`, perhaps with noise.

    Args:
        action_state: What an action may be.
        state_indicator: Where `x` is in the observation: `("task_state", "x")`, or `("own", key)` for the agent's own state.
        feedback_gain: `K` (m, n), one for every step (T, m, n), or `identity` for `u = x`.
        noise_function: Returns the noise, `noise_function(action, observation, *noise_func_args)`; without one there is none.
        noise_func_args: See `noise_function`.
    """

    def __init__(
        self,
        action_state: Element | State,
        state_indicator: tuple[str, str] = ("task_state", "x"),
        *,
        feedback_gain: NDArray[np.float64] | Literal["identity"] = "identity",
        noise_function: Callable[..., Any] | None = None,
        noise_func_args: Sequence[Any] = (),
    ) -> None:
        if len(state_indicator) != 2:
            raise HciError(
                f"'state_indicator' names a part and an entry, ('task_state', 'x'), not {state_indicator!r}."
            )
        element = (
            action_state.element("action") if isinstance(action_state, State) else action_state
        )
        part, key = state_indicator
        self._seen: Any = None
        super().__init__(element, feedback_gain, part=part, key=key, noise=None)
        if noise_function is not None:
            function = noise_function
            self.noise = lambda u, _: u + function(u, self._seen, *noise_func_args)

    def act(
        self, observation: Any, state: Mapping[str, Any], stream: Stream
    ) -> tuple[Value, float]:
        """Return the control; the noise sees the observation."""
        self._seen = observation
        return super().act(observation, state, stream)


class RLPolicy(BasePolicy):
    """The seed's loader of a zip file of Stable-Baselines3, which holds pickled objects."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        del args, keywords
        raise HciError(
            "RLPolicy unpickles what it loads, and nothing here does: keep the model by `save_policy(model, path, keys)` and play "
            "it as `--user=learned --user.file=path`, or by `taskloom_hci.exports.learned.load_policy`."
        )
