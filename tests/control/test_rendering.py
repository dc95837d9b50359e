"""The animation: MuJoCo's renderer through each context that is there, a drawn view where none is."""

from __future__ import annotations

import ctypes.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from taskloom_control.mjcf.compiling import compile_model
from taskloom_control.report.animation import animate, camera_for, frame_steps
from taskloom_control.report.drawing import BACKGROUND, Camera, choose_camera
from taskloom_control.report.offscreen import angles, backends, render_frames

LIBRARIES = {"osmesa": "OSMesa", "egl": "EGL"}
SCENE = """
<mujoco><worldbody><light pos="0 -1 3"/>
  <geom name="floor" type="plane" size="3 3 .1" rgba=".6 .6 .6 1"/>
  <body pos="0 0 .3"><joint type="slide" axis="1 0 0"/><geom name="ball" size=".3" rgba="1 0 0 1"/></body>
</worldbody><actuator><motor joint="joint" ctrlrange="-1 1"/></actuator></mujoco>
""".replace('<joint type="slide"', '<joint name="joint" type="slide"')


def moving(steps: int = 5) -> dict[str, np.ndarray]:
    """Return a recorded episode in which the ball goes from left to right."""
    return {
        "time": np.linspace(0.0, 0.4, steps),
        "qpos": np.linspace(-1.0, 1.0, steps)[:, None],
        "mocap_pos": np.zeros((steps, 0, 3)),
        "mocap_quat": np.zeros((steps, 0, 4)),
    }


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    path = tmp_path / "scene.xml"
    path.write_text(SCENE)
    return path


def redness(frame: Image.Image) -> np.ndarray:
    """Return how red every column of a picture is."""
    pixels = np.asarray(frame, dtype=float)
    return np.clip(pixels[..., 0] - pixels[..., 1], 0, None).sum(axis=0)


@pytest.mark.parametrize("context", ["osmesa", "egl"])
def test_mujocos_renderer_shows_the_scene_on_a_light_ground(
    scene: Path, context: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The frames come from a process of their own, with the context that MUJOCO_GL names."""
    if ctypes.util.find_library(LIBRARIES[context]) is None:
        pytest.skip(f"the library {LIBRARIES[context]} is not installed")
    monkeypatch.setenv("MUJOCO_GL", context)
    model, arrays, steps = compile_model(scene, lambda spec: None), moving(), np.arange(5)
    camera = camera_for(model, arrays, steps)
    frames = render_frames(model, arrays, steps, camera, (160, 120))
    if not frames and context == "egl":
        pytest.skip("EGL is installed without a driver")
    assert [frame.size for frame in frames] == [(160, 120)] * 5
    centers = [float(np.average(np.arange(160), weights=redness(frame))) for frame in frames]
    assert (np.diff(centers) > 10).all()
    # The wall behind everything is as light as the drawn view's ground, not MuJoCo's black.
    corner = np.asarray(frames[0])[:3].reshape(-1, 3)
    assert np.abs(corner.mean(axis=0) - BACKGROUND).max() < 8


@pytest.mark.parametrize(
    ("environment", "libraries", "expected"),
    [
        ("", {"OSMesa", "EGL"}, ["osmesa", "egl"]),
        ("", {"EGL"}, ["egl"]),
        ("", set(), []),
        ("egl", set(), ["egl"]),
        ("disable", {"OSMesa", "EGL"}, []),
        ("glfw", {"OSMesa"}, []),
    ],
)
def test_contexts_follow_the_environment_and_the_libraries(
    monkeypatch: pytest.MonkeyPatch, environment: str, libraries: set[str], expected: list[str]
) -> None:
    monkeypatch.setenv("MUJOCO_GL", environment)
    monkeypatch.setattr(
        "ctypes.util.find_library", lambda name: f"lib{name}.so" if name in libraries else None
    )
    assert backends() == expected


@pytest.mark.parametrize("hindrance", ["switched off", "dies", "hangs"])
def test_drawn_view_stands_in_where_nothing_can_be_rendered(
    scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hindrance: str
) -> None:
    if hindrance == "switched off":
        monkeypatch.setenv("MUJOCO_GL", "disable")
    else:
        program = tmp_path / "python"
        program.write_text(
            "#!/bin/sh\nexit 3\n" if hindrance == "dies" else "#!/bin/sh\nexec sleep 9\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("MUJOCO_GL", "osmesa")
        monkeypatch.setattr(sys, "executable", str(program))
        monkeypatch.setattr("taskloom_control.report.offscreen._TIME_LIMIT", 0.2)
    model = compile_model(scene, lambda spec: None)
    path = tmp_path / "animation.gif"
    assert animate(model, moving(), path) == "drawn"
    with Image.open(path) as picture:
        assert picture.n_frames == 5


def test_rendered_animation_is_written_by_a_run(tmp_path: Path) -> None:
    """As a user meets it: a process of its own, OSMesa, a real task."""
    if ctypes.util.find_library("OSMesa") is None:
        pytest.skip("the library OSMesa is not installed")
    code = (
        "import json, sys\n"
        "from pathlib import Path\n"
        "from taskloom_control.report.animation import animate\n"
        "from taskloom_control.closed_loop.loop import ClosedLoop\n"
        "from taskloom.opening import open_task\n"
        "loop = ClosedLoop(open_task('control/particle_goal', seconds=0.3), 0, 0)\n"
        "while not loop.done: loop.advance()\n"
        "print(json.dumps(animate(loop.simulation.model, loop.arrays(), Path('a.gif'))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "MUJOCO_GL": "osmesa"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == "rendered"
    with Image.open(tmp_path / "a.gif") as picture:
        assert picture.size == (400, 300)


def test_free_camera_looks_where_the_drawn_one_does() -> None:
    x, y, z = np.eye(3)
    assert angles(Camera(x, z, np.zeros(3), 1.0)) == (90.0, -12.0)
    assert angles(Camera(x, y, np.zeros(3), 1.0)) == (90.0, -62.0)
    assert angles(Camera(y, z, np.zeros(3), 1.0)) == (180.0, -12.0)
    points = np.random.default_rng(0).uniform(-1, 1, (3, 4, 3))
    azimuth, elevation = angles(choose_camera(points, 0.1, 4 / 3))
    assert 90 < azimuth < 180
    assert -45 < elevation < -20


def test_frames_are_spread_over_the_episode() -> None:
    steps = frame_steps(np.linspace(0, 10, 501))
    assert (steps[0], steps[-1], len(steps)) == (0, 500, 100)
    assert len(frame_steps(np.linspace(0, 0.1, 6))) == 2
