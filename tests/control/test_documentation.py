"""The task and the optimizer that the domain's page shows work as they stand there."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from taskloom.cli import main
from taskloom.opening import open_task
from taskloom.registry import refresh

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "how-to/add-a-planner.md"
TABLES = DOCS / "reference/control-tasks.md"
RESULTS = DOCS / "reference/control-results.md"
FIRST = DOCS / "how-to/plan-a-task.md"
MODEL = """
<mujoco><option timestep="0.02"/>
  <worldbody><body><joint name="hinge" axis="0 1 0"/><geom type="capsule" fromto="0 0 0 0 0 -.5" size=".03"/></body></worldbody>
  <actuator><motor joint="hinge" ctrlrange="-2 2"/></actuator></mujoco>
"""


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Install what the page shows."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    shown = [block for block in blocks if "class " in block]
    assert len(shown) == 2
    (tmp_path / "page_example.py").write_text("\n".join(shown))
    (tmp_path / "balance.xml").write_text(MODEL)
    info = tmp_path / "page_example-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: page-example\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[taskloom.tasks]\ncontrol.balance = page_example:Balance\n"
        "[taskloom_control.optimizers]\ngreedy = page_example:Greedy\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    refresh()
    yield tmp_path
    sys.modules.pop("page_example", None)
    monkeypatch.undo()
    refresh()


@pytest.mark.usefixtures("example")
def test_example_task_passes_the_check_and_runs_with_the_example_optimizer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(("control", "check", "balance")) == 0
    words = ("--optimizer=greedy", "--optimizer.keep=2", "--seconds=1", "--record.animation=false")
    assert main(("run", "control", "balance", *words, "--quiet")) == 0
    assert main(("control", "replay", "@last")) == 0
    assert "replays to the same trajectory: 50 steps" in capsys.readouterr().out


def test_page_lists_every_task_and_component() -> None:
    from taskloom_control.domain import DOMAIN

    text = TABLES.read_text(encoding="utf-8")
    names = [ref.name for ref in DOMAIN.tasks if not ref.needs]
    names += [ref.name for refs in DOMAIN.components.values() for ref in refs]
    assert [name for name in names if f"`{name}`" not in text] == []


def test_pictures_of_the_page_exist_and_are_small() -> None:
    pages = TABLES.read_text(encoding="utf-8") + FIRST.read_text(encoding="utf-8")
    pictures = re.findall(r"!\[[^]]{20,}\]\(([^)]+)\)", pages)
    assert len(pictures) >= 6
    for name in pictures:
        assert 1000 < (PAGE.parent / name).stat().st_size <= 120_000


def test_the_table_of_criteria_names_the_planner_of_each_task() -> None:
    words = {"ps": "predictive sampling", "ilqr": "iLQR"}
    told = RESULTS.read_text(encoding="utf-8").partition("## Success criteria")[2]
    rows = dict(
        re.findall(r"^\| (\w+) \| ([^|]+) \|", told.partition("\n## ")[0], re.MULTILINE)[1:]
    )
    assert len(rows) >= 19
    for name, planner in rows.items():
        kind = open_task(f"control/{name}").config.optimizer.kind
        assert planner == words.get(kind, kind.upper()), name
