"""The threads that share a batch: no part is lost or done twice, errors arrive, and nothing waits for a helper that sleeps."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator

import mujoco
import numpy as np
import pytest
from taskloom_control.engines.pool import RolloutBatch, RolloutPool
from taskloom_control.mjcf.physics import FULL_PHYSICS

CTRL = int(mujoco.mjtState.mjSTATE_CTRL)


@pytest.fixture
def model() -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_string(
        """<mujoco><worldbody><body><joint name="j" type="slide" damping=".1"/><geom size=".1"/></body></worldbody>
        <actuator><motor joint="j" ctrlrange="-1 1"/></actuator><sensor><jointpos joint="j"/></sensor></mujoco>"""
    )


def batch_of(model: mujoco.MjModel, count: int, steps: int = 40) -> RolloutBatch:
    size = mujoco.mj_stateSize(model, FULL_PHYSICS)
    return RolloutBatch(
        initial=np.zeros((count, size)),
        warmstart=np.zeros((count, model.nv)),
        inputs=np.random.default_rng(0).uniform(-1, 1, (count, steps, model.nu)),
        state=np.full((count, steps, size), np.nan),
        sensors=np.full((count, steps, model.nsensordata), np.nan),
    )


def workers_named_rollouts() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "rollouts"]


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = workers_named_rollouts()
    yield
    if left := set(workers_named_rollouts()) - set(before):
        gc.collect()  # costs a second where many modules are loaded
        assert not left & set(workers_named_rollouts())


@pytest.mark.parametrize("spent", [0.0, 1e-5, 6e-4, 0.01, 10.0])
@pytest.mark.parametrize("count", [1, 2, 3, 31, 64])
def test_pool_takes_every_rollout_once_however_long_the_batch_before_took(
    model: mujoco.MjModel, spent: float, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, together = batch_of(model, count), batch_of(model, count)
    RolloutPool(model, 1).roll(alone, CTRL)
    pool, taken = RolloutPool(model, 3), []
    inner = pool._work

    def watched(hand: int, claims: Iterator[tuple[int, int]], *rest: object) -> None:
        def noted() -> Iterator[tuple[int, int]]:
            for claim in claims:
                taken.append(claim)
                yield claim

        inner(hand, noted(), *rest)  # type: ignore[arg-type]  # a batch and a number

    monkeypatch.setattr(pool, "_work", watched)
    pool._spent = [spent]
    pool.roll(together, CTRL)
    assert sorted(i for first, last in taken for i in range(first, last)) == list(range(count))
    np.testing.assert_array_equal(together.state, alone.state)
    np.testing.assert_array_equal(together.sensors, alone.sensors)
    pool.close()


def test_pool_uses_no_helper_for_a_batch_that_is_done_before_one_is_awake(
    model: mujoco.MjModel,
) -> None:
    pool = RolloutPool(model, 4)
    pool._spent = [1e-5]
    pool.roll(batch_of(model, 32, 2), CTRL)
    assert pool.num_helpers == 0


def test_pool_does_not_wait_for_a_helper_that_has_not_begun(model: mujoco.MjModel) -> None:
    pool = RolloutPool(model, 2)
    pool.roll(batch_of(model, 8), CTRL)
    helper = pool._helpers[0]
    gate, asleep = threading.Event(), threading.Event()

    def doze() -> None:
        asleep.set()
        gate.wait(300)

    # A busy machine: the helper is elsewhere while the batch is rolled out.
    started, helper._start = helper._start, threading.Lock()
    helper._start.acquire()
    helper._work = doze
    started.release()
    assert asleep.wait(300)
    batch, began = batch_of(model, 8), time.monotonic()
    pool.roll(batch, CTRL)
    assert time.monotonic() - began < 150
    assert np.isfinite(batch.state).all()
    gate.set()
    assert helper._done.acquire(timeout=300)
    pool.close()


def test_pool_raises_what_a_helper_raised_and_goes_on(
    model: mujoco.MjModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = RolloutPool(model, 2)
    inner, main = pool._work, threading.get_ident()
    joined = threading.Event()

    def failing(*arguments: object) -> None:
        if threading.get_ident() != main:
            joined.set()
            raise RuntimeError("no memory")
        assert joined.wait(300)
        inner(*arguments)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(pool, "_work", failing)  # a fault that MuJoCo does not have
    with pytest.raises(RuntimeError, match="no memory"):
        pool.roll(batch_of(model, 8), CTRL)
    monkeypatch.undo()
    batch = batch_of(model, 8)
    pool.roll(batch, CTRL)
    assert np.isfinite(batch.state).all()
    pool.close()


def test_pool_that_is_forgotten_stops_its_threads(model: mujoco.MjModel) -> None:
    pool = RolloutPool(model, 3)
    pool.roll(batch_of(model, 8), CTRL)
    assert pool.num_helpers == 2
    del pool


def test_pool_that_is_interrupted_waits_for_its_helpers_and_goes_on(
    model: mujoco.MjModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C arrives while the calling thread waits, and the arrays are still being written into."""
    pool = RolloutPool(model, 2)
    pool.roll(batch_of(model, 8), CTRL)
    helper, main = pool._helpers[0], threading.get_ident()
    inner, joined, gate = pool._work, threading.Event(), threading.Event()

    def late(*arguments: object) -> None:
        if threading.get_ident() == main:
            assert joined.wait(300)
            return
        joined.set()
        assert gate.wait(300)
        inner(*arguments)  # type: ignore[arg-type]  # as they came

    class Pressed:
        """The lock that the calling thread waits for, with a key pressed meanwhile."""

        def __init__(self, lock: threading.Lock) -> None:
            self.lock, self.presses = lock, 1

        def acquire(self) -> bool:
            if self.presses:
                self.presses -= 1
                gate.set()
                raise KeyboardInterrupt
            return self.lock.acquire()

        def release(self) -> None:
            self.lock.release()

    monkeypatch.setattr(pool, "_work", late)
    monkeypatch.setattr(helper, "_done", Pressed(helper._done))
    batch = batch_of(model, 8)
    with pytest.raises(KeyboardInterrupt):
        pool.roll(batch, CTRL)
    assert np.isfinite(batch.state).all()
    monkeypatch.undo()
    again = batch_of(model, 8)
    pool.roll(again, CTRL)
    np.testing.assert_array_equal(again.state, batch.state)
    pool.close()
