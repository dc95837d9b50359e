"""What is known to be wrong with judo, and has no better place: each test would fail on judo's behaviour.

B1 to B17 are the defects by number. B4 and B5 (plans that do not advance, or lose their spline), B6 (the running normalizer),
B7 (no number at the goal), B12 (slow motion) and B17 (noise in actuator units) are in `test_closed_loop.py`; B8, B10, B11 and
B14 (ranges, activations, mocap poses, threads) in `test_engines.py`; the compounding ramp and what a reset forgets in
`test_optimizers.py`; the knot that has no effect in `test_splines.py`.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import numpy as np
import pytest
from taskloom.opening import open_task
from taskloom.params import resolve
from taskloom.registry import find_task, load_task
from taskloom_control.closed_loop.loop import ClosedLoop
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.closed_loop.trajectory import trajectory_hash
from taskloom_control.domain import DOMAIN
from taskloom_control.task import Array
from taskloom_control.tasks.cartpole import Cartpole, CartpoleConfig

ROOT = Path(__file__).parents[2]
QUIET = {"fan_every": 0, "animation": False}


def short(**changes: object) -> CartpoleConfig:
    return CartpoleConfig.model_validate({"seconds": 0.4, "record": QUIET, **changes})


def test_b1_benchmark_plays_the_pair_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """judo's benchmark plays the same pair in every row of its table."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "control"))
    spec = importlib.util.spec_from_file_location(
        "control_bench", ROOT / "benchmarks/control/ours.py"
    )
    assert spec is not None
    assert spec.loader is not None
    ours = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(ours)
    rows = {}
    for task in ("cartpole", "cylinder_push"):
        for kind in ("ps", "cem"):
            made = ours.make(task, optimizer={"kind": kind})
            assert made.model.names.startswith(task.encode())
            assert made.config.optimizer.kind == kind
            played = ours.play(task, 0, seconds=0.4, optimizer={"kind": kind})
            rows[task, kind] = trajectory_hash(played[0])
    assert len(set(rows.values())) == 4


def test_b2_run_needs_no_terminal_and_leaves_no_process(tmp_path: Path) -> None:
    """judo's commands fail without a terminal, and their helpers stay alive."""
    command = "import sys; from taskloom.cli import main; sys.exit(main())"
    words = ["run", "control", "cartpole", "--seconds=0.2", "--record.animation=false", "--quiet"]
    started = subprocess.Popen(
        [sys.executable, "-c", command, *words],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    told, _ = started.communicate(timeout=300)
    assert started.returncode == 0, told
    with pytest.raises(ProcessLookupError):
        os.killpg(started.pid, 0)


def test_b3_every_task_is_built_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """judo asks the network whenever a task is made."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a task asked for the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for ref in DOMAIN.tasks:
        if ref.needs:
            continue
        opened = open_task(f"control/{ref.name}")
        Simulation(opened.task, opened.config).reset(np.random.default_rng(0))


def test_b9_run_depends_neither_on_the_clock_nor_on_global_randomness(
    play: Callable[..., ClosedLoop], monkeypatch: pytest.MonkeyPatch
) -> None:
    """judo draws from NumPy's global generator and writes wall-clock time into the state of its rollouts."""
    np.random.seed(1)
    before = np.random.get_state()[1].copy()  # type: ignore[index]  # the legacy tuple
    first = trajectory_hash(play(Cartpole(short())).arrays())
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # type: ignore[index]  # the legacy tuple
    np.random.seed(2)
    for clock in ("time", "perf_counter", "monotonic"):
        monkeypatch.setattr(time, clock, lambda: 4e9)
    assert trajectory_hash(play(Cartpole(short())).arrays()) == first


def test_b13_reset_begins_again_with_activation_warm_start_mocap_and_user_data(
    tmp_path: Path, systems: ModuleType
) -> None:
    """judo's reset keeps the time, the activation and the warm start, and puts quaternions to zero."""
    path = systems.write_model(tmp_path, systems.EVERYTHING)
    config = systems.PlainConfig()
    simulation = Simulation(systems.with_model(systems.Plain, path)(config), config)
    simulation.reset(np.random.default_rng(0))
    start = simulation.snapshot()
    np.testing.assert_array_equal(start.qpos, simulation.model.qpos0)
    simulation.data.mocap_pos[:], simulation.data.userdata[:] = 2.0, 3.0
    simulation.data.eq_active[:] = 1
    for _ in range(30):
        simulation.step(np.ones(2))
    moved = simulation.snapshot()
    data = simulation.data
    assert data.act[0] > 0
    assert np.abs(data.qacc_warmstart).max() > 0
    assert not np.array_equal(moved.integration, start.integration)
    simulation.reset(np.random.default_rng(0))
    np.testing.assert_array_equal(simulation.snapshot().integration, start.integration)


def test_b15_defaults_of_a_task_stay_when_one_of_them_is_changed() -> None:
    """judo forgets the overrides of a task when the controller is rebuilt."""
    loaded = load_task(find_task("control", "cylinder_push"))
    plain = resolve(loaded.config_class, environ={}).config
    changed = resolve(
        loaded.config_class, environ={}, arguments={"optimizer.num_rollouts": "16"}
    ).config
    expected = {**plain.model_dump()["optimizer"], "num_rollouts": 16}
    assert changed.model_dump()["optimizer"] == expected
    other = load_task(find_task("control", "cartpole")).config_class().model_dump()["optimizer"]
    assert other["kind"] == expected["kind"]
    assert other["sigma"] != expected["sigma"]


def test_b16_plans_share_one_model_and_write_into_the_same_arrays(bound: Array) -> None:
    """judo copies the model for every rollout and all outputs for every plan."""
    loop = ClosedLoop(bound(Cartpole(short(optimizer={"kind": "ps", "num_rollouts": 8}))), 0, 0)
    engine, held = loop.controller.engine, []
    for _ in range(3):
        loop.advance()
        batch, pool = engine._batch, engine._pool  # type: ignore[attr-defined]
        held.append((id(batch.state), id(batch.sensors), id(batch.inputs)))
        assert all(model is loop.controller.task.model for model in pool._same)
    assert len(set(held)) == 1
    loop.close()
