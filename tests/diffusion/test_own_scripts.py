"""Scripts of one's own: a data module and a Trainer are the task `file` bit for bit, and a run starts where another ended."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import taskloom as tl
import torch
from taskloom.errors import TaskloomError
from taskloom_diffusion import CorpusData, DiffusionModule, EmaWeights

MOLECULES = [
    "CCO",
    "CCN",
    "CCC",
    "CCCC",
    "CCCO",
    "c1ccccc1",
    "CC(=O)O",
    "CCCN",
    "COC",
    "CNC",
    "CCOC",
    "OCCO",
    "NCCO",
    "CCCCC",
]
NETWORK = {"kind": "dit", "width": 16, "num_layers": 1, "num_heads": 2}
OPTIONS: dict[str, Any] = {
    **{"max_length": 12, "holdout_share": 0.2, "validation_share": 0.2, "train.ema": 0.9},
    **{"train.steps": 4, "train.batch_size": 3, "train.accumulate": 2, "denoiser.width": 16},
    **{"denoiser.num_layers": 1, "denoiser.num_heads": 2, "evaluate.num_samples": 2},
}


@pytest.fixture(autouse=True)
def _no_advice() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's advice about loaders and loggers
        yield


@pytest.fixture(scope="module")
def molecules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of small molecules."""
    path = tmp_path_factory.mktemp("data") / "mine.smi"
    path.write_text("\n".join(MOLECULES))
    return path


@pytest.fixture(scope="module")
def run(molecules: Path) -> tl.Run:
    """A tiny training of the task `file`."""
    store = tl.RunOptions(store=molecules.parent / "store", quiet=True)
    return tl.run("diffusion/file", {**OPTIONS, "path": str(molecules)}, options=store)


def trainer(steps: int, callbacks: list[pl.Callback], folder: Path) -> pl.Trainer:
    return pl.Trainer(
        max_steps=steps,
        accumulate_grad_batches=2,
        gradient_clip_val=1.0,
        callbacks=callbacks,
        default_root_dir=folder,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def test_a_script_of_twenty_lines_is_the_run_bit_for_bit(
    molecules: Path, run: tl.Run, tmp_path: Path
) -> None:
    """The seed's: tokenizer and data, a task of four parts, a trainer, fit. Stopped and continued, it is too."""
    data = CorpusData(molecules, OPTIONS)
    rate = data.config.train.optimizer.model_dump()
    task = DiffusionModule(NETWORK, {}, rate, data.tokenizer, **data.arguments)
    ema = EmaWeights(0.9)
    trainer(4, [ema], tmp_path).fit(task, data)
    ema.settle(task)
    model = run.load("model")
    for name, tensor in model.model.state_dict().items():
        assert torch.equal(tensor, task.model.state_dict()[name]), name
    again = DiffusionModule(NETWORK, {}, rate, data.tokenizer, **data.arguments)
    half = trainer(2, [EmaWeights(0.9)], tmp_path)
    half.fit(again, CorpusData(molecules, OPTIONS))
    half.save_checkpoint(tmp_path / "half.ckpt")
    fresh = DiffusionModule(NETWORK, {}, rate, data.tokenizer, **data.arguments)
    rest = EmaWeights(0.9)
    trainer(4, [rest], tmp_path).fit(
        fresh, CorpusData(molecules, OPTIONS), ckpt_path=tmp_path / "half.ckpt", weights_only=False
    )
    rest.settle(fresh)
    for name, tensor in model.model.state_dict().items():
        assert torch.equal(tensor, fresh.model.state_dict()[name]), name


def test_a_data_module_has_the_parts_of_the_task(molecules: Path, run: tl.Run) -> None:
    data = CorpusData(molecules, OPTIONS)
    held = [row for part in (data.val_dataloader(), data.test_dataloader()) for row in part]
    texts = [
        data.tokenizer.decode(row[inside].tolist())
        for batch in held
        for row, inside in zip(batch["tokens"], batch["maskable"], strict=True)
    ]
    assert set(texts) == set(data.prepared.corpus.holdout)
    assert len(data.prepared.train) == run.metrics["corpus/train"]
    with pytest.raises(TaskloomError, match="no parameter 'max_lenght'"):
        CorpusData(molecules, {"max_lenght": 3})


def test_a_run_starts_where_another_ended(molecules: Path, run: tl.Run, tmp_path: Path) -> None:
    """Without a step the weights are those of the run, old ids stay, and a new symbol has a row behind them."""
    other = tmp_path / "other.smi"
    other.write_text("\n".join(["CCS", "CSC", "CCCS", "SCCO", "CCSC", "NCCS"]))
    store = tl.RunOptions(store=tmp_path / "store", quiet=True)
    values = {**OPTIONS, "path": str(other), "start": str(run.dir), "train.steps": 0}
    begun = tl.run("diffusion/file", values, options=store)
    old, new = run.load("model"), begun.load("model")
    count = old.vocab_size
    assert list(new.tokenizer.tokens) == [*old.tokenizer.tokens, "S"]
    for name, tensor in old.model.state_dict().items():
        grown = new.model.state_dict()[name]
        assert torch.equal(grown[:count] if len(tensor) == count else grown, tensor), name
    for change, words in (
        ({"denoiser.width": 8}, r"start: the run's network does not fit: 'embedding.weight' is"),
        ({"tokenizer": "char"}, "start: the run's tokenizer is 'smiles' and this one 'char'"),
    ):
        with pytest.raises(TaskloomError, match=words):
            tl.run("diffusion/file", {**values, **change}, options=store)
