"""judo 0.1.0's own files with their import lines rewritten, as installed for tests; nothing of judo is imported."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import mujoco
import numpy as np
import pytest
from taskloom.bound import bind
from taskloom.registry import LoadedTask, TaskEntry, TaskRef, find_domain
from taskloom.registry.factory import as_factory
from taskloom.testing import MemoryContext
from taskloom_control.compat import judo as ours
from taskloom_control.compat.judo.config import overrides_of, run_config
from taskloom_control.errors import ControlError, ModelError
from taskloom_control.task import Array
from taskloom_control.tasks.cartpole import Cartpole, CartpoleConfig
from taskloom_control.tasks.cylinder_push import CylinderPush, CylinderPushConfig

IMPORT = re.compile(r"^from judo[\w.]* import", re.MULTILINE)


def rewritten(name: str) -> ModuleType:
    """Return a file of judo's tasks as a module, after its import lines were changed."""
    if sys.version_info[:2] != (3, 11):
        pytest.skip("judo-rai 0.1.0 has a wheel for Python 3.11 only")
    found = importlib.util.find_spec("judo")
    assert found is not None, "judo-rai is installed for tests, see the Makefile"
    assert found.submodule_search_locations is not None
    path = Path(next(iter(found.submodule_search_locations))) / "tasks" / f"{name}.py"
    source, count = IMPORT.subn("from taskloom_control.compat.judo import", path.read_text())
    assert 3 <= count <= 5
    module = ModuleType(f"rewritten_{name}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    exec(compile(source, str(path), "exec"), vars(module))
    return module


def states_of(task: Array, count: int = 1000, steps: int = 4) -> tuple[np.ndarray, ...]:
    """Return random states, sensors and controls of a task."""
    rng, model = np.random.default_rng(0), task.model
    states = rng.normal(size=(count, steps, model.nq + model.nv))
    sensors = rng.normal(size=(count, steps, model.nsensordata))
    return states, sensors, rng.normal(size=(count, steps, model.nu))


@pytest.mark.parametrize(
    ("name", "judo", "mine", "config"),
    [
        ("cartpole", "Cartpole", Cartpole, CartpoleConfig),
        ("cylinder_push", "CylinderPush", CylinderPush, CylinderPushConfig),
    ],
)
def test_reward_of_the_file_is_ours(name: str, judo: str, mine: Array, config: Array) -> None:
    task = getattr(rewritten(name), judo)()
    states, sensors, controls = states_of(task)
    expected = mine(config()).reward(states, sensors, controls, config())
    np.testing.assert_allclose(task.reward(states, sensors, controls), expected, rtol=1e-12)
    with_config = task.reward(states, sensors, controls, task.run_config()(), {})
    np.testing.assert_allclose(with_config, expected, rtol=1e-12)
    joint = task.model.joint(0).name
    assert task.get_joint_position_start_index(joint) == 0
    assert task.get_joint_velocity_start_index(joint) == task.model.nq


def test_the_file_runs_in_a_closed_loop_and_repeats(tmp_path: Path) -> None:
    """judo's reset draws from NumPy's global generator; the run's seed decides, and the global state stays as it was."""
    made = rewritten("cylinder_push").CylinderPush
    domain = find_domain("control").ref
    entry = TaskEntry("control", TaskRef("push", "Push.", ""), "")
    loaded = LoadedTask(entry, *as_factory(made, "the task", domain), domain)
    config = loaded.config_class.model_validate(
        {"seconds": 0.2, "hold": 0.1, "goal_pos": [0.5, 0.0], "record": {"animation": False}}
    )
    costs = []
    for number in range(2):
        np.random.seed(number)
        before = np.random.get_state()[1].copy()  # type: ignore[index]  # the legacy tuple
        result = bind(loaded, config).run(MemoryContext(tmp_path / str(number)))
        np.testing.assert_array_equal(np.random.get_state()[1], before)  # type: ignore[index]  # likewise
        costs.append(result.metrics["cost"])
    assert costs[0] == costs[1]


def test_a_file_that_needs_judos_meshes_says_where_to_put_them() -> None:
    module = rewritten("leap_cube")
    assert run_config(module.LeapCubeConfig)().w_rot == 0.1  # type: ignore[attr-defined]  # a field of judo's
    with pytest.raises(ModelError, match=r"which judo downloads.*\$TASKLOOM_JUDO_MODELS"):
        module.LeapCube()


def test_number_of_parameters_tells_the_generation() -> None:
    with pytest.raises(
        ControlError, match=r"reward\(\) of Odd has 2 parameters; judo's has 4 .* or 5"
    ):

        class Odd(ours.Task[ours.TaskConfig]):
            def reward(self, states: Array, sensors: Array) -> Array:  # type: ignore[override]  # on purpose
                return states


def test_overrides_are_defaults_of_one_task_and_unknown_fields_are_errors() -> None:
    config = rewritten("cylinder_push").CylinderPushConfig
    ours.set_config_overrides("mine", config, {"w_cart_position": 0.5})
    assert run_config(config, "mine")().w_cart_position == 0.5  # type: ignore[attr-defined]  # a field of judo's
    assert run_config(config)().w_cart_position == 0.1  # type: ignore[attr-defined]  # likewise
    assert overrides_of(config, "other") == {}
    with pytest.raises(ControlError, match=r"no field 'w_cart'.*did you mean 'w_cart_position'"):
        ours.set_config_overrides("mine", config, {"w_cart": 0.5})


def test_quaternions_agree_with_mujoco() -> None:
    u, v = np.random.default_rng(0).normal(size=(2, 50, 4))
    u, v = (q / np.linalg.norm(q, axis=1, keepdims=True) for q in (u, v))
    for a, b in zip(u, v, strict=True):
        product, turn = np.zeros(4), np.zeros(3)
        mujoco.mju_mulQuat(product, a, b)
        np.testing.assert_allclose(ours.quat_mul(a, b), product, atol=1e-12)
        mujoco.mju_quat2Vel(turn, ours.quat_diff(a, b), 1.0)
        np.testing.assert_allclose(ours.quat_diff_so3(a, b), turn, atol=1e-9)
