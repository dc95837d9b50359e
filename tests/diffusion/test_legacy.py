"""Runs of version 0.1 keep their split: its order by the model's seed, its flat molecules, its stripped lines."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from taskloom import open_run
from taskloom.opening import open_task, task_of
from taskloom_diffusion.corpora.corpus import Corpus
from taskloom_diffusion.corpora.files import read_corpus
from taskloom_diffusion.corpora.intake import Options
from taskloom_diffusion.corpora.molecules import rdkit_molecules
from taskloom_diffusion.corpora.polymers import synthetic_polymers
from taskloom_diffusion.corpora.split import SplitRule
from taskloom_diffusion.evaluation.kept_corpus import kept_test_part, with_its_split
from taskloom_diffusion.tasks.file import FileConfig
from taskloom_diffusion.training.loop import task_of_checkpoint
from taskloom_diffusion.training.preparation import prepare

MOLECULES = (
    "CCO eth\nOCC\nC[C@H](F)Cl a\nC[C@@H](F)Cl b\nCCN\n\n  CCCC \nc1ccccc1\nCC(=O)O\nnot one\nCCCl\n[2H]CO\n"
    "N->[Cu]\nCCS\n"
)
TEXTS = "  one\ntwo\ntwo\na\u2028b\n\nthree  \nfour\nfive\n"
# Training and held-out part as commit 620e3b1, the last of version 0.1, printed them.
BEFORE = {
    ("m.smi", 0): (
        ["[H]CO", "CCCC", "CC(=O)O", "CCS", "CCO", "[NH3]->[Cu]", "CC(F)Cl"],
        ["c1ccccc1", "CCCl", "CCN"],
    ),
    ("m.smi", 3): (
        ["CCN", "CC(F)Cl", "c1ccccc1", "[H]CO", "CC(=O)O", "CCCC", "[NH3]->[Cu]"],
        ["CCS", "CCCl", "CCO"],
    ),
    ("t.txt", 0): (["a", "four", "three", "one", "two", "five"], ["two", "b"]),
    ("t.txt", 3): (["two", "two", "b", "three", "a", "one"], ["four", "five"]),
}  # fmt: skip


def legacy(seed: int, share: float = 0.3) -> SplitRule:
    return SplitRule(share, by="legacy", model_seed=seed)


@pytest.mark.parametrize(("name", "seed"), BEFORE)
def test_a_file_is_split_as_version_0_1_split_it(tmp_path: Path, name: str, seed: int) -> None:
    path = tmp_path / name
    path.write_text(MOLECULES if name == "m.smi" else TEXTS, encoding="utf-8")
    options = Options("smiles" if name == "m.smi" else "lines")
    corpus = read_corpus(path, "", options, legacy(seed))
    assert (list(corpus.train), list(corpus.holdout)) == BEFORE[name, seed]
    assert corpus.split == "legacy"


def test_a_table_is_read_as_before(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,smiles\n1, CCO \n2,\n3,C[C@H](F)Cl\n4,CCN\n", encoding="utf-8")
    corpus = read_corpus(path, "smiles", Options(), legacy(0))
    assert sorted([*corpus.train, *corpus.holdout]) == ["CC(F)Cl", "CCN", "CCO"]


@pytest.mark.parametrize("load", [rdkit_molecules, synthetic_polymers])
def test_corpora_of_packages_follow_the_models_seed(load: object) -> None:
    """The order is numpy's permutation by the run's seed, and the split seed plays no part."""

    def made(seed: int, split_seed: int = 0) -> Corpus:
        rule = SplitRule(0.25, 0.05, split_seed, "legacy", seed)
        found: Corpus = load(40, rule)  # type: ignore[operator]  # one of two functions
        return found

    one = made(1)
    assert one == made(1, split_seed=7)
    assert set(one.holdout) != set(made(2).holdout)
    whole = [*one.holdout, *one.train]
    order = np.random.default_rng(1).permutation(len(whole))
    back = [""] * len(whole)
    for place, text in zip(order.tolist(), whole, strict=True):
        back[place] = text
    assert len(one.holdout) == round(0.25 * len(whole))
    if load is synthetic_polymers:  # which came sorted
        assert back == sorted(whole)


def test_a_run_and_a_checkpoint_without_a_kept_corpus_have_the_split_of_before(
    trained_run: Path, tmp_path: Path
) -> None:
    folder = tmp_path / trained_run.name
    shutil.copytree(trained_run, folder)
    record = json.loads((folder / "run.json").read_text())
    for name in ("corpus", "test_part", "left_out"):
        record["artifacts"].pop(name, None)
    (folder / "run.json").write_text(json.dumps(record))
    run, now = open_run(folder), open_run(trained_run)
    task = task_of(run)
    tokenizer = run.load("model").tokenizer
    expected = prepare(with_its_split(run, task), tokenizer)
    assert expected.corpus.split == "legacy"
    kept = kept_test_part(run, task, tokenizer)
    assert kept.fingerprint() == expected.test.fingerprint()
    assert kept.fingerprint() != kept_test_part(now, task_of(now), tokenizer).fingerprint()

    checkpoint = tmp_path / "checkpoint"
    checkpoint.mkdir()
    (checkpoint / "training.json").write_text(json.dumps({"batches_seen": 3, "step": 3}))
    assert task_of_checkpoint(task, checkpoint).config.split == "legacy"
    (checkpoint / "training.json").write_text(json.dumps({"batches_seen": 3, "split": "parts"}))
    assert task_of_checkpoint(task, checkpoint).config.split == "hash"


def test_legacy_can_be_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "m.smi"
    path.write_text(MOLECULES)
    config = FileConfig.model_validate({"path": path, "split": "legacy", "holdout_share": 0.3})
    found = prepare(open_task("diffusion/file", config))
    assert (list(found.corpus.train), list(found.corpus.holdout)) == BEFORE["m.smi", 0]
    assert found.validation is found.test
