"""The pairing of planning and simulated model in words: what is matched by name, what is not, and what differs in number."""

from __future__ import annotations

from collections.abc import Iterator

import mujoco
import numpy as np

from taskloom_control.mjcf import names
from taskloom_control.mjcf.counterparts import Pairing
from taskloom_control.mjcf.mapping import ModelMap

# Masses that differ by less than this share are one mass, written with other digits.
_MASS = 0.01
_SHOWN = 5


def pairing_lines(pairing: ModelMap) -> Iterator[str]:
    """Return the table of a pairing, a line each: the elements by kind, then control ranges, time steps and masses that differ."""
    if pairing.alike:
        yield "pairing: the simulated model is the planning model"
        return
    for item in pairing.pairings:
        yield f"pairing, {_plural(item)}: {', '.join(_parts(item))}"
    plan, plant = pairing.plan, pairing.plant
    if plan.opt.timestep != plant.opt.timestep:
        yield f"pairing, time steps: {plan.opt.timestep:g} s planned, {plant.opt.timestep:g} s simulated"
    by_kind = {item.kind: item.pairs for item in pairing.pairings}
    yield from _ranges(plan, plant, by_kind["actuator"])
    yield from _masses(plan, plant)


def _plural(item: Pairing) -> str:
    return {"mocap body": "mocap bodies", "equality": "equalities"}.get(item.kind, f"{item.kind}s")


def _parts(item: Pairing) -> Iterator[str]:
    yield f"{len(item.pairs)} matched"
    for label, words in (
        ("planned only", item.plan_only),
        ("simulated only", item.plant_only),
    ):
        if words:
            more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
            yield f"{label}: {', '.join(words[:_SHOWN])}{more}"


def _ranges(
    plan: mujoco.MjModel, plant: mujoco.MjModel, pairs: tuple[tuple[int, int], ...]
) -> Iterator[str]:
    for p, s in pairs:
        mine = plan.actuator_ctrlrange[p] if plan.actuator_ctrllimited[p] else (-np.inf, np.inf)
        other = plant.actuator_ctrlrange[s] if plant.actuator_ctrllimited[s] else (-np.inf, np.inf)
        if not np.array_equal(mine, other):
            name = names.name_of(plan, "actuator", p) or str(p)
            yield (
                f"pairing, range of actuator '{name}': {mine[0]:g} to {mine[1]:g} planned, {other[0]:g} to {other[1]:g} "
                "simulated, which is what acts"
            )


def _masses(plan: mujoco.MjModel, plant: mujoco.MjModel) -> Iterator[str]:
    where = {names.name_of(plant, "body", i): i for i in range(1, plant.nbody)}
    for i in range(1, plan.nbody):
        name = names.name_of(plan, "body", i)
        if not name or name not in where:
            continue
        mine, other = float(plan.body_mass[i]), float(plant.body_mass[where[name]])
        if abs(mine - other) > _MASS * max(mine, other):
            yield f"pairing, mass of body '{name}': {mine:.4g} planned, {other:.4g} simulated"
