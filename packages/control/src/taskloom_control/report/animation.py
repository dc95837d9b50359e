"""An animation of the closed loop: MuJoCo's renderer where a software or EGL context works, otherwise a drawn view."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import mujoco
import numpy as np
from PIL import Image

from taskloom_control.report.drawing import Camera, choose_camera, draw_scene
from taskloom_control.report.offscreen import render_frames

if TYPE_CHECKING:
    from jaxtyping import Int

SIZE = (400, 300)
MAX_FRAMES = 100
FRAMES_PER_SECOND = 12.5


def frame_steps(times: np.ndarray) -> Int[np.ndarray, " F"]:
    """Return the indices of evenly spaced states, about 12 a second but at most 100."""
    seconds = max(float(times[-1] - times[0]), 1e-9)
    count = int(np.clip(round(seconds * FRAMES_PER_SECOND), 2, MAX_FRAMES))
    return np.unique(np.linspace(0, len(times) - 1, min(count, len(times))).round().astype(int))


def animate(model: mujoco.MjModel, arrays: Mapping[str, np.ndarray], path: Path) -> str:
    """Write a GIF of a recorded episode that plays in real time, and return how it was made: `rendered` or `drawn`.

    Args:
        model: The simulated model.
        arrays: The recorded trajectory.
        path: The file to write.
    """
    steps = frame_steps(arrays["time"])
    camera = camera_for(model, arrays, steps)
    frames = render_frames(model, arrays, steps, camera, SIZE)
    made = "rendered" if frames else "drawn"
    if not frames:
        frames = drawn_frames(model, arrays, steps, camera, SIZE)
    seconds = float(arrays["time"][steps[-1]] - arrays["time"][steps[0]])
    # GIF counts in hundredths of a second.
    pause = max(20, round(seconds / max(len(frames) - 1, 1) * 100) * 10)
    palette = [frame.quantize(64, dither=Image.Dither.NONE) for frame in frames]
    palette[0].save(path, save_all=True, append_images=palette[1:], duration=pause, loop=0)
    return made


def place(
    model: mujoco.MjModel, data: mujoco.MjData, arrays: Mapping[str, np.ndarray], step: int
) -> None:
    """Put a recorded state into `data` and compute where everything is."""
    data.qpos[:] = arrays["qpos"][step]
    if model.nmocap:
        data.mocap_pos[:], data.mocap_quat[:] = (
            arrays["mocap_pos"][step],
            arrays["mocap_quat"][step],
        )
    mujoco.mj_kinematics(model, data)


def camera_for(
    model: mujoco.MjModel, arrays: Mapping[str, np.ndarray], steps: np.ndarray
) -> Camera:
    """Return a camera that sees everything that moves, in all of these states."""
    data = mujoco.MjData(model)
    # What is fixed to the world is scenery: it is drawn, but it does not decide where the camera looks.
    moving = model.body_weldid[model.geom_bodyid] > 0
    moving &= model.geom_rbound > 0
    places = []
    for step in steps:
        place(model, data, arrays, int(step))
        places.append(data.geom_xpos[moving].copy())
    reach = float(model.geom_rbound[moving].max()) if moving.any() else 1.0
    points = np.stack(places) if moving.any() else np.zeros((1, 1, 3))
    return choose_camera(points, reach, SIZE[0] / SIZE[1])


def drawn_frames(
    model: mujoco.MjModel,
    arrays: Mapping[str, np.ndarray],
    steps: np.ndarray,
    camera: Camera,
    size: tuple[int, int],
) -> list[Image.Image]:
    """Draw recorded states, where nothing renders them."""
    data, frames = mujoco.MjData(model), []
    for step in steps:
        place(model, data, arrays, int(step))
        title = f"t = {arrays['time'][step]:.2f} s"
        frames.append(draw_scene(model, data, camera, size, title))
    return frames
