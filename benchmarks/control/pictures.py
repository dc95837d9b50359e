"""The pictures of the documentation, from real runs.

python benchmarks/control/pictures.py [FOLDER] [--gallery]     (docs/pictures/control by default; wants OSMesa or EGL)
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import vl_convert
from ours import bound, make
from PIL import Image, ImageDraw
from taskloom.report.model import Chart
from taskloom_control.closed_loop.loop import ClosedLoop
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.domain import DOMAIN
from taskloom_control.report.animation import camera_for
from taskloom_control.report.candidate_traces import fan_chart
from taskloom_control.report.drawing import choose_camera
from taskloom_control.report.offscreen import render_frames
from taskloom_control.report.timing import planning_chart

PLAIN = {"background": "white", "view": {"stroke": None}, "axis": {"gridColor": "#eeeeee"}}
FRAME, TILE = (300, 200), (220, 165)


def episode(name: str, **config: object) -> ClosedLoop:
    """Play an episode of seed 0, as `tasks run` does."""
    from taskloom import derive_seed

    task = bound(name, record={"animation": False}, **config)
    loop = ClosedLoop(task, derive_seed(0, "plan"), derive_seed(0, "reset"))
    while not loop.done:
        loop.advance()
    return loop


def save(picture: Image.Image, path: Path) -> None:
    """Write a small PNG."""
    picture.quantize(96, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path, path.stat().st_size)


def joined(tiles: Sequence[Image.Image], columns: int, words: Sequence[str]) -> Image.Image:
    """Put tiles into a grid, each with a word in its corner."""
    width, height = tiles[0].size
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * width, rows * height), "white")
    for i, (tile, word) in enumerate(zip(tiles, words, strict=True)):
        ImageDraw.Draw(tile).text((6, 4), word, fill=(50, 50, 50), font_size=13)
        sheet.paste(tile, (i % columns * width, i // columns * height))
    return sheet


def strip(name: str, times: Sequence[float], **config: object) -> tuple[Image.Image, ClosedLoop]:
    """Return frames of an episode side by side."""
    loop = episode(name, **config)
    arrays, model = loop.arrays(), loop.simulation.model
    steps = np.searchsorted(arrays["time"], np.array(times) - 1e-9)
    camera = camera_for(model, arrays, np.arange(steps[0], steps[-1] + 1))
    frames = render_frames(model, arrays, steps, camera, FRAME)
    return joined(frames, len(frames), [f"{t:g} s" for t in times]), loop


def gallery() -> Image.Image:
    """Return how an episode of every task begins."""
    tiles = []
    names = [ref.name for ref in DOMAIN.tasks if not ref.needs]
    for name in names:
        task = make(name)
        simulation = Simulation(task, task.config)
        simulation.reset(np.random.default_rng(1))
        data = simulation.data
        state = {
            "qpos": data.qpos[None],
            "mocap_pos": data.mocap_pos[None],
            "mocap_quat": data.mocap_quat[None],
        }
        # All that is small: what moves, and what it is to be moved to.
        seen = (simulation.model.geom_rbound > 0) & (simulation.model.geom_rbound < 0.8)
        reach = 1.2 * float(simulation.model.geom_rbound[seen].max())
        camera = choose_camera(data.geom_xpos[seen][None], reach, TILE[0] / TILE[1])
        tiles += render_frames(simulation.model, state, np.arange(1), camera, TILE)
    return joined(tiles, 6, names)


def chart_png(chart: Chart | None, path: Path) -> None:
    """Draw a chart of the report on white."""
    assert chart is not None
    path.write_bytes(vl_convert.vegalite_to_png(chart.spec, scale=1.2, config=PLAIN))
    save(Image.open(path).convert("RGB"), path)


def swing_chart(arrays: dict[str, np.ndarray]) -> Chart:
    """Return angle, position and control of the cart-pole over time."""
    rows: list[dict[str, Any]] = []
    for word, values in (
        ("angle of the pole [rad]", arrays["qpos"][:-1, 1]),
        ("position of the cart [m]", arrays["qpos"][:-1, 0]),
        ("control [m]", arrays["control"][:, 0]),
    ):
        rows += [
            {"time": round(float(t), 3), "value": round(float(v), 4), "what": word}
            for t, v in zip(arrays["time"], values, strict=False)
        ]
    encoding = {
        "x": {"field": "time", "type": "quantitative", "title": "simulated time [s]"},
        "y": {"field": "value", "type": "quantitative", "title": None},
        "color": {"field": "what", "type": "nominal", "sort": None, "legend": {"title": None}},
    }
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": rows},
        "width": 560,
        "height": 220,
        "mark": "line",
        "encoding": encoding,
    }
    return Chart(spec)


def main() -> None:
    """Make all pictures."""
    home = Path(__file__).parents[2] / "docs/pictures/control"
    named = [word for word in sys.argv[1:] if not word.startswith("-")]
    folder = Path(named[0]) if named else home
    folder.mkdir(parents=True, exist_ok=True)
    save(gallery(), folder / "tasks.png")
    if "--gallery" in sys.argv:
        return
    picture, loop = strip("cartpole", (0.0, 1.0, 2.0, 3.0, 4.0))
    save(picture, folder / "cartpole.png")
    arrays = loop.arrays()
    chart_png(swing_chart(arrays), folder / "swing.png")
    fan = {name: array[:5] if name.startswith("fan_") else array for name, array in arrays.items()}
    chart_png(fan_chart(fan, "the pole's tip"), folder / "fan.png")
    period = 1000.0 / loop.config.controller.control_freq
    chart_png(planning_chart(1000.0 * arrays["plan_seconds"], period), folder / "planning.png")
    picture, _ = strip("cylinder_push", (0.0, 0.5, 1.0, 1.5, 3.0), seconds=3.0)
    save(picture, folder / "cylinder_push.png")
    picture, _ = strip("quadruped_walk", (0.0, 1.5, 3.0, 4.5, 6.0), seconds=6.0)
    save(picture, folder / "quadruped_walk.png")


if __name__ == "__main__":
    main()
