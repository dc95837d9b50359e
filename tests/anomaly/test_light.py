"""What listing and `--help` must not import."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pkgutil import walk_packages

import pytest
import taskloom_anomaly
from pydantic import ValidationError
from taskloom.config import Component, Config
from taskloom.registry import ComponentRef
from taskloom_anomaly.config import AnomalyConfig
from taskloom_anomaly.domain import DOMAIN
from taskloom_anomaly.models.mlp import MLP
from taskloom_anomaly.tasks.toy_features import ToyFeaturesConfig

HEAVY = [
    "numpy",
    "scipy",
    "sklearn",
    "jax",
    "flax",
    "optax",
    "torch",
    "safetensors",
    "mlxtend",
    "jaxtyping",
]


def loaded_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    return {name.split(".")[0] for name in found.stdout.split()}


def test_manifest_imports_nothing_heavy() -> None:
    assert not loaded_after("import taskloom_anomaly.domain") & {*HEAVY, "pydantic"}


def test_tasks_components_and_verbs_import_nothing_heavier_than_numpy() -> None:
    code = """
from importlib import import_module
from taskloom_anomaly.domain import DOMAIN
refs = [*DOMAIN.tasks, *DOMAIN.verbs, *(r for group in DOMAIN.components.values() for r in group)]
for ref in refs:
    module, _, name = ref.target.partition(":")
    getattr(import_module(module), name)
"""
    loaded = loaded_after(code)
    assert "pydantic" in loaded
    assert not loaded & set(HEAVY) - {"numpy"}


def components() -> list[tuple[ComponentRef, type[Component]]]:
    refs = [ref for group in DOMAIN.components.values() for ref in group]
    return [
        (ref, getattr(import_module(ref.target.split(":")[0]), ref.target.split(":")[1]))
        for ref in refs
    ]


def test_package_lists_its_public_names() -> None:
    for name in taskloom_anomaly.__all__:
        assert getattr(taskloom_anomaly, name) is not None
    named = {cls.__name__ for _, cls in components()}
    bases = {"Detector", "Model", "Trigger", "Attack", "AnomalyTask", "AnomalyConfig"}
    assert named | bases | {"InvalidTaskError", "fit_detector", "load"} <= set(
        taskloom_anomaly.__all__
    )


def test_a_component_says_what_the_manifest_says() -> None:
    for ref, cls in components():
        assert (cls.__doc__ or "").partition("\n")[0] == ref.summary, ref.target
        assert cls.model_fields["kind"].default == ref.name
        assert cls.fits(AnomalyConfig) == ""  # type: ignore[attr-defined] # the base of each kind has it


def test_a_component_that_does_not_fit_is_refused_with_its_reason() -> None:
    class Picky(MLP):
        @classmethod
        def fits(cls, config_class: type[Config]) -> str:
            return f"The network is not for {config_class.__name__}."

    with pytest.raises(ValidationError, match="The network is not for ToyFeaturesConfig"):
        ToyFeaturesConfig(model=Picky())


def test_every_module_can_be_imported() -> None:
    # The peer's `analysis` asked for a name that was gone.
    for found in walk_packages(taskloom_anomaly.__path__, "taskloom_anomaly."):
        import_module(found.name)
