"""The task `smiles` keeps to the contract: it runs, repeats, resumes bit for bit, and reports."""

from __future__ import annotations

from typing import Any

import pytest
from taskloom.testing import check_task
from taskloom_diffusion.tasks.smiles import Smiles

TINY: dict[str, Any] = {
    "num_molecules": 120,
    "denoiser": {"kind": "dit", "width": 16, "num_layers": 1, "num_heads": 2},
    "train": {
        "steps": 6,
        "batch_size": 8,
        "validate_every": 3,
        "checkpoint_every": 4,
        "log_every": 2,
    },
    "evaluate": {"num_samples": 6, "num_holdout": 5, "num_draws": 1},
}


@pytest.mark.slow
def test_smiles_keeps_to_the_contract() -> None:
    passed = check_task(Smiles, varying=["speed/*"], **TINY)
    assert any("resum" in name or "interrupt" in name for name in passed), passed
