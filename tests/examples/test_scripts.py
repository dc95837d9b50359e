"""`examples/*.py`: each runs, prints something, and is short; those that share runs reuse them."""

from __future__ import annotations

import importlib.util
import runpy
import sys
import time
from pathlib import Path

import pytest
from tests_sizes import size

SCRIPTS = Path(__file__).parents[2] / "examples"
PAGES = Path(__file__).parents[1] / "docs" / "pages.py"
# The quick ones first: every day tests so many.
ORDER = (
    "study_of_a_table",
    "seeds_for_a_width",
    "one_file_task",
    "first_run",
    "own_user_model",
    "own_detector",
    "study_until_decided",
    "progress_of_a_run",
    "load_a_detector",
    "sweep_of_error_rates",
    "train_and_sample",
    "planners_compared",
    "study_of_assistants",
    "gymnasium_agent",
    "own_mjcf",
    "own_network_scored",
    "own_schedule",
    "fit_a_user",
    "detectors_compared",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the scripts share."""
    return tmp_path_factory.mktemp("scripts")


def test_every_script_is_tested() -> None:
    assert {path.stem for path in SCRIPTS.glob("*.py")} == set(ORDER)


@pytest.mark.parametrize("name", ORDER[: size("example_scripts")])
def test_a_script_runs(
    name: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    monkeypatch.delenv("TASKS_STORE", raising=False)
    start = time.process_time()
    runpy.run_path(str(SCRIPTS / f"{name}.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert printed.strip()
    shown = SCRIPTS / "outputs" / f"{name}.txt"
    if shown.is_file():
        assert matches(shown.read_text(encoding="utf-8").splitlines(), printed)
    assert time.process_time() - start < 60


def matches(shown: list[str], printed: str) -> bool:
    """Return whether the gallery's output is what was printed; `...` stands for anything, a line of it for any lines."""
    spec = importlib.util.spec_from_file_location("docs_pages_of_examples", PAGES)
    assert spec is not None
    assert spec.loader is not None
    pages = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = pages
    spec.loader.exec_module(pages)
    return bool(pages.matches(shown, printed))


def test_every_output_belongs_to_a_script() -> None:
    assert {path.stem for path in (SCRIPTS / "outputs").iterdir()} <= set(ORDER)


def test_no_script_repeats_another() -> None:
    lines = {
        path.stem: {
            line.strip()
            for line in path.read_text().splitlines()
            if len(line) > 30 and "import" not in line
        }
        for path in SCRIPTS.glob("*.py")
    }
    for first, ours in lines.items():
        for second, theirs in lines.items():
            assert first == second or len(ours & theirs) <= 2, (first, second, ours & theirs)
