"""The state of a simulated model as the planning model lays it out, for tasks that look at it and set its beginning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np

from taskloom_control.mjcf.physics import INTEGRATION, find

if TYPE_CHECKING:
    from taskloom_control.mjcf.mapping import ModelMap


class PlanView:
    """A simulation's positions, velocities, activations, mocap poses and sensors by the planning model's order and names.

    Arrays that are read cannot be written into; an assignment to `qpos` or `qvel` reaches the simulation.

    Args:
        pairing: The map of the two models.
        data: The simulation's state.
    """

    def __init__(self, pairing: ModelMap, data: mujoco.MjData) -> None:
        self._map, self._data = pairing, data
        self._places: dict[tuple[str, str], Any] = {}
        self._ahead: mujoco.MjData | None = None
        self._seen = b""

    @property
    def qpos(self) -> np.ndarray:
        """Positions, shape (nq,)."""
        return self._read(self._data.qpos, self._map.qpos)

    @qpos.setter
    def qpos(self, values: Any) -> None:  # noqa: ANN401 -- anything that NumPy takes for an array
        self._write(self._data.qpos, self._map.qpos, values)

    @property
    def qvel(self) -> np.ndarray:
        """Velocities, shape (nv,)."""
        return self._read(self._data.qvel, self._map.qvel)

    @qvel.setter
    def qvel(self, values: Any) -> None:  # noqa: ANN401 -- anything that NumPy takes for an array
        self._write(self._data.qvel, self._map.qvel, values)

    @property
    def act(self) -> np.ndarray:
        """Activations, shape (na,)."""
        return self._read(self._data.act, self._map.act)

    @property
    def mocap_poses(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions and quaternions of all mocap bodies of the planning model, shapes (n, 3) and (n, 4)."""
        ids = self._map.mocaps
        if self._map.same:
            return self._data.mocap_pos.copy(), self._data.mocap_quat.copy()
        return self._data.mocap_pos[ids], self._data.mocap_quat[ids]

    def sensor(self, name: str) -> np.ndarray:
        """Return the value of a sensor in the state as it stands.

        MuJoCo's own array has it of the moment when the last control acted, a step before.
        """
        place = self._places.get(("sensor", name))
        if place is None:
            plant = self._map.plant
            index = find(plant, "sensor", name)
            first = int(plant.sensor_adr[index])
            place = self._places["sensor", name] = slice(
                first, first + int(plant.sensor_dim[index])
            )
        return np.asarray(self._forwarded().sensordata[place])

    def _forwarded(self) -> mujoco.MjData:
        """Return a state of its own that was evaluated where `data` stands now, which stays as it is."""
        plant, state = self._map.plant, np.empty(self._map.plant_size)
        mujoco.mj_getState(plant, self._data, state, INTEGRATION)
        seen = state.tobytes()
        if self._ahead is None or seen != self._seen:
            self._ahead = self._ahead or mujoco.MjData(plant)
            mujoco.mj_setState(plant, self._ahead, state, INTEGRATION)
            mujoco.mj_forward(plant, self._ahead)
            self._seen = seen
        return self._ahead

    def mocap_pos(self, name: str) -> np.ndarray:
        """Return the position of a mocap body [m], shape (3,); it may be written into."""
        return np.asarray(self._data.mocap_pos[self._mocap(name)])

    def mocap_quat(self, name: str) -> np.ndarray:
        """Return the orientation of a mocap body, shape (4,); it may be written into."""
        return np.asarray(self._data.mocap_quat[self._mocap(name)])

    def _mocap(self, name: str) -> int:
        place = self._places.get(("mocap", name))
        if place is None:
            plant = self._map.plant
            place = self._places["mocap", name] = int(plant.body_mocapid[find(plant, "body", name)])
        return int(place)

    def _read(self, array: np.ndarray, places: np.ndarray) -> np.ndarray:
        if not self._map.same:
            return np.asarray(array[places])
        shown = array.view()
        # A write would be lost where the models differ, so it is refused where they do not.
        shown.flags.writeable = False
        return shown

    def _write(self, array: np.ndarray, places: np.ndarray, values: object) -> None:
        if self._map.same:
            array[:] = values
        else:
            array[places] = values
