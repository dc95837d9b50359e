"""Counterparts of the elements of two models, and the sentences on those that have none."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import mujoco
import numpy as np
from taskloom.registry.suggest import did_you_mean

from taskloom_control.errors import ModelError
from taskloom_control.mjcf import names
from taskloom_control.mjcf.names import Key

_KINDS = {0: "free joint", 1: "ball joint", 2: "slide", 3: "hinge"}


@dataclass(frozen=True)
class Pairing:
    """Elements of one kind in both models.

    Attributes:
        kind: The word for one of them.
        pairs: Ids of counterparts, planning model first, in the planning model's order.
        plan_only: Those that only the planning model has, in words.
        plant_only: Those that only the simulated model has, in words.
    """

    kind: str
    pairs: tuple[tuple[int, int], ...]
    plan_only: tuple[str, ...] = ()
    plant_only: tuple[str, ...] = ()


def paired(kind: str, plan: list[Key], plant: list[Key]) -> Pairing:
    """Return the counterparts by key.

    Raises:
        ModelError: Two elements of one model have one key, so that nothing tells them apart.
    """
    for keys in (plan, plant):
        twice = [key for key, count in Counter(keys).items() if count > 1]
        if twice:
            numbers = [str(i + 1) for i, key in enumerate(keys) if key == twice[0]]
            raise ModelError(
                f"Unnamed {kind}s {' and '.join(numbers)} cannot be told apart by name in the two models; name them."
            )
    where = {key: i for i, key in enumerate(plant)}
    known = set(plan)
    return Pairing(
        kind,
        tuple((i, where[key]) for i, key in enumerate(plan) if key in where),
        tuple(names.words(key, kind) for key in plan if key not in where),
        tuple(names.words(key, kind) for key in plant if key not in known),
    )


def refuse_plan_only(
    pairing: Pairing, plan: list[Key], plant: list[Key], whose: str = "simulated model"
) -> None:
    """Refuse an element of the planning model that the simulated model, or a robot, has not.

    Raises:
        ModelError: There is one; the sentence names it, those of the planning model, and the closest match.
    """
    if not pairing.plan_only:
        return
    kind, known = pairing.kind, [str(key[0]) for key in plant if key[0]]
    mine = ", ".join(str(key[0]) or "without a name" for key in plan)
    missing = next(key for key in plan if key not in plant)
    raise ModelError(
        f"The {whose} has no {names.words(missing, kind)} (planning {kind}s: {mine})"
        f"{did_you_mean_one_of(str(missing[0]), known) or '.'}"
    )


def did_you_mean_one_of(name: str, known: list[str]) -> str:
    """Return the end of a sentence that names the closest match; empty if nothing is near."""
    hint = did_you_mean(name, known) if name else ""
    return f"; {hint}" if hint else ""


def check_joints(joints: Pairing, plan: mujoco.MjModel, plant: mujoco.MjModel) -> None:
    """Refuse joints of one name and two types, and unnamed ones of one body that may have changed places.

    Raises:
        ModelError: There is such a joint.
    """
    for p, s in joints.pairs:
        mine, other = int(plan.jnt_type[p]), int(plant.jnt_type[s])
        name = names.name_of(plan, "joint", p)
        if mine != other:
            raise ModelError(
                f"Joint '{name}' is a {_KINDS[mine]} in the planning model and a {_KINDS[other]} in the simulated one."
            )
        body = int(plan.jnt_bodyid[p])
        if name or int(plan.body_jntnum[body]) == 1:
            continue
        # By its number alone two joints of one body are told apart, so their axes must say the same.
        if not np.allclose(plan.jnt_axis[p], plant.jnt_axis[s], atol=1e-9):
            first, last = int(plan.body_jntadr[body]), int(plan.body_jntnum[body])
            numbers = " and ".join(
                str(k + 1) for k in range(last) if not names.name_of(plan, "joint", first + k)
            )
            raise ModelError(
                f"Unnamed joints {numbers} of body '{names.name_of(plan, 'body', body)}' cannot be told apart by name in the "
                "two models; name them."
            )


def check_widths(sensors: Pairing, plan: mujoco.MjModel, plant: mujoco.MjModel) -> None:
    """Refuse sensors of one name and two kinds.

    Raises:
        ModelError: There is such a sensor.
    """
    for p, s in sensors.pairs:
        mine = int(plan.sensor_type[p]), int(plan.sensor_dim[p])
        other = int(plant.sensor_type[s]), int(plant.sensor_dim[s])
        if mine != other:
            kinds = [
                mujoco.mjtSensor(kind).name.removeprefix("mjSENS_").lower()
                for kind, _ in (mine, other)
            ]
            raise ModelError(
                f"Sensor '{names.name_of(plan, 'sensor', p)}' is a {kinds[0]} of {mine[1]} numbers in the planning model and "
                f"a {kinds[1]} of {other[1]} in the simulated one."
            )
