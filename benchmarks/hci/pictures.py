"""Makes the pictures of the domain's page from a real run: `python benchmarks/hci/pictures.py`.

Charts are those of the report; the games are drawn by their own `render`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import vl_convert
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from taskloom.report.model import Chart
from taskloom.runs import open_run
from taskloom_hci.driver import make_bundle
from taskloom_hci.report.section import report

OUT = Path(__file__).parents[2] / "docs" / "pictures" / "hci"
RUN = ("pointing", "--user.error_rate=0.05", "--assistant=big", "--episodes=20000")


def played(store: Path) -> list[Chart]:
    """Return the charts of the report of the run that the page tells of."""
    program = str(Path(sys.executable).with_name("tasks"))
    command = [program, "run", "hci", *RUN, "--store", str(store)]
    subprocess.run(command, check=True, capture_output=True)
    return [block for block in report(open_run("@last", store)) if isinstance(block, Chart)]


def save(chart: Chart, name: str) -> None:
    """Write one chart as SVG."""
    config = {"background": "white", "font": "DejaVu Sans, sans-serif"}
    svg = vl_convert.vegalite_to_svg(json.dumps(chart.spec), vl_version="5.20", config=config)
    (OUT / f"{name}.svg").write_text(svg, encoding="utf-8")


def search() -> None:
    """Draw a search with the eyes, fixation after fixation, beside a grid with its targets."""
    figure = Figure(figsize=(8.4, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    gaze = make_bundle("gaze", seed=5)
    gaze.reset()
    path = [gaze.task.state["fixation"].copy()]
    while not gaze.over:
        path.append(gaze.step().state["task_state"]["fixation"])
    gaze.render("plot", ax_task=left)
    x, y = zip(*path, strict=True)
    left.plot(x, y, "-", linewidth=0.8, color="gray", zorder=0)
    left.set_title(f"gaze: found after {len(path) - 1} fixations", fontsize=10)
    grid = make_bundle("pointing_2d", seed=2, assistant={"kind": "big"})
    grid.reset()
    grid.render("plot", ax_task=right)
    right.set_title("pointing_2d: before the first round", fontsize=10, pad=24)
    right.legend(loc="upper center", ncols=3, bbox_to_anchor=(0.5, 1.11), frameon=False)
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(OUT / "render.svg", metadata={"Date": None})


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        charts = played(Path(folder))
    named: dict[str, str] = {
        "Rounds until the end": "rounds",
        "Episode 0": "episode",
        "Beliefs in episode 0": "beliefs",
    }
    for chart in charts:
        title = str(chart.spec.get("title", ""))
        if title in named:
            save(chart, named[title])
    search()
    for file in sorted(OUT.iterdir()):
        print(f"{file.name} {file.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
