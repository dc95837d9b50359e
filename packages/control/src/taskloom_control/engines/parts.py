"""Parts of a state, and what an engine says about those that it does not roll out."""

from __future__ import annotations

from functools import lru_cache

import mujoco
import numpy as np

from taskloom_control.errors import PlanError
from taskloom_control.mjcf.physics import INTEGRATION, Snapshot, pieces

_WORDS = {
    "act": "activations",
    "history": "the history of delays",
    "qfrc_applied": "applied joint forces",
    "xfrc_applied": "applied body forces",
    "eq_active": "switched equalities",
    "mocap_pos": "mocap poses",
    "mocap_quat": "mocap poses",
    "userdata": "user data",
    "plugin": "plugin state",
    "plastic": "plastic shapes",
}


@lru_cache(maxsize=16)
def _parts(model: mujoco.MjModel) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return where each part of a state stands, by name, and the state that the model begins with."""
    where = pieces(model)
    named = {
        bit.name.removeprefix("mjSTATE_").lower(): where[int(bit)]
        for bit in mujoco.mjtState.__members__.values()
        if int(bit) in where and int(bit) & INTEGRATION
    }
    state = np.empty(mujoco.mj_stateSize(model, INTEGRATION))
    mujoco.mj_getState(model, mujoco.MjData(model), state, INTEGRATION)
    return named, state


def refuse_unused(
    model: mujoco.MjModel, snapshot: Snapshot, engine: str, honoured: tuple[str, ...]
) -> None:
    """Refuse a state that uses what an engine does not roll out.

    Args:
        model: The planning model.
        snapshot: The state.
        engine: The engine's name.
        honoured: The parts that it takes over, as MuJoCo's `mjtState` names them in small letters.

    Raises:
        PlanError: Another part differs from where the model begins.
    """
    named, default = _parts(model)
    for name, place in named.items():
        if name not in honoured and not np.array_equal(snapshot.integration[place], default[place]):
            raise PlanError(
                f"The engine '{engine}' cannot roll out {_WORDS.get(name, name)}, which this state uses; choose engine 'threads'."
            )
