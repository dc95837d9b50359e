"""`examples/plugins`: one of each sort. They are what `tasks new` writes, and their own tests pass."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from taskloom.cli import main
from tests_sizes import size

PLUGINS = Path(__file__).parents[2] / "examples" / "plugins"
MADE = {
    "hci_count": ("hci", "count"),
    "anomaly_mirror": ("anomaly", "mirror"),
    "diffusion_words": ("diffusion", "words"),
    "control_hinge": ("control", "hinge"),
    "taskloom_search": ("domain", "search"),
    "hci_habitual": ("component", "hci.users", "habitual"),
}
"""The words after `tasks new` for each example that it made."""
WRITTEN = ("nice_executor", "csv_sink", "hci_discounting")


def _files(folder: Path) -> dict[str, str]:
    paths = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in paths}


def test_examples_are_one_of_each_sort() -> None:
    assert {path.name for path in PLUGINS.iterdir() if path.is_dir()} == {*MADE, *WRITTEN}


@pytest.mark.parametrize("name", MADE)
def test_example_is_what_tasks_new_writes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", *MADE[name]]) == 0
    assert _files(PLUGINS / name) == _files(tmp_path / name)


@pytest.fixture
def site(tmp_path: Path) -> str:
    """Return a PYTHONPATH on which every example is installed."""
    for project in PLUGINS.glob("*/pyproject.toml"):
        facts = tomllib.loads(project.read_text())["project"]
        info = tmp_path / f"{facts['name'].replace('-', '_')}-{facts['version']}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {facts['name']}\nVersion: {facts['version']}\n"
            f"Summary: {facts['description']}\n"
        )
        lines = [
            f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in points.items())
            for group, points in facts["entry-points"].items()
        ]
        (info / "entry_points.txt").write_text("\n".join(lines))
    return os.pathsep.join([str(tmp_path), *map(str, PLUGINS.iterdir())])


@pytest.mark.slow
def test_tests_of_every_example_pass(site: str) -> None:
    """All in one process, as most of what each would take alone is imports."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rp", "-p", "no:cacheprovider", "-W", "error"],
        cwd=PLUGINS,
        env={
            **os.environ,
            "PYTHONPATH": site,
            "OMP_NUM_THREADS": "1",
            "JAX_DISABLE_MOST_OPTIMIZATIONS": str(size("quick_compilation")),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # what else is installed here is no part of an example
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(re.findall(r"PASSED \S*?(\w+)/test_", done.stdout)) == {*MADE, *WRITTEN}
