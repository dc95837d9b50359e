"""Models whose steps are affine in state and control, as far as their elements tell."""

from __future__ import annotations

import mujoco
import numpy as np

_LINEAR_DYNAMICS = (
    int(mujoco.mjtDyn.mjDYN_NONE),
    int(mujoco.mjtDyn.mjDYN_INTEGRATOR),
    int(mujoco.mjtDyn.mjDYN_FILTER),
)
_LINEAR_BIAS = (int(mujoco.mjtBias.mjBIAS_NONE), int(mujoco.mjtBias.mjBIAS_AFFINE))
# Forces that grow otherwise than with displacement and velocity; the polynomials are younger than MuJoCo 3.5.
_POLYNOMIALS = ("jnt_stiffnesspoly", "dof_dampingpoly", "actuator_dampingpoly")


def is_affine(model: mujoco.MjModel) -> bool:
    """Return whether a step is certainly affine in state and control: masses on lines, springs and motors, and nothing that clips.

    Only slides without limits and friction, without contacts, equalities, tendons, plugins and a medium are told; any other model
    counts as not affine.
    """
    contacts = model.opt.disableflags & int(mujoco.mjtDisableBit.mjDSBL_CONTACT)
    touches = not contacts and bool(np.any(model.geom_contype) and np.any(model.geom_conaffinity))
    others = (model.ntendon, model.neq, model.nplugin, model.nflex)
    if touches or any(others) or model.opt.density or model.opt.viscosity:
        return False
    polynomials = [getattr(model, name, np.zeros(0)) for name in _POLYNOMIALS]
    return (
        bool(np.all(model.jnt_type == int(mujoco.mjtJoint.mjJNT_SLIDE)))
        and not np.any(model.jnt_limited)
        and not np.any(model.dof_frictionloss)
        and not any(np.any(numbers) for numbers in polynomials)
        and bool(np.all(model.actuator_trntype == int(mujoco.mjtTrn.mjTRN_JOINT)))
        and bool(np.all(model.actuator_gaintype == int(mujoco.mjtGain.mjGAIN_FIXED)))
        and bool(np.all(np.isin(model.actuator_biastype, _LINEAR_BIAS)))
        and bool(np.all(np.isin(model.actuator_dyntype, _LINEAR_DYNAMICS)))
        and not np.any(model.actuator_forcelimited)
        and not np.any(model.actuator_actlimited)
        and not np.any(model.jnt_actfrclimited)
    )
