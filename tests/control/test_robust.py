"""Plans that hold for several models: measures of risk, drawn models, one batch for all, and plants that no plan is told of."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays
from taskloom.bound import BoundTask
from taskloom.cli import main
from taskloom.errors import ConfigError
from taskloom.opening import open_task
from taskloom.testing import MemoryContext
from taskloom_control.bench.effort import steps_of_a_candidate, with_budget
from taskloom_control.bench.episodes import play
from taskloom_control.bench.plants import on_drawn_plants
from taskloom_control.bench.variants import for_seed
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.engines.threads_mujoco import ThreadedEngine
from taskloom_control.errors import ModelError
from taskloom_control.mjcf.compiling import model_digest
from taskloom_control.mjcf.physics import Snapshot, take_snapshot
from taskloom_control.planning.controller import Controller
from taskloom_control.planning.models import PlanningModels, drawn_model
from taskloom_control.planning.risk import RiskName, risk_of
from taskloom_control.tasks.cartpole import Cartpole, CartpoleConfig
from taskloom_control.tasks.quadruped_stand import QuadrupedStand, QuadrupedStandConfig

QUIET = {"animation": False, "fan_every": 0}
RISKS: tuple[RiskName, ...] = ("mean", "worst", "var", "cvar", "entropic", "mean_std")


def column(*costs: float) -> np.ndarray:
    return np.array(costs, dtype=float)[:, None]


TEN = column(*range(1, 11))


@pytest.mark.parametrize(
    ("costs", "risk", "alpha", "theta", "value"),
    [
        (TEN, "mean", 0.7, 1.0, 5.5),
        (TEN, "worst", 0.7, 1.0, 10.0),
        (TEN, "var", 0.8, 1.0, 8.0),
        (TEN, "cvar", 0.8, 1.0, 9.5),
        (column(1, 2, 3, 4, 5), "cvar", 0.7, 1.0, 4.666666666667),
        (TEN, "entropic", 0.7, 0.5, 7.246812574247),
        (TEN, "entropic", 0.7, -0.5, 3.753187425753),
        (TEN, "entropic", 0.7, 0.0, 5.5),
        (TEN, "mean_std", 0.7, 1.0, 8.372281323269),
        # .55 * 20 is 11.000000000000002 in floating point.
        (column(*range(1, 21)), "var", 0.55, 1.0, 11.0),
        # Exponents that overflow one by one.
        (1000.0 * TEN, "entropic", 0.7, 1.0, 10000.0 - np.log(10.0)),
    ],
)
def test_risks_have_the_reference_values(
    costs: np.ndarray, risk: RiskName, alpha: float, theta: float, value: float
) -> None:
    np.testing.assert_allclose(risk_of(costs, risk, alpha, theta), [value], rtol=1e-12)


COSTS = arrays(
    float,
    st.tuples(st.integers(1, 9), st.integers(1, 4)),
    elements=st.floats(-50, 50).map(lambda value: round(value, 6)),
)


@given(costs=COSTS, alpha=st.floats(0, 0.99), shift=st.floats(-20, 20), data=st.data())
def test_risks_have_the_properties_of_risks(
    costs: np.ndarray, alpha: float, shift: float, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(costs))))
    more = costs + data.draw(arrays(float, costs.shape, elements=st.floats(0, 9)))
    for risk in RISKS:
        value = risk_of(costs, risk, alpha, 0.5)
        # A constant adds itself, the order of the models says nothing, and one candidate knows nothing of the others.
        np.testing.assert_allclose(
            risk_of(costs + shift, risk, alpha, 0.5), value + shift, atol=1e-9
        )
        np.testing.assert_allclose(risk_of(costs[order], risk, alpha, 0.5), value, atol=1e-9)
        np.testing.assert_array_equal(risk_of(costs[:, :1], risk, alpha, 0.5), value[:1])
        # Mean and deviations together are not monotone, which is why `cvar` is the default.
        if risk != "mean_std":
            assert (risk_of(more, risk, alpha, 0.5) >= value - 1e-9).all()
    ordered = [risk_of(costs, name, alpha) for name in ("var", "cvar", "worst")]
    assert (ordered[0] <= ordered[1] + 1e-9).all()
    assert (ordered[1] <= ordered[2] + 1e-9).all()
    np.testing.assert_allclose(risk_of(costs, "cvar", 0.0), costs.mean(axis=0), atol=1e-9)
    almost_one = 1 - 0.5 / len(costs)
    np.testing.assert_allclose(risk_of(costs, "cvar", almost_one), costs.max(axis=0), atol=1e-6)


@given(costs=COSTS, alpha=st.floats(0, 0.95))
def test_conditional_value_at_risk_is_the_least_of_rockafellars_bounds(
    costs: np.ndarray, alpha: float
) -> None:
    tail = (1 - alpha) * len(costs)
    bounds = [level + np.maximum(costs - level, 0).sum(axis=0) / tail for level in costs]
    np.testing.assert_allclose(risk_of(costs, "cvar", alpha), np.min(bounds, axis=0), atol=1e-6)


@pytest.mark.parametrize("risk", RISKS)
@pytest.mark.parametrize("theta", [1.0, -1.0])
def test_a_candidate_that_diverges_under_one_model_is_the_worst(
    risk: RiskName, theta: float
) -> None:
    costs = np.array([[1.0, 1.0, np.inf], [2.0, np.inf, np.inf], [3.0, 3.0, np.inf]])
    found = risk_of(costs, risk, 0.3, theta)
    hopes = risk == "entropic" and theta < 0
    assert np.isfinite(found).tolist() == [True, hopes, False]


def cartpole(**changes: object) -> CartpoleConfig:
    return CartpoleConfig.model_validate({"seconds": 1.0, "record": QUIET, **changes})


def plan_rewards(config: CartpoleConfig, plans: int = 8) -> list[float]:
    simulation = Simulation(Cartpole(config), config)
    controller = Controller(Cartpole(config), config, 0)
    simulation.reset(np.random.default_rng(0))
    found = []
    for _ in range(plans):
        plan, stats = controller.plan(simulation.snapshot(), {})
        found.append(stats.reward)
        simulation.step(plan(simulation.time))
    controller.close()
    return found


def test_nothing_changes_at_level_0() -> None:
    for name in ("cartpole", "quadruped_stand", "hand_cube", "arm_pick", "hopper"):
        task = open_task(f"control/{name}").task
        for simulated, model in ((False, task.model), (True, task.sim_model)):
            same = drawn_model(task, np.random.default_rng(0), 0.0, simulated=simulated)
            assert model_digest(same) == model_digest(model), name
    # Nor does a plan, to the bit, when the planning model is all that the others are.
    plain = plan_rewards(cartpole())
    for engine, (judged, risk) in itertools.product(
        ("threads", "serial"), zip((1.0, 0.2, 0.1, 0.5), RISKS[:4], strict=True)
    ):
        robust = {"level": 0.0, "budget": "times_models", "models": 3, "risk": risk}
        robust["judged"] = judged
        # The mean of three equal numbers may be another one in its last bit.
        assert plan_rewards(cartpole(robust=robust, engine={"kind": engine})) == pytest.approx(
            plain, rel=1e-14
        )


def test_masses_friction_damping_and_gains_are_drawn_and_nothing_else() -> None:
    task = QuadrupedStand(QuadrupedStandConfig())
    made = drawn_model(task, np.random.default_rng(3), 1.0, simulated=False)
    factors = made.body_mass[1:] / task.model.body_mass[1:]
    assert len(set(factors.round(9))) == len(factors)
    np.testing.assert_allclose(
        made.body_inertia[1:] / task.model.body_inertia[1:], np.tile(factors[:, None], 3)
    )
    np.testing.assert_array_equal(made.body_pos, task.model.body_pos)
    np.testing.assert_allclose(made.body_ipos, task.model.body_ipos, atol=1e-12)
    moving = task.model.dof_damping > 0
    assert (made.dof_damping[moving] != task.model.dof_damping[moving]).all()
    ratios = made.geom_friction / task.model.geom_friction
    np.testing.assert_allclose(ratios, np.tile(ratios[:, :1], 3))
    assert (ratios != 1).all()
    # A servo settles where it did: gain and position bias change together.
    np.testing.assert_array_equal(made.actuator_gainprm[:, 0], -made.actuator_biasprm[:, 1])
    assert (made.actuator_gainprm[:, 0] != task.model.actuator_gainprm[:, 0]).all()
    # Levels share what is drawn: twice the level is the square of every factor.
    twice = drawn_model(task, np.random.default_rng(3), 2.0, simulated=False)
    np.testing.assert_allclose(twice.body_mass[1:] / task.model.body_mass[1:], factors**2)
    logs = [
        np.log(
            drawn_model(
                Cartpole(cartpole()), np.random.default_rng(i), 1.0, simulated=False
            ).body_mass[1:]
            / Cartpole(cartpole()).model.body_mass[1:]
        )
        for i in range(60)
    ]
    # 120 numbers of deviation .2: its estimate lies within four of its own errors.
    assert abs(np.std(logs) - 0.2) < 4 * 0.2 / np.sqrt(2 * np.size(logs))


def test_one_batch_of_several_models_is_each_model_alone() -> None:
    task = Cartpole(cartpole())
    models = [task.model] + [
        drawn_model(task, np.random.default_rng(i), 1.0, simulated=False) for i in range(3)
    ]
    data = mujoco.MjData(task.model)
    data.qpos[:] = (1.0, 3.0)
    starts = [take_snapshot(task.model, data)]
    for shift in (0.1, 0.2, 0.3):
        data.qpos[1] = 3.0 + shift
        starts.append(take_snapshot(task.model, data))
    controls = np.random.default_rng(0).uniform(-1, 1, (5, 30, 1))
    engine = ThreadedEngine(task.model, 3)
    engine.take_models(models)
    together = engine.rollout_each(starts, np.tile(controls, (4, 1, 1)))
    for i, (model, start) in enumerate(zip(models, starts, strict=True)):
        alone = ThreadedEngine(model, None)
        own = alone.rollout(start, controls)
        rows = slice(5 * i, 5 * i + 5)
        np.testing.assert_array_equal(together.states[rows], own.states)
        np.testing.assert_array_equal(together.sensors[rows], own.sensors)
        alone.close()
    # The planning model is rolled out alone as before, and several again after that.
    again = ThreadedEngine(task.model, None).rollout(starts[0], controls)
    np.testing.assert_array_equal(engine.rollout(starts[0], controls).states, again.states)
    engine.close()


def test_rollouts_begin_around_the_state_and_quaternions_stay_rotations() -> None:
    config = QuadrupedStandConfig.model_validate(
        {"robust": {"models": 5, "judged": 1, "state_noise": {"root": 0.1}}}
    )
    task = QuadrupedStand(config)
    assert config.robust is not None
    data = mujoco.MjData(task.model)
    snapshot = take_snapshot(task.model, data)
    made = PlanningModels(task, config.robust, 7)
    starts = made.starts(snapshot)
    assert starts[0] is snapshot
    for start in starts[1:]:
        assert np.linalg.norm(start.qpos[3:7]) == pytest.approx(1)
        assert (start.qpos[:7] != snapshot.qpos[:7]).all()
        np.testing.assert_array_equal(start.qpos[7:], snapshot.qpos[7:])
        np.testing.assert_array_equal(start.qvel, snapshot.qvel)
        mujoco.mj_setState(task.model, data, start.integration, mujoco.mjtState.mjSTATE_INTEGRATION)
        np.testing.assert_array_equal(data.qpos, start.qpos)
    again: list[Snapshot] = PlanningModels(task, config.robust, 7).starts(snapshot)
    np.testing.assert_array_equal(again[3].qpos, starts[3].qpos)


@pytest.mark.parametrize("judged", [1.0, 0.2])
def test_a_stopped_robust_run_goes_on_to_the_same_bits(tmp_path: Path, judged: float) -> None:
    values = {
        "seconds": 0.5,
        "record": QUIET,
        "baseline": False,
        "robust": {
            "models": 4,
            "judged": judged,
            "resample_every": 3,
            "state_noise": {"hinge": 0.02},
        },
    }
    task = open_task("control/cartpole", values)
    whole = task.run(MemoryContext(tmp_path / "whole"))
    stopped = MemoryContext(tmp_path / "stopped", stop_after=5)
    task.run(stopped)
    assert stopped.latest_checkpoint is not None
    again = task.run(MemoryContext(tmp_path / "again"), stopped.latest_checkpoint)
    digests = [json.loads(made.artifacts["hash"].read_text())["sha256"] for made in (whole, again)]
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"optimizer": "ilqr"}, "choose a sampling optimizer"),
        ({"engine": "mjx"}, "choose engine 'threads' or 'serial'"),
        ({"robust": {"models": 64}}, "raise optimizer.num_rollouts"),
        ({"robust": {"judged": 0}}, "judged"),
        ({"robust": {"alpha": 1.0}}, "alpha"),
        ({"robust": {"risk": "cva"}}, "cvar"),
    ],
)
def test_what_cannot_be_planned_for_several_models_is_refused(
    changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        open_task("control/cartpole", {"robust": {"models": 2}, **changes})


class Growing(Cartpole):
    """A task whose randomization adds a body, or spoils one."""

    spoils = False

    def randomize(self, spec: mujoco.MjSpec, rng: np.random.Generator, level: float) -> None:
        if self.spoils:
            spec.bodies[1].add_geom(size=[-1.0, 0, 0])
            return
        spec.worldbody.add_body().add_joint(type=mujoco.mjtJoint.mjJNT_HINGE)
        spec.bodies[-1].add_geom(size=[0.1, 0, 0])


def test_models_of_another_layout_or_none_are_refused() -> None:
    config = cartpole(robust={})
    with pytest.raises(ModelError, match="changes the layout of the model: 3 positions"):
        Controller(Growing(config), config, 0)
    spoiled = Growing(config)
    spoiled.spoils = True
    with pytest.raises(ModelError, match=r"Growing.randomize drew at level 1 .* does not compile"):
        Controller(spoiled, config, 0)
    config = cartpole(robust={"state_noise": {"hinges": 0.1}})
    with pytest.raises(ModelError, match="no joint called 'hinges'; did you mean"):
        Controller(Cartpole(config), config, 0)


def mass(**values: object) -> BoundTask[Any, Any]:
    return open_task("control/double_integrator", {"seconds": 1.0, "record": QUIET, **values})


def test_effort_counts_every_model() -> None:
    rate = steps_of_a_candidate(mass()) * mass().config.optimizer.num_rollouts
    assert play(mass(robust={"models": 4, "judged": 1}), "", 0).physics == pytest.approx(rate)
    costly = mass(robust={"models": 4, "judged": 1, "budget": "times_models"})
    assert play(costly, "", 0).physics == pytest.approx(4 * rate)
    count = mass().config.optimizer.num_rollouts
    some = mass(robust={"models": 4, "judged": 0.2, "budget": "times_models"})
    assert play(some, "", 0).physics == pytest.approx(steps_of_a_candidate(some) * count)
    fitted = with_budget(some, rate)
    assert count / 1.7 < fitted.config.model_dump()["optimizer"]["num_rollouts"] <= count / 1.6
    assert 0.98 * rate <= play(fitted, "", 0).physics <= rate
    quarter = with_budget(costly, rate).config.model_dump()["optimizer"]["num_rollouts"]
    assert quarter == mass().config.optimizer.num_rollouts / 4


def test_a_seed_draws_a_plant_that_no_plan_is_told_of() -> None:
    plants = [for_seed(on_drawn_plants(mass(), 1.0), seed) for seed in (0, 0, 1)]
    assert {model_digest(plant.task.model) for plant in plants} == {model_digest(mass().task.model)}
    digests = [model_digest(plant.copy().sim_model) for plant in plants]
    assert digests[0] == digests[1]
    assert len({*digests, model_digest(mass().task.sim_model)}) == 3
    # At level 0 the plant is the task's own, and so is the episode.
    same, own = play(on_drawn_plants(mass(), 0.0), "", 4), play(mass(), "", 4)
    assert same.cost == own.cost != play(on_drawn_plants(mass(), 1.0), "", 4).cost


def test_bench_compares_settings_on_the_same_plants(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "robust.toml").write_text("[robust]\nmodels = 4\n")
    words = ("control", "bench", "double_integrator", "--plants=2", f"--ledger={tmp_path}")
    against = f"--against={tmp_path / 'robust.toml'}"
    assert main((*words, against, "--json")) == 0
    (made,) = json.loads(capsys.readouterr().out)
    assert [side["episodes"] for side in made["sides"]] == [2, 2]
    # The worst tenth of two is the worst of them.
    assert all(side["worst_decile"] >= side["cost"][0] for side in made["sides"])
    first = json.loads((tmp_path / "episodes.jsonl").read_text().splitlines()[0])
    assert main((*words, "--level=0", "--json")) == 0
    (level,) = json.loads(capsys.readouterr().out)
    assert level["sides"][0]["settings"] != first["settings"]
