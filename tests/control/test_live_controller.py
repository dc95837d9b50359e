"""A controller begins anew, takes estimates with parts missing, guards its clock, and changes its config between plans."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from pydantic import ValidationError
from taskloom import derive_seed
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.errors import ClockError, PlanError
from taskloom_control.optimizers.cem import CEM
from taskloom_control.optimizers.cma_es import CMAES
from taskloom_control.optimizers.icem import ICEM
from taskloom_control.optimizers.knots import Draw, KnotShape
from taskloom_control.optimizers.ladder import ladder, van_der_corput
from taskloom_control.optimizers.weights import (
    effective_sample_size,
    softmax_weights,
    temperature_for,
)
from taskloom_control.planning.controller import Controller
from taskloom_control.planning.estimate import Estimate
from taskloom_control.task import Array
from taskloom_control.tasks.cartpole import Cartpole, CartpoleConfig
from taskloom_control.tasks.quadruped_stand import QuadrupedStand, QuadrupedStandConfig

SMALL = {"kind": "cem", "num_rollouts": 8}


def config_of(**values: object) -> CartpoleConfig:
    return CartpoleConfig.model_validate(
        {"optimizer": SMALL, "engine": {"kind": "serial"}, **values}
    )


@pytest.fixture
def controller() -> Iterator[Controller]:
    """A controller of a cart-pole with few rollouts."""
    made = Controller(Cartpole(config_of()), config_of(), 3)
    yield made
    made.close()


def at(time: float, **values: object) -> Estimate:
    given_values: dict[str, Array] = {"qpos": np.array([0.1, 3.0]), "qvel": np.zeros(2), **values}
    return Estimate(time=time, **given_values)


@given(
    moves=st.lists(
        st.one_of(
            st.just("reset"),
            st.sampled_from([0.0, 0.04, 0.3, 5.0, 10.0, -0.02, -0.5]),
        ),
        max_size=8,
    )
)
@settings(max_examples=15, deadline=None)
def test_any_clock_gives_a_plan_or_a_sentence_and_a_reset_begins_anew(
    moves: list[str | float],
) -> None:
    controller, now, said = Controller(Cartpole(config_of()), config_of(), 3), 1.0, list[str]()
    for move in moves:
        if move == "reset":
            controller.reset(3)
            continue
        now = max(0.0, now + float(move))
        try:
            plan, _ = controller.plan(at(now))
            assert np.isfinite(plan(now)).all()
        except ClockError as error:
            said.append(error.message)
    assert all("call reset() to begin anew" in sentence for sentence in said)
    controller.reset(3)
    fresh = Controller(Cartpole(config_of()), config_of(), 3)
    np.testing.assert_array_equal(controller.plan(at(0.5))[0].curve, fresh.plan(at(0.5))[0].curve)
    controller.close()
    fresh.close()


def test_a_reset_without_a_seed_goes_on_to_the_next_derived_one(controller: Controller) -> None:
    controller.plan(at(0.0))
    controller.reset()
    fresh = Controller(Cartpole(config_of()), config_of(), derive_seed(3, "episode-1"))
    np.testing.assert_array_equal(controller.plan(at(0.0))[0].curve, fresh.plan(at(0.0))[0].curve)
    fresh.close()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"qpos": np.array([np.nan, 0.0])},
            r"qpos\[0\] \(joint '\w+'\) is nan; the last plan stays in force until",
        ),
        ({"qvel": np.zeros(5)}, r"qvel has 5 numbers; the model has nv = 2"),
        ({"qpos": {"sloder": 1.0}}, r"no joint called 'sloder'; did you mean"),
        ({"mocap": {"nothing": (np.zeros(3), np.zeros(4))}}, r"no body called 'nothing'"),
    ],
)
def test_a_bad_estimate_is_refused_and_the_plan_stays(
    controller: Controller, values: dict[str, object], sentence: str
) -> None:
    before, _ = controller.plan(at(0.0))
    with pytest.raises(PlanError, match=sentence):
        controller.plan(at(0.04, **values))
    assert controller.plan_now is before


def test_a_quaternion_is_normalized_and_none_is_refused() -> None:
    config = QuadrupedStandConfig.model_validate({"optimizer": SMALL, "engine": {"kind": "serial"}})
    controller = Controller(QuadrupedStand(config), config, 0)
    qpos = controller.task.model.qpos0.copy()
    qpos[3] = 1.0005
    controller.plan(Estimate(qpos, np.zeros(controller.task.model.nv), 0.0))
    assert controller.problem.snapshot.qpos[3] == 1.0
    qpos[3] = 2.0
    with pytest.raises(PlanError, match="has the norm 2; it must be 1"):
        controller.plan(Estimate(qpos, np.zeros(controller.task.model.nv), 0.04))
    with pytest.raises(PlanError, match=r"qvel has 6 numbers.*free joint: 6"):
        controller.plan(Estimate(controller.task.model.qpos0, np.zeros(6), 0.04))
    controller.close()


def test_a_whole_state_and_its_estimate_give_the_same_plan() -> None:
    config = config_of()
    simulation = Simulation(Cartpole(config), config)
    simulation.reset(np.random.default_rng(0))
    data, curves = simulation.data, []
    for state in (
        simulation.snapshot(),
        Estimate(data.qpos.copy(), data.qvel.copy(), 0.0),
        Estimate({"slide": data.qpos[0], "hinge": data.qpos[1]}, data.qvel.copy(), 0.0),
    ):
        controller = Controller(Cartpole(config), config, 0)
        curves.append(controller.plan(state)[0].curve)
        controller.close()
    for curve in curves[1:]:
        np.testing.assert_allclose(curve, curves[0], atol=1e-9)


def test_the_same_config_again_changes_no_bit(controller: Controller) -> None:
    other = Controller(Cartpole(config_of()), config_of(), 3)
    for made in (controller, other):
        made.plan(at(0.0))
    assert controller.exchange(config_of()) == type(controller.exchange(config_of()))()
    np.testing.assert_array_equal(controller.plan(at(0.04))[0].curve, other.plan(at(0.04))[0].curve)
    other.close()


def test_weights_sizes_and_optimizers_change_between_plans(controller: Controller) -> None:
    controller.plan(at(0.0))
    assert controller.exchange(config_of(w_vertical=3.0)).free == ("w_vertical",)
    controller.plan(at(0.04))
    assert controller.problem.config.w_vertical == 3.0  # type: ignore[attr-defined]  # the cart-pole's
    before = controller.plan_now
    assert before is not None
    longer = config_of(controller={"horizon": 2.0}, optimizer={**SMALL, "num_nodes": 9})
    assert controller.exchange(longer).reshaping == ("controller.horizon", "optimizer.num_nodes")
    plan, _ = controller.plan(at(0.08))
    assert (plan.grid.num_knots, plan.grid.horizon) == (9, 2.0)
    assert controller.search.arrays["sigma"].shape == (9, 1)  # type: ignore[union-attr]  # a sampler's state
    assert controller.exchange(config_of(optimizer={"kind": "ilqr"})).memory == ("optimizer.kind",)
    controller.plan(at(0.12))
    with pytest.raises(PlanError, match=r"'engine.kind' cannot change"):
        controller.exchange(config_of(engine={"kind": "threads"}))


def test_optimizers_refuse_what_they_would_ignore() -> None:
    for values in (
        {"optimizer": {"kind": "ilqr"}, "controller": {"spline": "cubic"}},
        {"optimizer": {"kind": "lqr"}, "controller": {"action_normalizer": "running"}},
        {"optimizer": {"kind": "shooting", "noise_ramp": 2.0}},
        {"optimizer": {"kind": "shooting", "finest": 0.5}},
    ):
        with pytest.raises(ValidationError, match="has no use for"):
            CartpoleConfig.model_validate(values)


def test_the_ladder_does_not_depend_on_the_number_of_candidates() -> None:
    assert [van_der_corput(i) for i in range(6)] == [0, 0.5, 0.25, 0.75, 0.125, 0.625]
    np.testing.assert_array_equal(ladder(32, 0.1)[:7], ladder(7, 0.1))
    assert ladder(8, 1.0).ravel().tolist() == [1.0] * 8


@pytest.mark.parametrize("kind", [CEM, ICEM, CMAES])
def test_a_ramp_never_compounds(kind: Array) -> None:
    """With the same normals and the same rewards the remembered spreads agree, whatever the ramp."""
    found = []
    for ramp in (0.0, 2.5):
        wide = {"sigma_max": 1e6} if kind is not ICEM else {}
        sampler = kind(
            num_rollouts=64, num_nodes=4, keep=0, noise_ramp=ramp, sigma_min=1e-6, **wide
        )
        state, free = sampler.init(KnotShape(4, 1)), np.full(1, np.inf)
        for number in range(4):
            rng = np.random.default_rng(number)
            knots = sampler.sample(state, Draw(rng, 1, 3, -free, free))
            sampler.update(state, knots, rng.normal(size=len(knots)))
        kept = state.arrays.get("sigma", state.arrays.get("variance"))
        found.append(np.array([*kept.ravel(), state.scalars.get("step", 0.0)]))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9)


@given(
    seed=st.integers(0, 1000),
    count=st.integers(1, 40),
    worse=st.floats(3.5, 300.0),
    target=st.floats(1.5, 9.0),
)
@settings(max_examples=40, deadline=None)
def test_one_candidates_badness_never_changes_the_others_weights(
    seed: int, count: int, worse: float, target: float
) -> None:
    rewards = -np.random.default_rng(seed).exponential(1.0, 12)
    temperature = temperature_for(rewards, target)
    weights = softmax_weights(rewards, temperature)
    assert effective_sample_size(weights) == pytest.approx(target, rel=0.01)
    far = rewards.min() - temperature * 10.0 ** np.linspace(3.5, worse, count)
    joined = np.concatenate([rewards, np.maximum(far, -1e300), [-np.inf]])
    found = softmax_weights(joined, temperature_for(joined, target))
    np.testing.assert_allclose(found[:12], weights, atol=1e-9)
    assert found[12:].max() < 1e-9


@pytest.mark.parametrize(
    ("gaps", "target", "temperature"),
    [(4, 2.0, 0.942262789257), (10, 5.0, 2.572305277779)],
)
def test_temperatures_are_those_of_the_formula(
    gaps: int, target: float, temperature: float
) -> None:
    assert temperature_for(-np.arange(float(gaps)), target) == pytest.approx(temperature, rel=3e-4)
    rewards = -np.append(np.arange(float(gaps)), 1e9)
    assert temperature_for(rewards, target) == pytest.approx(temperature, rel=3e-4)
