"""MuJoCo's own renderer, in a process of its own: a graphics context that cannot be had must not take the run with it.

It is tried where the environment names a context (`MUJOCO_GL=egl` or `osmesa`) or where the OSMesa library is installed.
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

_TIME_LIMIT = 120.0


def backend() -> str:
    """Return the context to try, `egl` or `osmesa`, or nothing."""
    asked = os.environ.get("MUJOCO_GL", "").lower()
    if asked in ("egl", "osmesa"):
        return asked
    if not asked and ctypes.util.find_library("OSMesa"):
        return "osmesa"
    return ""


def render_frames(
    model: mujoco.MjModel,
    arrays: Mapping[str, np.ndarray],
    steps: np.ndarray,
    size: tuple[int, int],
) -> list[Image.Image]:
    """Render recorded states; an empty list where that is not possible.

    Args:
        model: The simulated model.
        arrays: The recorded trajectory.
        steps: Indices of the states.
        size: Width and height [px].
    """
    context = backend()
    if not context:
        return []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mujoco.mj_saveModel(model, str(folder / "model.mjb"))
        states = {k: arrays[k][steps] for k in ("qpos", "mocap_pos", "mocap_quat", "time")}
        np.savez(folder / "states.npz", allow_pickle=False, size=np.array(size), **states)
        environment = {**os.environ, "MUJOCO_GL": context}
        if context == "osmesa":
            environment["PYOPENGL_PLATFORM"] = "osmesa"
        try:
            done = subprocess.run(
                [sys.executable, "-m", "taskloom_control.offscreen", name],
                env=environment,
                capture_output=True,
                timeout=_TIME_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return []
        if done.returncode != 0 or not (folder / "frames.npz").exists():
            return []
        with np.load(folder / "frames.npz", allow_pickle=False) as file:
            return [Image.fromarray(frame) for frame in file["frames"]]


def _main(folder: Path) -> None:
    """Render what the parent process asks for."""
    model = mujoco.MjModel.from_binary_path(str(folder / "model.mjb"))
    data = mujoco.MjData(model)
    with np.load(folder / "states.npz", allow_pickle=False) as file:
        states = {name: file[name] for name in file.files}
    width, height = (int(v) for v in states["size"])
    model.vis.global_.offwidth = max(width, model.vis.global_.offwidth)
    model.vis.global_.offheight = max(height, model.vis.global_.offheight)
    frames = []
    with mujoco.Renderer(model, height, width) as renderer:
        for i, qpos in enumerate(states["qpos"]):
            data.qpos[:] = qpos
            if model.nmocap:
                data.mocap_pos[:], data.mocap_quat[:] = (
                    states["mocap_pos"][i],
                    states["mocap_quat"][i],
                )
            mujoco.mj_forward(model, data)
            renderer.update_scene(data)
            frames.append(renderer.render().copy())
    np.savez(folder / "frames.npz", allow_pickle=False, frames=np.stack(frames))


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
