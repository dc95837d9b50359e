"""MuJoCo's own renderer, in a process of its own: a graphics context that cannot be had must not take the run with it.

`MUJOCO_GL` names the context (`egl` or `osmesa`; any other value switches rendering off). Without it OSMesa is tried, then EGL,
each only where its library is installed.
"""

from __future__ import annotations

import ctypes.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import mujoco
import numpy as np
from PIL import Image
from taskloom.arrays import save_npz

from taskloom_control.report.drawing import BACKGROUND, Camera

_TIME_LIMIT = 120.0
_LIBRARIES = {"osmesa": "OSMesa", "egl": "EGL"}
# Straight from the side or from above a scene looks flat: the camera is lifted, or lowered, this far [degrees].
_FLATTEST, _STEEPEST = -12.0, -62.0


def backends() -> list[str]:
    """Return the contexts to try, in order."""
    asked = os.environ.get("MUJOCO_GL", "").lower()
    if asked:
        return [asked] if asked in _LIBRARIES else []
    return [name for name, library in _LIBRARIES.items() if ctypes.util.find_library(library)]


def render_frames(
    model: mujoco.MjModel,
    arrays: Mapping[str, np.ndarray],
    steps: np.ndarray,
    camera: Camera,
    size: tuple[int, int],
) -> list[Image.Image]:
    """Render recorded states; an empty list where that is not possible.

    Args:
        model: The simulated model.
        arrays: The recorded trajectory.
        steps: Indices of the states.
        camera: Where to look from.
        size: Width and height [px].
    """
    contexts = backends()
    if not contexts:
        return []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mujoco.mj_saveModel(model, str(folder / "model.mjb"))
        states = {k: arrays[k][steps] for k in ("qpos", "mocap_pos", "mocap_quat")}
        view = np.array([*camera.center, *angles(camera), camera.extent])
        sizes = {"size": np.array(size), "view": view}
        save_npz(folder / "states.npz", {**sizes, **states}, compressed=False)
        if not any(_render(folder, context) for context in contexts):
            return []
        with np.load(folder / "frames.npz", allow_pickle=False) as file:
            return [Image.fromarray(frame) for frame in file["frames"]]


def angles(camera: Camera) -> tuple[float, float]:
    """Return azimuth and elevation [degrees] of MuJoCo's free camera in about the same place."""
    forward = -camera.depth
    elevation = float(np.degrees(np.arcsin(np.clip(forward[2], -1.0, 1.0))))
    # Straight down, the azimuth is the direction that is up in the picture.
    flat = camera.up if elevation < -89.0 else forward
    azimuth = float(np.degrees(np.arctan2(flat[1], flat[0]))) % 360.0
    return azimuth, min(max(elevation, _STEEPEST), _FLATTEST)


def _render(folder: Path, context: str) -> bool:
    """Render in another process; say whether it left frames."""
    environment = {**os.environ, "MUJOCO_GL": context, "PYOPENGL_PLATFORM": context}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "taskloom_control.report.offscreen", str(folder)],
            env=environment,
            capture_output=True,
            timeout=_TIME_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0 and (folder / "frames.npz").exists()


def _main(folder: Path) -> None:
    """Render what the parent process asks for."""
    model = mujoco.MjModel.from_binary_path(str(folder / "model.mjb"))
    data = mujoco.MjData(model)
    with np.load(folder / "states.npz", allow_pickle=False) as file:
        states = {name: file[name] for name in file.files}
    width, height = (int(v) for v in states["size"])
    _light(model)
    model.vis.global_.offwidth = max(width, model.vis.global_.offwidth)
    model.vis.global_.offheight = max(height, model.vis.global_.offheight)
    camera = mujoco.MjvCamera()
    camera.lookat[:] = states["view"][:3]
    camera.azimuth, camera.elevation, extent = (float(v) for v in states["view"][3:])
    camera.distance = 0.55 * extent / np.tan(np.radians(model.vis.global_.fovy / 2))
    frames = []
    with mujoco.Renderer(model, height, width) as renderer:
        for i, qpos in enumerate(states["qpos"]):
            data.qpos[:] = qpos
            if model.nmocap:
                data.mocap_pos[:] = states["mocap_pos"][i]
                data.mocap_quat[:] = states["mocap_quat"][i]
            mujoco.mj_forward(model, data)
            renderer.update_scene(data, camera)
            _hang_backdrop(renderer.scene, camera)
            frames.append(renderer.render().copy())
    np.savez(folder / "frames.npz", frames=np.stack(frames))


def _light(model: mujoco.MjModel) -> None:
    """Light every scene alike: from the camera, and by the first light as a sun, which throws the shadows."""
    headlight = model.vis.headlight
    headlight.ambient[:], headlight.diffuse[:], headlight.specular[:] = 0.45, 0.3, 0.05
    model.light_active[1:] = 0
    model.vis.quality.shadowsize = (
        1024  # four thousand a side, the default, is most of a frame's time without a GPU
    )
    if model.nlight:
        if hasattr(model, "light_type"):  # MuJoCo 3.3.3 renamed it
            model.light_type[0] = int(mujoco.mjtLightType.mjLIGHT_DIRECTIONAL)
        else:
            model.light_directional[0] = 1
        model.light_dir[0] = np.array((0.3, 0.4, -0.87))
        model.light_diffuse[0], model.light_specular[0] = 0.4, 0.1


def _hang_backdrop(scene: mujoco.MjvScene, camera: mujoco.MjvCamera) -> None:
    """Put a shining wall behind everything: without a sky of its own a scene stands in the dark."""
    if scene.ngeom >= scene.maxgeom:
        return
    azimuth, elevation = np.radians([camera.azimuth, camera.elevation])
    forward = np.array(
        [
            np.cos(elevation) * np.cos(azimuth),
            np.cos(elevation) * np.sin(azimuth),
            np.sin(elevation),
        ]
    )
    side = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    turn = np.stack([side, np.cross(forward, side), forward], axis=1)
    far = 8.0 * camera.distance
    wall = scene.geoms[scene.ngeom]
    mujoco.mjv_initGeom(
        wall,
        int(mujoco.mjtGeom.mjGEOM_BOX),
        np.array([4.0 * far, 4.0 * far, 0.01]),
        camera.lookat + far * forward,
        turn.flatten(),
        np.array([*(c / 255 for c in BACKGROUND), 1.0], dtype=np.float32),
    )
    wall.emission, wall.specular, wall.reflectance = 1.0, 0.0, 0.0
    scene.ngeom += 1


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
