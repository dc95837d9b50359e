"""A goal in words, read against a model: which sensors tell how far it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import mujoco
import numpy as np
from taskloom.registry.suggest import did_you_mean

from taskloom_control.errors import ModelError
from taskloom_control.mjcf.physics import control_range

_PREFIX = "goal"
_SITE, _BODY = mujoco.mjtObj.mjOBJ_SITE, mujoco.mjtObj.mjOBJ_XBODY
_SINGLE = (int(mujoco.mjtJoint.mjJNT_SLIDE), int(mujoco.mjtJoint.mjJNT_HINGE))
_COORDINATES = 3


@dataclass(frozen=True)
class Reach:
    """A place that something should be at.

    Attributes:
        name: Its name in the model.
        sensor: The sensor of its place.
        target: The sensor of the place that it should be at, or that place [m].
    """

    name: str
    sensor: str
    target: str | tuple[float, ...]


@dataclass
class Goals:
    """The goal of a model.

    Attributes:
        reaches: Places to reach.
        joints: Positions of hinges and slides by name.
        hinges: Those of them that are hinges.
        upright: The sensor of the axis that should point up; empty for none.
        height: The sensor of a body's place, and the height that it should be at [m]; None for none.
        sensors: Names of all sensors that were added.
    """

    reaches: list[Reach] = field(default_factory=list)
    joints: dict[str, float] = field(default_factory=dict)
    hinges: list[str] = field(default_factory=list)
    upright: str = ""
    height: tuple[str, float] | None = None
    sensors: list[str] = field(default_factory=list)

    @staticmethod
    def single_columns(model: mujoco.MjModel) -> np.ndarray:
        """Return the positions of all hinges and slides of a model."""
        return np.asarray(model.jnt_qposadr[np.isin(model.jnt_type, _SINGLE)])

    @staticmethod
    def control_scale(model: mujoco.MjModel) -> tuple[np.ndarray, np.ndarray]:
        """Return the middle and half the width of each control's range, shape (nu,); 0 and 1 where there is none."""
        low, high = control_range(model)
        bounded = np.isfinite(low) & np.isfinite(high)
        low, high = np.where(bounded, low, -1.0), np.where(bounded, high, 1.0)
        return (low + high) / 2, (high - low) / 2


def read_goals(
    spec: mujoco.MjSpec, reach: str, joint: Mapping[str, float], upright: str, height: str
) -> Goals:
    """Return the goal that words name, and add its sensors to the model's specification.

    Args:
        spec: The specification, before it is compiled.
        reach: `tip:target` or `tip:x,y,z`, several separated by semicolons.
        joint: Positions of hinges and slides by name.
        upright: A body.
        height: `body:0.6`.

    Raises:
        ModelError: Something that is named does not exist, the words have another form, or there is no goal.
    """
    goals = Goals()
    for number, part in enumerate(filter(None, map(str.strip, reach.split(";")))):
        goals.reaches.append(_reach(spec, goals, part, number))
    for name, value in joint.items():
        found = _named(spec.joints, name, "joint")
        if int(found.type) not in _SINGLE:
            raise ModelError(f"--joint.{name}: the joint is neither a hinge nor a slide.")
        goals.joints[name] = float(value)
        if int(found.type) == _SINGLE[1]:
            goals.hinges.append(name)
    if upright:
        _named(spec.bodies, upright, "body")
        goals.upright = f"{_PREFIX} upright"
        _add(spec, goals, goals.upright, mujoco.mjtSensor.mjSENS_FRAMEZAXIS, (_BODY, upright))
    if height:
        name, colon, level = height.rpartition(":")
        numbers = _numbers(level)
        if not colon or len(numbers) != 1:
            raise ModelError(f"--height takes a body and a height, torso:0.6, not '{height}'.")
        _named(spec.bodies, name, "body")
        goals.height = f"{_PREFIX} height", numbers[0]
        _add(spec, goals, goals.height[0], mujoco.mjtSensor.mjSENS_FRAMEPOS, (_BODY, name))
    if not (goals.reaches or goals.joints or goals.upright or goals.height):
        raise ModelError(
            "The model has no goal; give --reach, --joint.NAME, --upright or --height."
        )
    return goals


def _reach(spec: mujoco.MjSpec, goals: Goals, words: str, number: int) -> Reach:
    name, colon, target = words.partition(":")
    if not colon or not target:
        raise ModelError(
            f"--reach takes a site or body and where it should be, tip:target or tip:0.3,0.1,0.2, not '{words}'."
        )
    sensor, place = f"{_PREFIX} reach {number}", f"{_PREFIX} target {number}"
    kind = mujoco.mjtSensor.mjSENS_FRAMEPOS
    _add(spec, goals, sensor, kind, _site_or_body(spec, name.strip()))
    numbers = _numbers(target)
    if numbers:
        if len(numbers) != _COORDINATES:
            raise ModelError(
                f"--reach={words}: a place has three coordinates, x,y,z, not {len(numbers)}."
            )
        return Reach(name.strip(), sensor, numbers)
    _add(spec, goals, place, kind, _site_or_body(spec, target.strip()))
    return Reach(name.strip(), sensor, place)


def _add(
    spec: mujoco.MjSpec,
    goals: Goals,
    name: str,
    kind: mujoco.mjtSensor,
    of: tuple[mujoco.mjtObj, str],
) -> None:
    goals.sensors.append(name)
    spec.add_sensor(name=name, type=kind, objtype=of[0], objname=of[1])


def _site_or_body(spec: mujoco.MjSpec, name: str) -> tuple[mujoco.mjtObj, str]:
    sites = [site.name for site in spec.sites]
    if name in sites:
        return _SITE, name
    bodies = [body.name for body in spec.bodies]
    if name in bodies:
        return _BODY, name
    raise _unknown("site or body", name, [*sites, *bodies])


def _named(elements: Iterable[mujoco.MjsElement], name: str, what: str) -> mujoco.MjsElement:
    known = {element.name: element for element in elements}
    if name not in known:
        raise _unknown(what, name, list(known))
    return known[name]


def _unknown(what: str, name: str, known: list[str]) -> ModelError:
    names = [item for item in known if item and item != "world"]
    hint = did_you_mean(name, names) or f"it has: {', '.join(names) or 'none'}."
    return ModelError(f"The model has no {what} called '{name}'; {hint}")


def _numbers(text: str) -> tuple[float, ...]:
    """Return the numbers of a text, separated by commas; none if it is something else."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        return ()
