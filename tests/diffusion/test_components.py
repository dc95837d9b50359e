"""Every component is one class in a file of its kind, light to import, described once, and says itself what it fits."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest
from taskloom.registry.refs import ComponentRef
from taskloom_diffusion.compat.moved import MOVED
from taskloom_diffusion.config import DiffusionConfig
from taskloom_diffusion.denoisers.dit import DiT
from taskloom_diffusion.domain import DOMAIN
from taskloom_diffusion.model.part import DiffusionPart
from taskloom_diffusion.processes.d3pm import D3PM
from taskloom_diffusion.processes.uniform import Uniform
from taskloom_diffusion.samplers.ancestral import Ancestral
from taskloom_diffusion.samplers.remdm import ReMDM
from taskloom_diffusion.time_samplers.exact_count import ExactCount
from taskloom_diffusion.time_samplers.times import LowDiscrepancy

COMPONENTS = [(group, ref) for group, refs in DOMAIN.components.items() for ref in refs]
HEAVY = ("torch", "numpy", "scipy", "rdkit", "transformers", "tokenizers", "lightning", "jaxtyping", "matplotlib")  # fmt: skip
KINDS = [old for old in MOVED if old.endswith(".base") or old.endswith(".closed_form")]


def load(ref: ComponentRef) -> type[DiffusionPart]:
    module, _, name = ref.target.partition(":")
    found: type[DiffusionPart] = getattr(importlib.import_module(module), name)
    return found


@pytest.mark.parametrize(("group", "ref"), COMPONENTS, ids=lambda x: getattr(x, "name", None))
def test_a_component_is_what_its_line_in_the_manifest_says(group: str, ref: ComponentRef) -> None:
    component = load(ref)
    assert component.__module__.startswith(f"{group}.")
    assert component.model_fields["kind"].default == ref.name
    assert (inspect.getdoc(component) or "").splitlines()[0] == ref.summary
    (base,) = [c for c in component.__mro__ if c.__module__ == f"{group}.base"][-1:]
    assert base.__base__ is DiffusionPart


def test_component_files_and_configs_import_nothing_heavy() -> None:
    modules = sorted({ref.target.partition(":")[0] for _, ref in COMPONENTS})
    names = [*modules, "taskloom_diffusion.config", "taskloom_diffusion.domain"]
    program = f"import sys, {', '.join(names)}\nprint([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("old", KINDS)
@pytest.mark.filterwarnings("ignore:.*has moved to:FutureWarning")
def test_components_are_found_where_they_were(old: str) -> None:
    homes = MOVED[old]
    assert not isinstance(homes, str)
    for name, target in homes.items():
        module, _, new = target.partition(":")
        assert getattr(importlib.import_module(old), name) is getattr(
            importlib.import_module(module), new
        )


def test_a_component_says_why_a_config_cannot_hold_it() -> None:
    fitting = DiffusionConfig()
    assert (ReMDM().check(fitting), ExactCount().check(fitting), DiT().check(fitting)) == ("",) * 3
    other = DiffusionConfig(process=Uniform(), time_sampler=LowDiscrepancy(), sampler=Ancestral())
    assert ReMDM().check(other) == (
        "sampler = 'remdm' reveals masks, and this process has none; use 'ancestral' or 'greedy_tail'"
    )
    assert ExactCount().check(other) == (
        "time_sampler = 'exact_count' counts masks, and this process has none; use 'low_discrepancy'"
    )
    assert "set block_size too" in DiT(noised_layers=2).check(fitting)
    assert Ancestral().check(other) == ""


def test_whether_a_chain_absorbs_follows_from_its_rate() -> None:
    assert D3PM(rate="absorbing").absorbing
    assert not D3PM(rate="uniform").absorbing
