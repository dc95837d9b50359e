"""Information gain and goal inference, against closed forms and the tables of the seed system."""

# ruff: noqa: ANN401 -- fixtures and cases are of any type

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from taskloom_hci.accelerated.pointing import careful_split, model_table
from taskloom_hci.errors import HciError, LikelihoodError, ZeroEvidenceError
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.inference.goal import uniform_beliefs, update_beliefs
from taskloom_hci.inference.information import careful_gain, information_gain, pick
from taskloom_hci.models.model import (
    UserModel,
    action_index,
    choose,
    probabilities,
    require_distribution,
    safe_log,
    score,
)
from taskloom_hci.models.pointing import BoltzmannModel, CarefulModel

TABLES = ("uniform_eps0.05", "uniform_eps0", "skewed_eps0.05", "uniform8_eps0.05_grid31")


@pytest.mark.parametrize("name", TABLES)
def test_information_gain_follows_the_table(cases: Any, name: str) -> None:
    case = cases("information_gain")[name]
    task = Pointing((case["grid"],), len(case["targets"]), "position")
    table = model_table(task, CarefulModel(case["eps"]))
    belief, targets = np.array([case["beliefs"]]), np.array([case["targets"]])
    generic = information_gain(belief, table[:, targets[0]])[0]
    special = careful_gain(
        belief, targets, case["grid"], careful_split(CarefulModel(case["eps"])) or (0, 0)
    )[0]
    np.testing.assert_allclose(generic, case["IG_by_position"], atol=1e-12, rtol=0)
    np.testing.assert_allclose(special, case["IG_by_position"], atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", [*TABLES, "above_threshold"])
def test_the_assistant_chooses_the_cell_of_the_table(
    cases: Any, make_pointing: Any, name: str
) -> None:
    case = cases("information_gain")[name]
    bundle = make_pointing(
        (case["grid"],), len(case["targets"]), model=CarefulModel(case["eps"]), tie="highest"
    )
    free = next(cell for cell in range(case["grid"]) if cell not in case["targets"])
    bundle.reset(
        forced={
            "task_state": {"targets": case["targets"], "position": free},
            "assistant_state": {"log_beliefs": safe_log(case["beliefs"])},
        },
    )
    bundle.assistant.observe()
    assert bundle.assistant.take_action()[0] == case["best"]


def test_hypotheses_do_not_share_one_state(cases: Any, make_pointing: Any) -> None:
    # B3: an assistant that saw the user's state compared a hypothesis with itself, and every gain was about 0.
    from taskloom_hci.observation.engine import ORACLE, RuleObservation

    case = cases("information_gain")["uniform_eps0.05"]
    bundle = make_pointing((10,), 4, model=CarefulModel(0.05))
    bundle.assistant.observation_engine = RuleObservation(ORACLE)
    bundle.reset(forced={"task_state": {"targets": case["targets"], "position": 0}})
    bundle.assistant.observe()
    gain = bundle.assistant.explain()["information"]
    np.testing.assert_allclose(gain, case["IG_by_position"], atol=1e-12, rtol=0)


def test_ties_have_a_rule() -> None:
    gain = np.array([[0.0, 1.0, 0.5, 1.0 - 1e-13, 1.0]])
    assert pick(gain, np.array([[2.0, 1.0, 0.0, 1.0, 2.0]]), "nearest") == [1]
    assert pick(gain, np.array([[2.0, 1.0, 0.0, 0.5, 2.0]]), "nearest") == [3]
    assert pick(gain, np.zeros((1, 5)), "highest") == [4]


def test_a_costed_jump_stays_closer(make_pointing: Any) -> None:
    def mean_jump(cost: float) -> float:
        from taskloom_hci.batch.play import play

        bundle = make_pointing(cost=cost)
        rounds = play(bundle, 2000, "numpy").rounds
        moved = np.abs(rounds["assistant_action"] - rounds["task_state__position"])
        return float(moved.mean())

    assert mean_jump(0.05) < mean_jump(0.0)


def test_the_careful_user_errs_at_its_rate() -> None:
    # B1: the error rate was swallowed, and the user never erred.
    p = probabilities(
        CarefulModel(0.3), {"position": np.array([2, 5, 5])}, {"goal": np.array([5, 5, 0])}
    )
    np.testing.assert_allclose(p, [[0.3, 0, 0.7], [0, 1, 0], [0.7, 0, 0.3]], atol=1e-15)


def test_the_careful_user_shares_its_moves_in_two_dimensions() -> None:
    seen, goal = (
        {"position": np.array([[1, 1], [1, 1], [3, 3]])},
        {"goal": np.array([[3, 3], [1, 4], [3, 3]])},
    )
    p = probabilities(CarefulModel(0.01, 2), seen, goal)
    # None, up, left, down, right; y counts from the top.
    expected = [
        [0, 0.005, 0.005, 0.495, 0.495],
        [0, 0.01 / 3, 0.01 / 3, 0.99, 0.01 / 3],
        [1, 0, 0, 0, 0],
    ]
    np.testing.assert_allclose(p, expected, atol=1e-15)


def test_the_boltzmann_user_follows_its_formula() -> None:
    p = probabilities(BoltzmannModel(2.0), {"position": np.array(4)}, {"goal": np.array(6)})
    weights = np.exp(-2.0 * np.array([3, 2, 1]))
    np.testing.assert_allclose(p, weights / weights.sum(), rtol=1e-14)


def test_one_model_scores_what_it_draws() -> None:
    model = CarefulModel(0.2)
    seen, theta = {"position": np.arange(10)}, {"goal": np.full(10, 4)}
    p = probabilities(model, seen, theta)
    drawn = choose(p, np.linspace(0, 0.999, 10))
    assert (np.take_along_axis(p, drawn[:, None], 1) > 0).all()
    np.testing.assert_allclose(
        np.exp(score(model, seen, theta, drawn)), np.take_along_axis(p, drawn[:, None], 1)[:, 0]
    )


def test_draws_follow_the_probabilities() -> None:
    u = (np.arange(100_000) + 0.5) / 100_000
    drawn = choose(np.broadcast_to([0.2, 0.0, 0.5, 0.3], (100_000, 4)), u)
    np.testing.assert_allclose(
        np.bincount(drawn, minlength=4) / 100_000, [0.2, 0, 0.5, 0.3], atol=1e-5
    )


def test_bad_likelihoods_are_refused() -> None:
    class Bad(UserModel):
        actions = np.arange(2)
        hidden = ()

        def log_prob(self, observation: Any, theta: Any) -> Any:
            return np.log([0.5, 0.4])

    with pytest.raises(LikelihoodError, match=r"Bad must sum to 1; these sum to 0\.9"):
        probabilities(Bad(), {}, {})
    with pytest.raises(LikelihoodError):
        require_distribution(np.array([np.nan, 1.0]), "a table")
    with pytest.raises(HciError, match="no action 7"):
        action_index(CarefulModel(), 7)
    with pytest.raises(HciError, match="error rate"):
        CarefulModel(1.5)


def test_zero_evidence_is_defined() -> None:
    beliefs = uniform_beliefs(2, 4)
    likelihood = safe_log([[0, 0, 0, 0], [0.5, 0, 0, 0]])
    with pytest.raises(ZeroEvidenceError, match="rules out"):
        update_beliefs(beliefs, likelihood)
    after, evidence = update_beliefs(beliefs, likelihood, "uniform")
    np.testing.assert_allclose(np.exp(after), [[0.25] * 4, [1.0, 0.0, 0.0, 0.0]], atol=1e-15)
    np.testing.assert_allclose(evidence, [-np.inf, np.log(0.125)])


def test_a_hypothesis_that_no_probability_could_hold_comes_back() -> None:
    # Nothing is lost below 1e-308: every way of updating keeps what it would have rounded to zero, and agrees.
    from taskloom_hci.inference.goal import update_beliefs_in_place

    for_it, against = safe_log([[0.9, 1e-9]]), safe_log([[1e-9, 0.9]])
    one, other = uniform_beliefs(1, 2), uniform_beliefs(1, 2)
    for likelihood in [for_it] * 60 + [against] * 60:
        one, _ = update_beliefs(one, likelihood)
        update_beliefs_in_place(other, likelihood)
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(np.exp(one), [[0.5, 0.5]], rtol=1e-11)
    # All that is left of the likelihood is far below the smallest number: the evidence is tiny and not zero.
    after, evidence = update_beliefs(uniform_beliefs(1, 2), np.array([[-5000.0, -5001.0]]))
    odds = 1.0 / (1.0 + np.exp(-1.0))
    np.testing.assert_allclose(np.exp(after), [[odds, 1.0 - odds]], rtol=1e-12)
    np.testing.assert_allclose(evidence, -5000.0 + np.log(0.5 / odds), rtol=1e-14)


def test_a_grid_too_large_for_a_table_is_one_sentence() -> None:
    task = Pointing((100, 100), 4, "position")
    with pytest.raises(HciError, match=r"10000 cells needs a table of 500000000"):
        model_table(task, CarefulModel(0.1, 2))


def test_an_impossible_action_stops_the_assistant_unless_it_may_start_again(
    make_pointing: Any,
) -> None:
    sure, careful = CarefulModel(0.0), CarefulModel(0.5)
    bundle = make_pointing(model=careful, **{"seed": 1})
    bundle.assistant.model, bundle.assistant._rule = sure, None

    def play_on() -> None:
        for episode in range(20):
            bundle.reset(episode=episode)
            while not bundle.over:
                bundle.step()

    with pytest.raises(ZeroEvidenceError):
        play_on()
    bundle.assistant.on_zero, bundle.assistant._rule = "uniform", None
    bundle.reset()
    while not bundle.over:
        bundle.step()


def test_a_general_policy_chooses_what_the_pointing_assistant_chooses() -> None:
    from taskloom_hci.inference.exact import ExactInference, hypotheses
    from taskloom_hci.policies.information import InformationGain
    from taskloom_hci.state.elements import discrete_array_element
    from taskloom_hci.state.streams import Stream

    targets = np.array([2, 5, 9, 13, 17, 20, 24, 29])
    inference = ExactInference(CarefulModel(0.05), hypotheses(goal=targets))
    policy = InformationGain(
        discrete_array_element(31),
        np.arange(31),
        inference,
        lambda seen, cells: {"position": cells[:, None]},
        cost=lambda seen, cells: 1e-6 * np.abs(cells - seen["task_state"]["position"]),
    )
    belief = np.array([[0.3, 0.05, 0.15, 0.1, 0.1, 0.1, 0.1, 0.1]])
    seen, state = {"task_state": {"position": 11}}, {"log_beliefs": np.log(belief[0])}
    special = careful_gain(belief, targets[None], 31, careful_split(CarefulModel(0.05)) or (0, 0))[
        0
    ]
    np.testing.assert_allclose(
        policy.gain(seen, state), special - 1e-6 * np.abs(np.arange(31) - 11), atol=1e-12
    )
    assert policy.act(seen, state, Stream(0))[0] == np.argmax(policy.gain(seen, state))


def test_questions_can_be_of_any_shape() -> None:
    from taskloom_hci.inference.exact import ExactInference, hypotheses
    from taskloom_hci.policies.information import InformationGain
    from taskloom_hci.state.elements import discrete_array_element
    from taskloom_hci.state.streams import Stream

    class Reader(UserModel):
        """Says whether the item it looks for is on the menu it is shown."""

        actions, hidden = np.arange(2), ("goal",)

        def log_prob(self, observation: Any, theta: Any) -> Any:
            shown = np.take_along_axis(
                np.broadcast_to(
                    observation["menu"], (len(observation["menu"]), len(theta["goal"]), 4)
                ),
                np.broadcast_to(
                    theta["goal"][:, None], (len(observation["menu"]), len(theta["goal"]), 1)
                ),
                axis=-1,
            )[..., 0]
            return np.log(np.stack([np.where(shown, 0.1, 0.9), np.where(shown, 0.9, 0.1)], axis=-1))

    menus = np.array(np.meshgrid(*[[0, 1]] * 4, indexing="ij")).reshape(4, -1).T
    policy = InformationGain(
        discrete_array_element(low=np.zeros(4, dtype=int), high=np.ones(4, dtype=int)),
        menus,
        ExactInference(Reader(), hypotheses(goal=np.arange(4))),
        lambda seen, candidates: {"menu": candidates[:, None, :]},
        fixed=True,
    )
    chosen = policy.act({}, {"log_beliefs": np.log([0.4, 0.3, 0.2, 0.1])}, Stream(0))[0]
    # The best question halves the belief: {0, 3} against {1, 2}, or the other way round.
    assert sorted(chosen.tolist()) == [0, 0, 1, 1]
    assert chosen[0] == chosen[3]


def test_beliefs_in_place_are_the_beliefs() -> None:
    from taskloom_hci.inference.goal import update_beliefs_in_place

    rng = np.random.default_rng(0)
    beliefs, likelihood = rng.dirichlet(np.ones(37), size=11), rng.random((11, 37))
    joint = beliefs * likelihood
    log_beliefs, log_likelihood = np.log(beliefs), np.log(likelihood)
    log_likelihood[5] -= 900.0  # a row whose terms all underflow
    expected, evidence = update_beliefs(log_beliefs, log_likelihood)
    np.testing.assert_allclose(np.exp(expected), joint / joint.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(
        evidence, np.log(joint.sum(axis=1)) - 900.0 * (np.arange(11) == 5), rtol=1e-13
    )
    found = update_beliefs_in_place(copied := log_beliefs.copy(), log_likelihood)
    np.testing.assert_array_equal(copied, expected)
    np.testing.assert_array_equal(found, evidence)
    log_likelihood[3] = -np.inf
    with pytest.raises(ZeroEvidenceError):
        update_beliefs_in_place(before := log_beliefs.copy(), log_likelihood)
    np.testing.assert_array_equal(before, log_beliefs)
    update_beliefs_in_place(before, log_likelihood, "uniform")
    np.testing.assert_array_equal(before, update_beliefs(log_beliefs, log_likelihood, "uniform")[0])
    np.testing.assert_allclose(np.exp(before[3]), np.full(37, 1 / 37), rtol=1e-15)
