"""Exact Bayesian inference over a finite set of hypotheses: goals, parameters of the user, or both together.

With hypotheses `theta_h` and log-weights `w_h`, one action `y` seen in the situation `x` gives

    w_h <- w_h + log P(y | x, theta_h) - log sum_k exp(w_k + log P(y | x, theta_k))

in logarithms, so that a hypothesis may be as unlikely as 1e-100000 and come back.
"""

# ruff: noqa: PLR0917 -- formulas and compiled functions take their arrays by position

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import override

from taskloom_hci.errors import HciError, ZeroEvidenceError
from taskloom_hci.inference.engine import InferenceEngine
from taskloom_hci.inference.goal import OnZero
from taskloom_hci.models.model import Arrays, UserModel, action_index, safe_log, score
from taskloom_hci.state.state import StateTree
from taskloom_hci.state.streams import Stream

if TYPE_CHECKING:
    from taskloom_hci.task import Participant

Float: TypeAlias = NDArray[np.float64]
Theta: TypeAlias = Mapping[str, NDArray[Any]]


def hypotheses(**axes: ArrayLike) -> dict[str, NDArray[Any]]:
    """Return all combinations of the values of several names, (H, ...) each; the last name varies fastest.

    hypotheses(goal=[3, 7, 9], error_rate=[0.05, 0.2])     # six of them
    """
    # Rows of scalars or arrays: a value may be a position of two numbers, which a mesh grid would take apart.
    values = [list(np.asarray(axis)) for axis in axes.values()]
    rows = list(product(*values))
    if not rows:
        raise HciError("Inference needs at least one hypothesis.")
    return {name: np.array([row[i] for row in rows]) for i, name in enumerate(axes)}


def normalise(log_weights: Float, on_zero: OnZero = "raise") -> tuple[Float, Float]:
    """Return log-weights (..., H) that sum to one as probabilities, and the logarithm of what they summed to (...,).

    Args:
        log_weights: Any log-weights; -inf for what is impossible.
        on_zero: What to do where everything is impossible: `raise`, or start again from `uniform`.

    Raises:
        ZeroEvidenceError: If that happens and nothing else is asked for.
    """
    # The largest term is taken out before the sum: weights of 1e-100000 stay apart where their exponentials are all 0.
    top = log_weights.max(axis=-1, keepdims=True)
    impossible = ~np.isfinite(top)
    if impossible.any():
        if on_zero == "raise":
            raise ZeroEvidenceError(
                "What was observed has probability zero under every hypothesis; widen the hypotheses, or choose on_zero='uniform'."
            )
        # Equal weights, which the sum below turns into a uniform belief; -inf - -inf would be NaN.
        log_weights = np.where(impossible, 0.0, log_weights)
        top = np.where(impossible, 0.0, top)
    total = np.log(np.exp(log_weights - top).sum(axis=-1, keepdims=True)) + top
    evidence = np.where(impossible, -np.inf, total)[..., 0]
    return log_weights - total, evidence


def posterior(
    model: UserModel,
    log_prior: Float,
    observation: Arrays,
    theta: Arrays,
    action: ArrayLike,
    on_zero: OnZero = "raise",
    *,
    is_over: bool = True,
) -> tuple[Float, Float]:
    """Return the log-posterior (..., H) after one action, and the log-evidence of the action (...,).

    Args:
        model: The user model.
        log_prior: Log-probability of every hypothesis, (..., H).
        observation: What the user saw; arrays with the leading axes of `log_prior` and a last axis of 1, or as the model
            broadcasts them.
        theta: The hypotheses, (H, ...) each.
        action: Index of the action, (...,).
        on_zero: See `normalise`.
        is_over: See `score`.
    """
    # One more axis, so that an action broadcasts against the hypotheses.
    index = np.asarray(action, dtype=np.int64)[..., None]
    taken = score(model, observation, theta, index, is_over=is_over)
    return normalise(log_prior + taken, on_zero)


def marginal(log_weights: Float, values: NDArray[Any]) -> tuple[NDArray[Any], Float]:
    """Return the different values (V,) of one name and their probabilities (..., V), summed over all the others."""
    # One masked sum for each value: there are few, and leading axes stay as they are.
    distinct, which = np.unique(values, return_inverse=True)
    p = np.exp(log_weights)
    out = np.zeros((*p.shape[:-1], len(distinct)))
    for v in range(len(distinct)):
        out[..., v] = p[..., which == v].sum(axis=-1)
    return distinct, out


class ExactInference(InferenceEngine):
    """Belief over hypotheses about the user, kept in the agent's state as log-probabilities.

    Args:
        model: How the user acts.
        theta: The hypotheses by name, (H, ...) each; see `hypotheses`. Where they differ from episode to episode (the
            targets of a pointing task), a function that returns them from what the agent sees.
        key: Name of the belief in the agent's state, an element of shape (H,).
        on_zero: What to do about an action that every hypothesis rules out.
    """

    def __init__(
        self,
        model: UserModel,
        theta: Theta | Callable[[StateTree], Theta],
        *,
        key: str = "log_beliefs",
        on_zero: OnZero = "raise",
    ) -> None:
        self.model, self.key = model, key
        self.on_zero: OnZero = on_zero
        self._theta = theta
        self.num_hypotheses: int | None = None if callable(theta) else _count(theta)

    def theta_in(self, observation: StateTree) -> Theta:
        """Return the hypotheses by name, (H, ...) each, for what the agent sees."""
        return self._theta(observation) if callable(self._theta) else self._theta

    @property
    def theta(self) -> Theta:
        """The hypotheses by name, (H, ...) each."""
        if callable(self._theta):
            raise HciError("These hypotheses depend on what is seen: ask `theta_in(observation)`.")
        return self._theta

    @override
    def bind(self, agent: Participant) -> None:
        shape = np.shape(agent.state[self.key])
        # Hypotheses that depend on the episode have no count yet; `infer` looks at them.
        if self.num_hypotheses is not None and shape != (self.num_hypotheses,):
            raise HciError(
                f"'{self.key}' needs the shape ({self.num_hypotheses},) of the hypotheses, not {shape}."
            )

    @override
    def infer(
        self, observation: StateTree, state: Mapping[str, Any], stream: Stream
    ) -> tuple[dict[str, Any], float]:
        del stream
        seen = self.model.observation_of(observation)
        index = action_index(self.model, observation["user_action"]["action"])
        theta = self.theta_in(observation)
        if _count(theta) != len(state[self.key]):
            raise HciError(
                f"'{self.key}' holds {len(state[self.key])} beliefs, but there are {_count(theta)} hypotheses."
            )
        # An assistant that is asked to think about an action plays on, so the action ended nothing.
        after, _ = posterior(
            self.model, state[self.key], seen, theta, index, self.on_zero, is_over=False
        )
        return {self.key: after}, 0.0


def _count(theta: Theta) -> int:
    sizes = {name: len(values) for name, values in theta.items()}
    if not sizes or len(set(sizes.values())) != 1:
        raise HciError(f"Every hypothesis needs a value of every name; the names have {sizes}.")
    return next(iter(sizes.values()))


def uniform_log(count: int) -> Float:
    """Return the log-probabilities of `count` hypotheses of which nothing is known."""
    return np.full(count, float(safe_log(1.0 / count)))
