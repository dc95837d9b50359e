"""MuJoCo systems and tasks that are made for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from taskloom_control.arrays import Array
from taskloom_control.config import ControlConfig
from taskloom_control.task import ControlTask, Metadata, StagedTask

# Activation, mocap, an equality, a free body, a ball joint, user data, a weld that can be switched off, many kinds of sensors.
EVERYTHING = """
<mujoco>
  <compiler angle="radian"/>
  <option timestep="0.01"/>
  <size nuserdata="2"/>
  <worldbody>
    <geom name="floor" type="plane" size="2 2 .1"/>
    <body name="target" mocap="true" pos="0 0 1"><site name="target"/></body>
    <body name="box" pos="0 0 .3"><freejoint name="free"/><geom name="box" type="box" size=".1 .1 .1" mass="1"/><site name="box"/></body>
    <body name="arm" pos="1 0 1">
      <joint name="ball" type="ball" damping=".1"/><geom name="arm" type="capsule" fromto="0 0 0 .3 0 0" size=".03" mass="1"/>
      <body name="hand" pos=".3 0 0"><joint name="hinge" axis="0 1 0" damping=".1"/>
        <geom name="hand" type="capsule" fromto="0 0 0 .2 0 0" size=".03" mass=".5"/><site name="hand" pos=".2 0 0"/></body>
    </body>
    <body name="slider" pos="-1 0 .5"><joint name="slide" type="slide" axis="1 0 0" damping="1"/>
      <geom name="slider" type="sphere" size=".1" mass="1"/></body>
  </worldbody>
  <equality><weld name="leash" body1="target" body2="slider" active="false"/></equality>
  <actuator>
    <general name="muscle" joint="hinge" dyntype="filter" dynprm=".1" gainprm="2" ctrlrange="-1 1"/>
    <motor name="push" joint="slide" ctrlrange="-5 5"/>
  </actuator>
  <sensor>
    <framepos name="gap" objtype="site" objname="hand" reftype="site" refname="target"/>
    <framequat name="turn" objtype="body" objname="box"/><gyro name="gyro" site="box"/><accelerometer name="acc" site="box"/>
    <touch name="touch" site="box"/><jointpos name="pos" joint="hinge"/><actuatorfrc name="force" actuator="push"/>
    <subtreecom name="com" body="arm"/><distance name="near" geom1="box" geom2="floor" cutoff="1"/><clock name="clock"/>
  </sensor>
</mujoco>
"""

CART = """
<mujoco><option timestep="{dt}"><flag contact="disable"/></option>
  <worldbody><body name="cart"><joint name="slide" type="slide" axis="1 0 0"/><geom name="cart" size=".1" mass="1"/>
    <site name="cart"/></body></worldbody>
  <actuator><motor name="push" joint="slide" ctrlrange="-2 2"/></actuator>
  <sensor><framepos name="trace_cart" objtype="site" objname="cart"/></sensor></mujoco>
"""


def write_model(folder: Path, xml: str, name: str = "model.xml") -> Path:
    """Write an MJCF file."""
    path = folder / name
    path.write_text(xml)
    return path


class PlainConfig(ControlConfig):
    """Nothing to weigh."""


class Plain(ControlTask[PlainConfig]):
    """Keep the first position near zero; a reward only."""

    def reward(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: Array,
        system_metadata: Metadata | None = None,
    ) -> Array:
        return -(states[..., 0] ** 2).sum(-1) - 0.01 * (controls**2).sum((-1, -2))


class Broken(StagedTask[PlainConfig]):
    """One of its terms is not a number."""

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: Array,
        system_metadata: Metadata | None = None,
    ) -> Mapping[str, Array]:
        return {"place": states[..., 0] ** 2, "oops": states[..., 0] * float("nan")}


class WrongShape(ControlTask[PlainConfig]):
    """Forgets to sum over the steps."""

    def reward(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: Array,
        system_metadata: Metadata | None = None,
    ) -> Array:
        return -(states[..., 0] ** 2)


def with_model(
    kind: type[ControlTask[Array]], path: Path, sim: Path | None = None
) -> type[ControlTask[Array]]:
    """Return a task class of a kind with a model file."""

    class Made(kind):  # type: ignore[misc, valid-type]  # a class made for a test
        model_path: Path = path
        sim_model_path: Path | None = sim

    Made.__name__ = kind.__name__
    return Made
