"""What listing and `--help` must not import."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pkgutil import walk_packages

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


def test_package_lists_its_public_names() -> None:
    import taskloom_anomaly

    for name in taskloom_anomaly.__all__:
        assert getattr(taskloom_anomaly, name) is not None
    assert set(taskloom_anomaly.__all__) == set(taskloom_anomaly._HOME_OF)


def test_every_module_can_be_imported() -> None:
    # The peer's `analysis` asked for a name that was gone.
    import taskloom_anomaly

    for found in walk_packages(taskloom_anomaly.__path__, "taskloom_anomaly."):
        import_module(found.name)
