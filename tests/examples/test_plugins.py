"""`examples/plugins`: one of each sort. They are what `tasks new` writes, and their own tests pass."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from taskloom.cli import main

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
SLOW = ("anomaly_mirror", "diffusion_words", "control_hinge", "nice_executor", "hci_discounting")


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


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a PYTHONPATH on which every example is installed."""
    folder = tmp_path_factory.mktemp("site")
    for project in PLUGINS.glob("*/pyproject.toml"):
        facts = tomllib.loads(project.read_text())["project"]
        info = folder / f"{facts['name'].replace('-', '_')}-{facts['version']}.dist-info"
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
    return os.pathsep.join([str(folder), *map(str, PLUGINS.iterdir())])


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in SLOW else ())
        for name in (*MADE, *WRITTEN)
    ],
)
def test_tests_of_an_example_pass(name: str, site: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"],
        cwd=PLUGINS / name,
        env={
            **os.environ,
            "PYTHONPATH": site,
            "OMP_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
