"""Inference, against Bayes' rule written out and closed forms."""

# ruff: noqa: ANN401 -- fixtures and cases are of any type

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from taskloom_hci.bundle.agent import Agent
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.driver import make_bundle
from taskloom_hci.errors import BufferNotFilledError, HciError, UnstableGainError, ZeroEvidenceError
from taskloom_hci.games.simple import Coordinated, Example
from taskloom_hci.inference.engine import Buffer, CascadedInference, DualInference, InferenceEngine
from taskloom_hci.inference.exact import (
    ExactInference,
    hypotheses,
    marginal,
    normalise,
    posterior,
    uniform_log,
)
from taskloom_hci.inference.kalman import GaussianInference, SteadyKalman, gaussian_posterior
from taskloom_hci.inference.particle import GridInference, ParticleInference, systematic
from taskloom_hci.models.memory import MemoryModel
from taskloom_hci.models.model import choose, probabilities
from taskloom_hci.models.pointing import BoltzmannModel, CarefulModel
from taskloom_hci.policies.policy import ConstantPolicy
from taskloom_hci.state.elements import array_element, discrete_array_element
from taskloom_hci.state.state import State
from taskloom_hci.state.streams import Stream, stream_key


def test_goals_and_error_rates_are_inferred_together() -> None:
    theta = hypotheses(goal=[2, 5, 9], error_rate=[0.05, 0.3])
    assert theta["goal"].tolist() == [2, 2, 5, 5, 9, 9]
    log_p = uniform_log(6)
    by_hand = np.full(6, 1 / 6)
    for position, action in ((4, 2), (4, 2), (7, 0), (4, 0)):
        log_p, evidence = posterior(CarefulModel(), log_p, {"position": position}, theta, action)
        toward = np.sign(theta["goal"] - position) == action - 1
        likelihood = np.where(toward, 1 - theta["error_rate"], theta["error_rate"])
        assert np.exp(evidence) == pytest.approx(by_hand @ likelihood, rel=1e-13)
        by_hand = by_hand * likelihood / (by_hand @ likelihood)
    np.testing.assert_allclose(np.exp(log_p), by_hand, rtol=1e-12)
    goals, p = marginal(log_p, theta["goal"])
    assert goals.tolist() == [2, 5, 9]
    np.testing.assert_allclose(p, by_hand.reshape(3, 2).sum(axis=1), rtol=1e-12)


def test_inference_goes_by_the_batch() -> None:
    theta = hypotheses(goal=np.arange(6))
    log_prior = np.broadcast_to(uniform_log(6), (4, 6))
    positions, actions = np.array([1, 2, 3, 4]), np.array([2, 0, 1, 2])
    many, _ = posterior(
        CarefulModel(0.1), log_prior, {"position": positions[:, None]}, theta, actions
    )
    for row in range(4):
        one, _ = posterior(
            CarefulModel(0.1), log_prior[row], {"position": positions[row]}, theta, actions[row]
        )
        np.testing.assert_allclose(many[row], one, rtol=1e-13)


def test_logarithms_keep_what_probabilities_lose() -> None:
    theta = hypotheses(goal=[0, 10])
    model = CarefulModel(1e-9)
    log_p = uniform_log(2)
    for action in [2] * 50 + [0] * 50:
        log_p, _ = posterior(model, log_p, {"position": 5}, theta, action)
    np.testing.assert_allclose(np.exp(log_p), [0.5, 0.5], rtol=1e-9)
    plain = np.full(2, 0.5)
    for action in [2] * 50 + [0] * 50:
        plain = plain * probabilities(model, {"position": 5}, theta)[:, action]
        plain /= plain.sum()
    assert plain[0] == 0.0


def test_zero_evidence_is_an_error_or_a_fresh_start() -> None:
    with pytest.raises(ZeroEvidenceError, match="probability zero under every hypothesis"):
        normalise(np.array([[-np.inf, -np.inf]]))
    log_p, evidence = normalise(np.array([[-np.inf, -np.inf], [0.0, -np.inf]]), "uniform")
    np.testing.assert_allclose(np.exp(log_p), [[0.5, 0.5], [1.0, 0.0]])
    assert evidence.tolist() == [-np.inf, 0.0]


def test_exact_inference_lives_in_an_agent() -> None:
    bundle = make_bundle("coordinated", assistant={"kind": "rollout"})
    bundle.reset()
    bundle.step()
    bundle.step()
    # Two of a hundred moves are a lapse to any other, which leaves every hypothesis a little.
    expected = 0.98 * np.eye(10)[1] + 0.02 / 10
    np.testing.assert_allclose(np.exp(bundle.assistant.state["log_beliefs"]), expected, atol=1e-12)
    engine = ExactInference(CarefulModel(), hypotheses(goal=[1, 2]))
    agent = Agent("assistant", state=State(log_beliefs=array_element((3,))), inference=engine)
    with pytest.raises(HciError, match="shape"):
        Bundle(Coordinated(), assistant=agent)
    with pytest.raises(HciError, match="every name"):
        ExactInference(CarefulModel(), {"goal": np.arange(3), "error_rate": np.arange(2)})


