"""Observation and inference engines with the seed's keywords, and its ready specifications."""

# ruff: noqa: ANN401 -- the signatures of the seed system

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from taskloom_hci.compat.agents import BaseInferenceEngine
from taskloom_hci.compat.keywords import seed_keywords
from taskloom_hci.compat.policies import ELLDiscretePolicy, Theta, with_theta
from taskloom_hci.errors import HciError
from taskloom_hci.observation.engine import ORACLE, Look, RuleObservation
from taskloom_hci.state.spaces import members

Rules: TypeAlias = Mapping[tuple[str, str], Any]

_ALL = tuple(look.part for look in ORACLE)


def _specification(*hidden: str) -> tuple[tuple[str, str | None], ...]:
    return tuple((part, None if part in hidden else "all") for part in _ALL)


oracle_engine_specification = _specification()
blind_engine_specification = _specification("task_state", "user_state", "assistant_state")
base_task_engine_specification = _specification("user_state", "assistant_state")
base_user_engine_specification = _specification("assistant_state")
base_assistant_engine_specification = _specification("user_state")


def _look(entry: Any) -> Look | None:
    """Return what one entry of a specification looks at, or None."""
    if isinstance(entry, Look):
        return entry
    part, key, *rest = entry
    if key is None:
        return None
    return Look(part, None if key == "all" else key, rest[0] if rest else None)


def _called(rule: Any) -> Callable[..., Any]:
    """Return a rule `f` or `(f, arguments)` as a function of value and game state."""
    function, arguments = (rule[0], tuple(rule[1])) if isinstance(rule, tuple) else (rule, ())
    return lambda value, game_state, *_: function(value, game_state, *arguments)


@seed_keywords()
class RuleObservationEngine(RuleObservation):
    """Sees what its specification lists, each entry through a deterministic and then a random rule.

    Args:
        deterministic_specification: Entries `(part, "all" | None | key)`, with a slice behind them if only some of it is seen.
        extradeterministicrules: `{(part, key): f}` or `(f, arguments)`, called as `f(value, game_state, *arguments)`.
        extraprobabilisticrules: Likewise, applied after those.
        mapping: Entries `(part, key, slice, f, f_args, g, g_args)` instead of all of these.
    """

    def __init__(
        self,
        deterministic_specification: Sequence[Any] = oracle_engine_specification,
        *,
        extradeterministicrules: Rules | None = None,
        extraprobabilisticrules: Rules | None = None,
        mapping: Sequence[tuple[Any, ...]] | None = None,
    ) -> None:
        looks = [_look(entry) for entry in deterministic_specification]
        if mapping is not None:
            looks = [
                Look(
                    part,
                    key,
                    index,
                    None if f is None else _called((f, f_args or ())),
                    None if g is None else _called((g, g_args or ())),
                )
                for part, key, index, f, f_args, g, g_args in mapping
            ]
        super().__init__(
            [look for look in looks if look is not None],
            rules={name: _called(rule) for name, rule in (extradeterministicrules or {}).items()},
            noises={name: _called(rule) for name, rule in (extraprobabilisticrules or {}).items()},
        )


@seed_keywords()
class GoalInferenceWithUserPolicyGiven(BaseInferenceEngine):
    """Belief over hypotheses about the user, in `host.state["beliefs"]`, by the likelihood of what the user did.

    Args:
        user_policy_model: How the user acts; `attach_policy` gives it later.
    """

    def __init__(self, user_policy_model: ELLDiscretePolicy | None = None) -> None:
        self.user_policy_model = user_policy_model
        self._theta: list[Theta] = []

    def attach_policy(self, policy: ELLDiscretePolicy) -> None:
        """Take a policy for the model of the user."""
        self.user_policy_model = policy

    def attach_set_theta(self, set_theta: Sequence[Theta]) -> None:
        """Take the hypotheses: `[{("user_state", "goal"): 3}, ...]`."""
        self._theta = list(set_theta)

    def infer(self, agent_observation: Any = None) -> tuple[Any, float]:
        """Multiply each belief by the likelihood of the user's action, and normalise.

        An action that no hypothesis allows is warned of, and the belief starts again, as in the seed system.

        Raises:
            HciError: If it was given no model or no hypotheses.
        """
        model = self.user_policy_model
        if model is None or not self._theta:
            raise HciError(
                "GoalInferenceWithUserPolicyGiven needs `attach_policy` and `attach_set_theta` before it infers."
            )
        taken = agent_observation["user_action"]["action"]
        actions = list(members(model.element.space))
        index = next(i for i, action in enumerate(actions) if np.array_equal(action, taken))
        likelihood = [
            model.forward_summary(with_theta(agent_observation, theta))[1][index]
            for theta in self._theta
        ]
        joint = np.asarray(self.host.state["beliefs"]) * np.array(likelihood)
        if not joint.sum() > 0.0:
            warnings.warn(
                "No hypothesis allows what the user did: the belief starts again from equal shares.",
                stacklevel=2,
            )
            joint = np.ones(len(joint))
        return {"beliefs": joint / joint.sum()}, 0.0
