"""What a third party needs to write, and that it works when it is installed."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

Tasks = Callable[..., subprocess.CompletedProcess[str]]
PACKAGES = Path(__file__).parent / "packages"


def lines_of(path: Path) -> int:
    return sum(1 for line in path.read_text().splitlines() if line.strip())


def test_a_task_needs_at_most_12_lines_and_2_lines_of_entry_point() -> None:
    assert lines_of(PACKAGES / "coin-task" / "coin_task.py") <= 12
    project = (PACKAGES / "coin-task" / "pyproject.toml").read_text()
    section = project[project.index("[project.entry-points") :]
    assert len([line for line in section.splitlines() if line.strip()]) == 2
    assert tomllib.loads(project)["project"]["entry-points"]["taskloom.tasks"]


def test_a_domain_with_components_and_a_report_needs_under_60_lines() -> None:
    assert sum(lines_of(path) for path in (PACKAGES / "lab-domain").rglob("*.py")) < 60


def test_an_installed_task_is_listed_with_its_summary(tasks: Tasks) -> None:
    done = tasks("list", "hci", "--json")
    assert done.returncode == 0, done.stderr
    found = {task["name"]: task for task in json.loads(done.stdout)["domains"][0]["tasks"]}
    assert found["coin"]["summary"] == "Toss a coin."
    assert found["coin"]["distribution"] == "coin-task"


def test_an_installed_task_runs_with_its_parameters_and_leaves_a_report(
    tasks: Tasks, tmp_path: Path
) -> None:
    done = tasks("run", "hci", "coin", "--tosses=7", "--seed=5", "--json")
    assert done.returncode == 0, done.stderr
    record = json.loads((next((tmp_path / "runs").glob("*/run.json"))).read_text())
    assert record["config"] == {"seed": 5, "tosses": 7}
    assert record["metrics"]["heads"] * 7 == round(record["metrics"]["heads"] * 7)
    page = next((tmp_path / "runs").glob("*/report.html")).read_text()
    assert "heads" in page
    assert "In detail" not in page, "the section of a domain is about the results of its driver"


def test_help_of_an_installed_task_shows_its_parameter(tasks: Tasks) -> None:
    done = tasks("run", "hci", "coin", "--help")
    assert done.returncode == 0, done.stderr
    assert "--tosses" in done.stdout
    assert "How often the coin is tossed." in " ".join(done.stdout.split())


def test_an_installed_task_passes_the_conformance_suite(good_site: Path) -> None:
    code = "from taskloom.testing import check_task; from coin_task import Coin; check_task(Coin)"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(good_site)})


def test_an_installed_domain_runs_with_a_chosen_component_and_its_own_section(
    tasks: Tasks, tmp_path: Path
) -> None:
    done = tasks("run", "lab", "walk", "--gait=drift", "--gait.bias=0.5")
    assert done.returncode == 0, done.stderr
    record = json.loads((next((tmp_path / "runs").glob("*/run.json"))).read_text())
    assert record["metrics"] == {"place": 20.0}
    assert "The walk" in next((tmp_path / "runs").glob("*/report.html")).read_text()


def test_a_mistyped_component_of_an_installed_domain_gets_its_names(tasks: Tasks) -> None:
    done = tasks("run", "lab", "walk", "--gait=drfit")
    assert done.returncode == 2
    assert "drift" in done.stderr
    assert "Traceback" not in done.stderr