def test_a_psychologist_learns_how_a_user_forgets() -> None:
    truth = MemoryModel(0.02, 0.3)
    engine = GridInference(
        truth, forgetting=np.geomspace(0.005, 0.08, 9), repetition=np.linspace(0.0, 0.6, 7)
    )
    stream, log_p = Stream(stream_key(1, "test", 0)), uniform_log(63)
    for trial in range(600):
        situation = {"seen": 1 + trial % 4, "ago": 5.0 + 15.0 * (trial % 7)}
        answer = int(choose(probabilities(truth, situation, {}), stream.uniform()))
        log_p, _ = posterior(truth, log_p, situation, engine.theta, answer)
    assert engine.mean(log_p, "forgetting") == pytest.approx(0.02, rel=0.25)
    assert engine.mean(log_p, "repetition") == pytest.approx(0.3, abs=0.12)


def seen_action(position: int, action: int) -> dict[str, Any]:
    return {
        "task_state": {"position": position},
        "user_action": {"action": action},
        "user_state": {},
    }


def test_particles_agree_with_the_grid() -> None:
    class Known(BoltzmannModel):
        def log_prob(self, observation: Any, theta: Any) -> Any:
            return super().log_prob(observation, {**theta, "goal": np.asarray(9)})

    model = Known()
    grid = GridInference(model, rationality=np.linspace(0.02, 3.98, 100))
    particles = ParticleInference(model, ("rationality",), [0.0], [4.0])
    stream = Stream(stream_key(4, "test", 0))
    state: dict[str, Any] = {
        "particles": particles.first(2000, stream),
        "log_weights": uniform_log(2000),
        "log_beliefs": uniform_log(100),
    }
    for step in range(40):
        p = probabilities(BoltzmannModel(1.2), {"position": 4}, {"goal": 9})
        observation = seen_action(4, int(choose(p, (step + 0.5) / 40 * 7 % 1.0)) - 1)
        for engine in (grid, particles):
            state.update(engine.infer(observation, state, stream)[0])
    exact = grid.mean(state["log_beliefs"], "rationality")
    approximate = float(np.exp(state["log_weights"]) @ state["particles"][:, 0])
    assert approximate == pytest.approx(exact, abs=0.12)


def test_resampling_keeps_the_shares() -> None:
    weights = np.array([0.1, 0.0, 0.65, 0.25])
    counts = np.bincount(systematic(np.repeat(weights, 25) / 25, 0.3) // 25, minlength=4)
    np.testing.assert_array_equal(counts, [10, 0, 65, 25])


def test_gaussian_beliefs_follow_the_closed_form() -> None:
    mean, cov = gaussian_posterior(
        np.array([1.0]), np.array([[4.0]]), np.array([3.0]), np.array([[1.0]])
    )
    assert mean[0] == pytest.approx((1.0 / 4 + 3.0) / (1 / 4 + 1))
    assert cov[0, 0] == pytest.approx(1 / (1 / 4 + 1))
    state = {"belief_mean": np.zeros(2), "belief_cov": np.eye(2), "noise_cov": np.diag([1.0, 3.0])}
    changes, _ = GaussianInference().infer(
        {"task_state": {"y": np.array([2.0, 4.0])}}, state, Stream(0)
    )
    np.testing.assert_allclose(changes["belief_mean"], [1.0, 1.0])
    np.testing.assert_allclose(changes["belief_cov"], np.diag([0.5, 0.75]))


def test_a_filter_that_forgets_nothing_is_refused() -> None:
    with pytest.raises(UnstableGainError, match="filter gain"):
        SteadyKalman(np.eye(1), np.eye(1), np.eye(1), np.zeros((1, 1)), 0.1)


class Count(InferenceEngine):
    """Adds to a number of the agent's own state, whatever its role."""

    def __init__(self, by: int, reward: float) -> None:
        self.by, self.reward = by, reward

    def infer(self, observation: Any, state: Any, stream: Stream) -> Any:
        return {"n": int(state["n"]) + self.by}, self.reward


def test_cascaded_engines_hand_their_state_on() -> None:
    # B22: a cascade read the user's state even for assistants.
    assistant = Agent(
        "assistant",
        policy=ConstantPolicy(discrete_array_element(low=-1, high=1, init=0)),
        state=State(n=discrete_array_element(low=0, high=99, init=0)),
        inference=CascadedInference([Count(1, 0.5), Count(10, 0.25)]),
    )
    bundle = Bundle(Example(), assistant=assistant)
    bundle.reset()
    result = bundle.step()
    assert result.state["assistant_state"]["n"] == 11
    assert result.rewards["assistant_inference_reward"] == 0.75


def test_dual_engines_switch() -> None:
    engine = DualInference(Count(1, 0.0), Count(5, 0.0))
    assert engine.infer({}, {"n": 0}, Stream(0))[0] == {"n": 1}
    engine.mode = "dual"
    assert engine.infer({}, {"n": 0}, Stream(0))[0] == {"n": 5}


def test_a_buffer_says_when_it_is_not_full() -> None:
    buffer = Buffer(2)
    buffer.push({"a": 1})
    with pytest.raises(BufferNotFilledError, match="1 of the 2"):
        buffer.full()
    buffer.push({"a": 2})
    buffer.push({"a": 3})
    assert buffer.full() == ({"a": 2}, {"a": 3})
