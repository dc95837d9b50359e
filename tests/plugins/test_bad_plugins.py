"""Six bad distributions beside the good ones: each is one line of a listing, and nothing else suffers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Tasks = Callable[..., subprocess.CompletedProcess[str]]

REASONS = {
    "bad-import": "ModuleNotFoundError: No module named 'no_such_module'",
    "bad-exit": "SystemExit: 3",
    "bad-type": "is of type dict, not a DomainRef",
    "lab.walk": "registered by both 'bad-twin' and 'lab-domain'",
    "hci.nowhere": "module 'bad_target' has no 'Nowhere'",
    "bad-sleeper": "took longer than 2 s",
}


def test_the_listing_names_every_bad_plugin_and_exits_0(tasks_among_bad: Tasks) -> None:
    done = tasks_among_bad("list", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    found = {entry["name"]: entry["error"] for entry in document["broken"]}
    assert set(found) == set(REASONS)
    for name, reason in REASONS.items():
        assert reason in found[name]
    assert {"anomaly", "hci", "diffusion", "control", "lab"} <= {
        entry["name"] for entry in document["domains"]
    }


def test_the_listing_for_people_names_every_bad_plugin(tasks_among_bad: Tasks) -> None:
    done = tasks_among_bad("list")
    assert done.returncode == 0
    for name in REASONS:
        assert f"{name}  broken (" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_good_task_runs_beside_bad_plugins(tasks_among_bad: Tasks) -> None:
    done = tasks_among_bad("run", "hci", "coin", "--tosses=3")
    assert done.returncode == 0, done.stderr
    assert "bad" not in done.stderr


@pytest.mark.parametrize(
    ("domain", "task", "reason"),
    [
        ("bad-import", "x", "no_such_module"),
        ("bad-exit", "x", "SystemExit"),
        ("lab", "walk", "registered by both"),
        ("hci", "nowhere", "has no 'Nowhere'"),
    ],
)
def test_asking_for_a_bad_plugin_is_one_sentence_and_exit_4(
    tasks_among_bad: Tasks, domain: str, task: str, reason: str
) -> None:
    done = tasks_among_bad("run", domain, task)
    assert done.returncode == 4
    assert reason in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("error: ")]) == 1
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_disabling_a_twin_brings_the_task_back(tasks_among_bad: Tasks) -> None:
    done = tasks_among_bad("run", "lab", "walk", "--dry-run", TASKLOOM_DISABLE_PLUGINS="bad-twin")
    assert done.returncode == 0, done.stderr


def test_a_listing_beside_bad_plugins_imports_no_task_and_no_back_end(bad_site: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from taskloom.cli import main; main(['list'])\n"
        "heavy = 'torch jax flax mujoco lightning gymnasium numpy rich pydantic coin_task bad_twin lab_domain.walk'\n"
        "print('HEAVY', *sorted(set(heavy.split()) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, bad_site], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "HEAVY"
