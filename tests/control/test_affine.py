"""Models that are told to be affine are: a step's differences do not depend on their distance."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from taskloom_control.mjcf.affine import is_affine

BODY = '<body><joint name="a" type="slide" {joint}/><geom size=".1" {geom}/></body>'
WHOLE = """<mujoco><option {option}/><worldbody>{body}</worldbody><actuator><general joint="a" {actuator}/></actuator></mujoco>"""
AFFINE = [
    {},
    {"joint": 'stiffness="3" damping="2"'},
    {"actuator": 'biastype="affine" biasprm="0 -5 -1"'},
    {"actuator": 'dyntype="filter" dynprm=".1"'},
    {"option": 'integrator="implicitfast"'},
]
OTHERS = [
    {"joint": 'range="-1 1" limited="true"'},
    {"joint": 'frictionloss=".1"'},
    {"joint": 'type="hinge"'},
    {"geom": 'contype="1" conaffinity="1"'},
    {"option": 'density="1"'},
    {"actuator": 'forcelimited="true" forcerange="-1 1"'},
    {"actuator": 'gaintype="affine" gainprm="1 1 0"'},
]


def model_of(
    joint: str = "", geom: str = "", option: str = "", actuator: str = ""
) -> mujoco.MjModel:
    if "type=" in joint:
        body = BODY.replace('type="slide" {joint}', joint)
    else:
        body = BODY.format(joint=joint, geom=geom or 'contype="0"')
    body = body.format(geom=geom or 'contype="0"') if "{geom}" in body else body
    return mujoco.MjModel.from_xml_string(WHOLE.format(option=option, body=body, actuator=actuator))


@pytest.mark.parametrize("parts", AFFINE)
def test_an_affine_model_is_told_and_its_steps_add_up(parts: dict[str, str]) -> None:
    model = model_of(**parts)
    assert is_affine(model)
    size = 2 * model.nv + model.na
    columns = []
    for step in (1e-3, 0.5):
        A, B = np.zeros((size, size)), np.zeros((size, model.nu))
        data = mujoco.MjData(model)
        data.qpos[:], data.qvel[:] = 0.3, -0.2
        mujoco.mjd_transitionFD(model, data, step, 1, A, B, None, None)
        columns.append(np.hstack([A, B]))
    np.testing.assert_allclose(columns[0], columns[1], atol=1e-10)


@pytest.mark.parametrize("parts", OTHERS)
def test_a_model_that_clips_or_turns_is_not(parts: dict[str, str]) -> None:
    assert not is_affine(model_of(**parts))
