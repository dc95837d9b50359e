"""Rollouts in JAX through MuJoCo MJX: one scan over the steps, mapped over the rollouts, compiled once per shape."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, ClassVar

import mujoco
import numpy as np
from taskloom.errors import MissingExtraError

from taskloom_control.engines.base import Rollouts
from taskloom_control.engines.parts import refuse_unused
from taskloom_control.errors import PlanError
from taskloom_control.mjcf.physics import Snapshot, apply_snapshot
from taskloom_control.task import Array

if TYPE_CHECKING:
    from jaxtyping import Float


# What a rollout takes over from a state; the history of delays, plugins and plastic shapes it does not.
_HONOURED = (
    *("time", "qpos", "qvel", "act", "warmstart", "ctrl", "qfrc_applied", "xfrc_applied"),
    *("eq_active", "mocap_pos", "mocap_quat", "userdata"),
)


class MJXEngine:
    """Rollouts through `mujoco.mjx`; states and sensors stay JAX arrays, so the reward runs on jax.numpy.

    Args:
        model: The planning model.
        double: Whether to compute in double precision, which is then switched on for the whole process.

    Raises:
        MissingExtraError: JAX or mujoco-mjx is not installed.
        PlanError: MJX does not support something in the model.
    """

    has_sensors: ClassVar[bool] = True

    def __init__(self, model: mujoco.MjModel, *, double: bool) -> None:
        try:
            with _hushed():
                import jax
                from mujoco import mjx
        except ImportError as error:
            raise MissingExtraError(
                f"The engine 'mjx' needs JAX and mujoco-mjx ({error}).",
                hint="pip install 'taskloom-control[jax]'",
            ) from None
        if double:
            # MuJoCo computes in double precision; in single, a rollout would drift from its trajectory step by step.
            jax.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call]  # JAX leaves it untyped
        self._model, self._mjx = model, mjx
        self._scratch = mujoco.MjData(model)
        self._controls = np.zeros((0, 0, 0))
        try:
            with _hushed():
                self._mjx_model = mjx.put_model(model)
                # Everything is converted once; a rollout replaces the fields that a state has.
                self._template = mjx.put_data(model, self._scratch)
        except NotImplementedError as error:
            raise PlanError(_refusal(model, error)) from None
        self._roll = jax.jit(partial(_roll, jax, mjx))

    def buffer(self, num_rollouts: int, num_steps: int) -> Float[np.ndarray, "R T nu"]:
        """Return the array to write controls into."""
        shape = (num_rollouts, num_steps, self._model.nu)
        if self._controls.shape != shape:
            self._controls = np.zeros(shape)
        return self._controls

    def rollout(self, snapshot: Snapshot, controls: Float[np.ndarray, "R T nu"]) -> Rollouts:
        """Roll out control sequences from one state."""
        refuse_unused(self._model, snapshot, "mjx", _HONOURED)
        apply_snapshot(snapshot, self._model, self._scratch)
        scratch, kind = self._scratch, self._template.qpos.dtype
        fields = {
            name: np.asarray(getattr(scratch, name), dtype=kind)
            for name in ("qpos", "qvel", "act", "mocap_pos", "mocap_quat", "qacc_warmstart")
        }
        for name in ("qfrc_applied", "xfrc_applied", "userdata"):
            fields[name] = np.asarray(getattr(scratch, name), dtype=kind)
        # Switches keep the type that they were traced with.
        fields["eq_active"] = np.asarray(scratch.eq_active, dtype=self._template.eq_active.dtype)
        start = self._template.replace(time=np.asarray(snapshot.time, dtype=kind), **fields)
        # MJX finds a pair of shapes without a collision when it traces, not when the model is put.
        try:
            states, sensors = self._roll(self._mjx_model, start, np.asarray(controls, dtype=kind))
        except NotImplementedError as error:
            raise PlanError(_refusal(self._model, error)) from None
        # A bad number spreads from step to step, so the last one tells of all.
        alive = np.asarray(np.isfinite(np.asarray(states[:, -1])).all(axis=-1))
        return Rollouts(states, sensors, alive)

    def close(self) -> None:
        """Do nothing: nothing is held."""


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep MJX from printing to stdout, which is for data, and its first message from setting up logging for the process."""
    root, nothing = logging.getLogger(), logging.NullHandler()
    root.addHandler(nothing)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        root.removeHandler(nothing)


def _refusal(model: mujoco.MjModel, error: NotImplementedError) -> str:
    """Return the sentence on something that MJX does not have."""
    shapes = re.findall(r"mjGEOM_([A-Z]+)", str(error))
    what = " ".join(str(error).split()).rstrip(".")
    if len(shapes) == 2:
        what = f"it has no collision of a {shapes[0].lower()} with a {shapes[1].lower()}"
    name = model.names.split(b"\0", 1)[0].decode() or "without a name"
    return f"MJX cannot run the model '{name}': {what}; use the engine 'threads'."


def _roll(
    jax: ModuleType, mjx: ModuleType, model: object, start: Array, controls: Array
) -> tuple[Array, Array]:
    """Return states and sensors, shapes (R, T, nq + nv) and (R, T, nsensordata)."""

    def step(data: Array, control: Array) -> tuple[Array, tuple[Array, Array]]:
        data = mjx.step(model, data.replace(ctrl=control))
        return data, (jax.numpy.concatenate([data.qpos, data.qvel]), data.sensordata)

    # A step returns some integers of contacts and tendons wider than it takes them; a scan wants both alike.
    after = jax.eval_shape(step, start, controls[0, 0])[0]
    begin = jax.tree.map(lambda leaf, kind: leaf.astype(kind.dtype), start, after)

    def one(sequence: Array) -> tuple[Array, Array]:
        result: tuple[Array, Array] = jax.lax.scan(step, begin, sequence)[1]
        return result

    mapped: tuple[Array, Array] = jax.vmap(one)(controls)
    return mapped
