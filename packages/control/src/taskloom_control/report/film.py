"""A film or a picture of a recorded episode: .mp4 by PyAV, .gif and .png by Pillow."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np
from taskloom.arrays import load_npz
from taskloom.errors import MissingExtraError, StoreError, UsageError
from taskloom.opening import task_of

from taskloom_control.report.animation import camera_for, drawn_frames
from taskloom_control.report.offscreen import render_frames

if TYPE_CHECKING:
    from jaxtyping import Int
    from PIL import Image
    from taskloom.runs.run import Run

SUFFIXES = (".mp4", ".gif", ".png")
_MOST = 100_000


def film_run(run: Run, out: Path, fps: float, size: str, speed: float) -> str:
    """Make a film of a run, and return what it is of.

    Args:
        run: The run.
        out: The file; its suffix says what it is.
        fps: Pictures a second.
        size: `WIDTHxHEIGHT` [px].
        speed: Simulated time over the film's.

    Raises:
        UsageError: The suffix or the size is none, or the run left no trajectory.
        MissingExtraError: A film needs PyAV, which is not installed.
        StoreError: The file cannot be written.
    """
    trajectory = run.artifacts.get("trajectory")
    if trajectory is None or not trajectory.is_file():
        raise UsageError(f"The run {run.id} ({run.status}) left no trajectory to draw.")
    found = re.fullmatch(r"(\d{2,4})x(\d{2,4})", size)
    if found is None:
        raise UsageError(f"--size={size} is no size; it has the form 640x480.")
    width, height = int(found[1]), int(found[2])
    task: Any = task_of(run)
    return make_film(task.task.model, load_npz(trajectory), out, (width, height), (fps, speed))


def make_film(
    model: mujoco.MjModel,
    arrays: Mapping[str, np.ndarray],
    out: Path,
    size: tuple[int, int],
    rates: tuple[float, float] = (50.0, 1.0),
) -> str:
    """Make a film of a trajectory, or the picture of its last state, and return how many pictures it has and how they were made.

    Args:
        model: The model.
        arrays: The trajectory.
        out: The file; its suffix says what it is.
        size: Width and height [px]; films have even ones.
        rates: Pictures a second, and simulated time over the film's.

    Raises:
        UsageError: The suffix is none of .mp4, .gif and .png.
        MissingExtraError: A film needs PyAV, which is not installed.
        StoreError: The file cannot be written.
    """
    if out.suffix not in SUFFIXES:
        raise UsageError(f"'{out.name}' is no film; its name ends in {', '.join(SUFFIXES)}.")
    if out.suffix == ".mp4" and (find_spec("av") is None or find_spec("imageio") is None):
        raise MissingExtraError(
            "An .mp4 needs imageio and av, not installed here: pip install 'taskloom-control[watch]'; a .gif does not."
        )
    if not out.parent.is_dir():
        raise StoreError(f"The folder '{out.parent}' of --out does not exist.")
    # Players refuse odd sizes in the colours that every player knows.
    width, height = size[0] - size[0] % 2, size[1] - size[1] % 2
    fps, speed = rates
    steps = film_steps(arrays["time"], fps / speed)
    if out.suffix == ".png":
        steps = steps[-1:]
    camera = camera_for(model, arrays, steps)
    frames = render_frames(model, arrays, steps, camera, (width, height))
    how = "rendered" if frames else "drawn"
    frames = frames or drawn_frames(model, arrays, steps, camera, (width, height))
    try:
        _write(out, frames, fps)
    except OSError as error:
        raise StoreError(f"'{out}' cannot be written: {error.strerror or error}.") from None
    return f"{len(frames)} pictures, {how}"


def film_steps(times: np.ndarray, rate: float) -> Int[np.ndarray, " F"]:
    """Return the index of the state of each picture: the nearest one to its moment.

    Args:
        times: Times of the states [s].
        rate: Pictures per simulated second.
    """
    span = float(times[-1] - times[0])
    count = min(max(1, round(span * rate)), _MOST)
    moments = times[0] + np.arange(count) / rate
    later = np.clip(np.searchsorted(times, moments), 1, max(len(times) - 1, 1))
    if len(times) < 2:
        return np.zeros(1, dtype=int)
    nearer = np.abs(times[later - 1] - moments) <= np.abs(times[later] - moments)
    return np.asarray(np.where(nearer, later - 1, later))


def _write(out: Path, frames: Sequence[Image.Image], fps: float) -> None:
    if out.suffix == ".png":
        frames[0].save(out)
    elif out.suffix == ".gif":
        # GIF counts in hundredths of a second.
        pause = max(20, round(100 / fps) * 10)
        frames[0].save(out, save_all=True, append_images=frames[1:], duration=pause, loop=0)
    else:
        import imageio.v3 as iio  # heavy: FFmpeg

        with iio.imopen(out, "w", plugin="pyav") as file:
            file.init_video_stream("libx264", fps=round(fps), pixel_format="yuv420p")
            for frame in frames:
                file.write_frame(np.asarray(frame.convert("RGB")))
