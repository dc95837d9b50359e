"""The manifests that are installed here: everything they name is there, and naming it costs next to nothing."""

from __future__ import annotations

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


def in_a_new_process(code: str) -> list[str]:
    """Run code and return which heavy modules it imported."""
    report = f"\nimport sys; print(*sorted(set('{HEAVY}'.split()) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code + report], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


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
        assert item.name == item.name.lower()


def test_nothing_installed_here_is_broken() -> None:
    assert registry.audit_plugins() == []


@pytest.mark.parametrize(("domain", "task"), TASKS, ids=lambda name: name)
def test_the_parameters_of_a_task_are_known_without_its_back_end(domain: str, task: str) -> None:
    """Help must stay quick: neither the config nor any component may import more than pydantic and numpy."""
    code = (
        "from taskloom.registry import *; from taskloom.params import walk\n"
        f"loaded = load_task(find_task({domain!r}, {task!r})); walk(loaded.config_class)"
    )
    assert in_a_new_process(code) == []
