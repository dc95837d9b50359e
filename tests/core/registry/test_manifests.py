"""The manifests that are installed here: everything they name is there, and naming it costs next to nothing."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from taskloom import registry
from taskloom.registry.locate import what_is_missing

# Other tests put domains of their own on the path; those are no part of what is shipped.
DOMAINS = [
    entry.ref for entry in registry.installed_domains() if entry.ref.name in registry.FIRST_PARTY
]
TASKS = [(ref.name, task.ref.name) for ref in DOMAINS for task in registry.tasks_of(ref.name)]
HEAVY = (
    "torch jax flax optax mujoco lightning gymnasium scipy jaxtyping sklearn transformers rdkit numba "
    "matplotlib rich typer"
)


# Prints which heavy modules each task's parameters bring in, each in a child that has imported what listings import.
LOOK = """
import json, os, sys
from taskloom.params import walk
from taskloom.registry import find_task, load_task
heavy, found = set(sys.argv[2].split()), {}
for names in json.loads(sys.argv[1]):
    reader, writer = os.pipe()
    if os.fork() == 0:
        walk(load_task(find_task(*names)).config_class)
        os.write(writer, json.dumps(sorted(heavy & set(sys.modules))).encode())
        os._exit(0)
    os.close(writer)
    with open(reader) as told:
        found[" ".join(names)] = json.loads(told.read() or '["nothing told"]')
    os.wait()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def brought_in() -> dict[str, list[str]]:
    """Give the heavy modules that knowing the parameters of a task imports, by its name."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK, json.dumps(TASKS), HEAVY],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def test_all_four_domains_are_installed_here() -> None:
    assert {ref.name for ref in DOMAINS} >= set(registry.FIRST_PARTY)


@pytest.mark.parametrize("ref", DOMAINS, ids=lambda ref: ref.name)
def test_everything_that_a_manifest_names_is_there(ref: registry.DomainRef) -> None:
    targets = [task.target for task in ref.tasks] + [verb.target for verb in ref.verbs]
    targets += [component.target for group in ref.components.values() for component in group]
    targets += [
        text for text in (ref.report, ref.protocol, ref.config, *ref.loaders.values()) if text
    ]
    assert {target: what_is_missing(target) for target in targets if what_is_missing(target)} == {}


@pytest.mark.parametrize("ref", DOMAINS, ids=lambda ref: ref.name)
def test_a_manifest_speaks_in_sentences(ref: registry.DomainRef) -> None:
    named = [*ref.tasks, *ref.verbs, *(item for group in ref.components.values() for item in group)]
    for item in (ref, *named):
        assert item.summary.endswith("."), item
        assert len(item.summary) <= 100, item
        # A suite's task keeps the name that the suite gives it: gym/Ant-v5.
        assert item.name == item.name.lower() or "/" in item.name


def test_nothing_installed_here_is_broken() -> None:
    assert registry.audit_plugins() == []


@pytest.mark.parametrize("name", [" ".join(names) for names in TASKS])
def test_the_parameters_of_a_task_are_known_without_its_back_end(
    name: str, brought_in: dict[str, list[str]]
) -> None:
    """Help must stay quick: neither the config nor any component may import more than pydantic and numpy."""
    assert brought_in[name] == []
