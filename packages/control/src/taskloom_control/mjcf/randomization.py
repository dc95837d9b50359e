"""Models that a real system might have: masses, friction, damping and gains drawn around those of a specification."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

# Standard deviations of the logarithm at level 1.
_MASS, _FRICTION, _DAMPING, _GAIN = 0.2, 0.2, 0.2, 0.1
_FIXED = (mujoco.mjtGain.mjGAIN_FIXED, mujoco.mjtGain.mjGAIN_AFFINE)
_AFFINE = mujoco.mjtBias.mjBIAS_AFFINE


def randomize(spec: mujoco.MjSpec, rng: np.random.Generator, level: float) -> None:
    """Multiply what is uncertain of a model by log-normal factors; at level 0 nothing changes.

    One factor for each body (densities, masses and inertias together), for the friction of each geom and of each contact
    pair, for the damping of each joint, and for the gain of each actuator. What a servo settles at stays: the bias of its
    position, or of its velocity, is multiplied by the same factor.

    Args:
        spec: The specification; it is changed.
        rng: The stream; as many numbers are drawn at every level, so that levels share them.
        level: Scale of the standard deviations of the logarithms, which are .2, .2, .2 and .1.
    """
    for body, factor in _drawn(spec.bodies, rng, level * _MASS):
        body.mass *= factor
        _scale(body.inertia, factor)
        _scale(body.fullinertia, factor)
        for geom in body.geoms:
            geom.density *= factor
            geom.mass *= factor  # not a number where the density decides, which it stays
    for geom, factor in _drawn(spec.geoms, rng, level * _FRICTION):
        _scale(geom.friction, factor)
    for pair, factor in _drawn(spec.pairs, rng, level * _FRICTION):
        _scale(pair.friction, factor)
    for joint, factor in _drawn(spec.joints, rng, level * _DAMPING):
        if isinstance(joint.damping, np.ndarray):
            _scale(joint.damping, factor)
        else:
            joint.damping *= factor
    for actuator, factor in _drawn(spec.actuators, rng, level * _GAIN):
        _scale_gain(actuator, factor)


def _drawn(
    elements: Iterable[Any], rng: np.random.Generator, deviation: float
) -> list[tuple[Any, float]]:
    """Return elements with their factors."""
    # MuJoCo's elements have no common type.
    return [(item, math.exp(deviation * rng.standard_normal())) for item in elements]


def _scale(array: np.ndarray, factor: float) -> None:
    """Multiply an array of a specification, which is a view of MuJoCo's memory, in place."""
    array *= factor


def _scale_gain(actuator: Any, factor: float) -> None:  # noqa: ANN401 -- MjsActuator is not in the stubs
    gain, bias = actuator.gainprm, actuator.biasprm
    if actuator.gaintype == mujoco.mjtGain.mjGAIN_MUSCLE:
        # The peak force; a negative one asks MuJoCo to work it out from `scale`.
        for parameters in (gain, bias):
            if parameters[2] > 0:
                parameters[2] *= factor
            else:
                parameters[3] *= factor
    elif actuator.gaintype in _FIXED:
        _scale(gain[:3], factor)
        if actuator.biastype == _AFFINE:
            if bias[1] != 0:
                bias[1] *= factor
            else:
                bias[2] *= factor
