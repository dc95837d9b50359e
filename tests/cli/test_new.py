"""`tasks new`: three files, a test that passes, and nothing half-written."""

import ast
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

GARDEN = Path(__file__).parent / "garden"
Tasks = Callable[..., Any]


def test_new_makes_three_files_whose_test_passes(tasks: Tasks, tmp_path: Path) -> None:
    outcome = tasks("new", "garden", "slow-seed", "--summary=Wait for a seed.")
    assert (outcome.code, outcome.out) == (0, "garden_slow_seed\n")
    folder = tmp_path / "garden_slow_seed"
    names = ["garden_slow_seed.py", "pyproject.toml", "test_garden_slow_seed.py"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert list(tmp_path.iterdir()) == [folder]
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["taskloom.tasks"] == {
        "garden.slow-seed": "garden_slow_seed:SlowSeed"
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(GARDEN), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_new_writes_valid_python_whatever_the_name(tasks: Tasks, tmp_path: Path) -> None:
    assert tasks("new", "garden", "a1_b2", "--summary=It's 50% $new {here}.").code == 0
    for path in (tmp_path / "garden_a1_b2").glob("*.py"):
        ast.parse(path.read_text())
    assert "It's 50% $new {here}." in (tmp_path / "garden_a1_b2" / "pyproject.toml").read_text()


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("garden", "grow"), 2, "'garden grow' exists already, in garden-domain"),
        (("gardn", "x"), 2, "There is no domain 'gardn'"),
        (("garden", "Big"), 2, "'Big' is no name for a task"),
        (("garden", "../up"), 2, "'../up' is no name for a task"),
        (("garden", "class"), 2, "'class' is no name for a task"),
        (("garden", ""), 2, "'' is no name for a task"),
        (("garden", "domain"), 2, "a module 'garden_domain' is installed already"),
        (("garden", "x", '--summary=a"b'), 2, "--summary may hold no quotation mark"),
        (("garden", "x", "--into=nowhere"), 2, "cannot be made: No such file or directory"),
    ],
)
def test_new_refuses_in_one_sentence_and_writes_nothing(
    tasks: Tasks, tmp_path: Path, words: tuple[str, ...], code: int, error: str
) -> None:
    outcome = tasks("new", *words)
    assert outcome.code == code
    assert error in outcome.err.splitlines()[0]
    assert list(tmp_path.iterdir()) == []


def test_new_leaves_a_folder_that_exists_alone(tasks: Tasks, tmp_path: Path) -> None:
    (tmp_path / "garden_x").mkdir()
    outcome = tasks("new", "garden", "x")
    assert (outcome.code, outcome.err) == (2, "error: 'garden_x' exists already\n")
    assert list((tmp_path / "garden_x").iterdir()) == []
