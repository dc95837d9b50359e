"""Installing one extra leaves the heavy dependencies of the other domains out.

For each extra this walks the requirements that the built wheels declare, and on through the metadata of what is installed
here, with markers evaluated for this Python and platform. That proves which distributions pip may pull in for the versions
installed here; it does not download gigabytes to see it. `hci` and the bare core are installed for real, from the built
wheels, into clean environments.
"""

from __future__ import annotations

import email
import importlib.metadata
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.packaging

HEAVY = {
    "anomaly": {"jax", "jaxlib", "flax", "optax", "scikit-learn", "mlxtend"},
    "hci": {"gymnasium"},
    "diffusion": {"torch", "lightning", "transformers", "rdkit"},
    "control": {"mujoco"},
}
ALL_HEAVY = set().union(*HEAVY.values())


def built(wheels: Path) -> dict[str, list[str]]:
    """Return the requirements of the built wheels by distribution."""
    found = {}
    for path in wheels.glob("*.whl"):
        with zipfile.ZipFile(path) as wheel:
            name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
            message = email.message_from_bytes(wheel.read(name))
        found[canonicalize_name(str(message["Name"]))] = message.get_all("Requires-Dist") or []
    return found


def closure(requirement: str, ours: dict[str, list[str]]) -> set[str]:
    """Return every distribution that a requirement leads to."""
    waiting, seen, names = [Requirement(requirement)], set(), set()
    while waiting:
        current = waiting.pop()
        name = canonicalize_name(current.name)
        for extra in ("", *current.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            names.add(name)
            lines = (
                ours[name] if name in ours else importlib.metadata.distribution(name).requires or []
            )
            further = [Requirement(line) for line in lines]
            waiting += [
                item
                for item in further
                if item.marker is None or item.marker.evaluate({"extra": extra})
            ]
    return names


@pytest.mark.parametrize("extra", HEAVY)
def test_an_extra_needs_its_own_back_ends_and_no_others(extra: str, wheels: Path) -> None:
    names = closure(f"taskloom[{extra}]", built(wheels))
    assert HEAVY[extra] <= names
    assert names & (ALL_HEAVY - HEAVY[extra]) == set()
    assert {f"taskloom-{other}" for other in HEAVY if other != extra} & names == set()


def test_the_core_needs_no_back_end_and_no_numpy(wheels: Path) -> None:
    names = closure("taskloom[report]", built(wheels))
    assert names & (ALL_HEAVY | {"numpy", "scipy", "pandas", "matplotlib"}) == set()
    assert "vl-convert-python" in names


def test_all_needs_every_domain(wheels: Path) -> None:
    assert closure("taskloom[all]", built(wheels)) >= ALL_HEAVY


def test_without_a_domain_the_command_says_how_to_get_one(core_only: Any) -> None:  # noqa: ANN401 -- a fixture here
    listing = core_only.run("tasks", "list")
    assert (listing.returncode, listing.stderr) == (0, "")
    assert "pip install 'taskloom[anomaly]'" in listing.stdout
    assert core_only.run("tasks", "--help").returncode == 0
    missing = core_only.run("tasks", "run", "diffusion", "x")
    assert missing.returncode == 4
    assert (
        "domain 'diffusion' is not installed: pip install 'taskloom[diffusion]'" in missing.stderr
    )
    assert "Traceback" not in missing.stderr


def test_the_core_installs_no_back_end(core_only: Any) -> None:  # noqa: ANN401
    assert "taskloom-core" in core_only.distributions()
    assert core_only.distributions() & (ALL_HEAVY | {"numpy"}) == set()


def test_one_extra_runs_its_task_without_the_others(with_hci: Any, tmp_path: Path) -> None:  # noqa: ANN401
    assert with_hci.distributions() & ALL_HEAVY == HEAVY["hci"]
    done = with_hci.run("tasks", "run", "hci", "pointing", "--episodes=3", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    record = json.loads(next(tmp_path.glob("runs/*/run.json")).read_text())
    assert record["status"] == "finished"
    # Without the extra `report` the run works, and says what it left out.
    assert "taskloom[report]" in done.stderr
    assert list(tmp_path.glob("runs/*/report.html")) == []
    control = with_hci.run("tasks", "run", "control", "cartpole")
    assert control.returncode == 4
    assert "pip install 'taskloom[control]'" in control.stderr
