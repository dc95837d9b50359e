"""Checkpoints and trained models on disk: they continue bit for bit, and damaged or foreign ones are one sentence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from taskloom.errors import RunCorruptError
from taskloom.testing import MemoryContext
from taskloom_diffusion.config import OptimizerSettings, TrainConfig
from taskloom_diffusion.denoisers.dit import DiT
from taskloom_diffusion.model.diffusion_model import DiffusionModel
from taskloom_diffusion.training.batches import TokenStore, TrainStream
from taskloom_diffusion.training.checkpoint import load_model, save_model
from taskloom_diffusion.training.fit import fit, quiet_lightning
from taskloom_diffusion.training.module import DiffusionModule
from taskloom_diffusion.training.recorder import TrainingDivergedError
from torch import nn


def test_lightning_checkpoints_load_weights_only_and_loggers_write(
    tmp_path: Path,
    module: Callable[..., DiffusionModule],
    batches: Callable[[int], list[dict[str, torch.Tensor]]],
    train: Callable[..., MemoryContext],
) -> None:
    task = module()
    saver = ModelCheckpoint(tmp_path, save_last=True)
    with quiet_lightning():
        trainer = pl.Trainer(
            max_steps=2, accelerator="cpu", callbacks=[saver], logger=False,
            enable_progress_bar=False, enable_model_summary=False, default_root_dir=tmp_path,
        )  # fmt: skip
        trainer.fit(
            task, train_dataloaders=torch.utils.data.DataLoader(batches(4), batch_size=None)
        )
    loaded = torch.load(tmp_path / "last.ckpt", weights_only=True)
    json.dumps(loaded["hyper_parameters"])
    again = DiffusionModule(**loaded["hyper_parameters"])
    again.load_state_dict(loaded["state_dict"])
    config = TrainConfig(steps=2, log_every=1, loggers=("csv", "tensorboard"))
    train(tmp_path / "run", config)
    written = {p.name.split(".")[0] for p in (tmp_path / "run").rglob("*") if p.is_file()}
    assert "metrics" in written
    assert "events" in written


def test_a_loss_that_is_not_a_number_is_one_sentence_and_the_checkpoint_stays(
    tmp_path: Path, module: Callable[..., DiffusionModule], stream: Callable[..., TrainStream]
) -> None:
    task = module()
    ctx = MemoryContext(tmp_path)
    config = TrainConfig(steps=6, checkpoint_every=2, log_every=1)

    class Spoiled(TrainStream):
        def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
            for number, batch in enumerate(super().__iter__()):
                if number == 3:
                    nn.init.constant_(task.model.head.bias, float("nan"))
                yield batch

    def spoiled(start: int, rank: int, processes: int) -> TrainStream:
        return Spoiled(stream().store, 2, 0, 5, start=start)

    with pytest.raises(
        TrainingDivergedError, match="became nan in step 3; the last checkpoint is from step 2"
    ):
        fit(ctx, task, config, stream=spoiled, validate=lambda: 1.0, sample=lambda step: None)
    assert ctx.latest_checkpoint is not None


def test_weights_that_are_no_numbers_never_become_the_last_checkpoint(
    tmp_path: Path, module: Callable[..., DiffusionModule], train: Callable[..., MemoryContext]
) -> None:
    """A finite loss can have a gradient that is not: the next loss would tell, but the checkpoint would be written before it."""
    task = module()

    def spoil(gradient: torch.Tensor) -> torch.Tensor:
        return gradient * float("nan") if task.batches_seen == 4 else gradient

    task.model.head.bias.register_hook(spoil)
    config = TrainConfig.model_validate(
        {"steps": 6, "checkpoint_every": 2, "optimizer": {"clip_norm": 0}}
    )
    with pytest.raises(
        TrainingDivergedError,
        match=r"weights 'head\.bias' are no numbers after step 4; the last checkpoint is from step 2",
    ):
        train(tmp_path, config, task)
    assert [p.name[-1] for p in (tmp_path / "checkpoints").iterdir()] == ["2"]


def test_models_survive_the_disk_and_foreign_ones_are_refused(
    tmp_path: Path, module: Callable[..., DiffusionModule]
) -> None:
    task = module().eval()
    nn.init.normal_(task.model.head.weight)
    save_model(tmp_path, task, {"length_histogram": [0, 1]})
    again, facts = load_model(tmp_path, DiffusionModel)
    z, valid = torch.tensor([[1, 3, 1]]), torch.ones(1, 3, dtype=torch.bool)
    assert torch.equal(task(z, torch.ones(1), valid), again(z, torch.ones(1), valid))
    assert facts == {"length_histogram": [0, 1]}
    description = json.loads((tmp_path / "model.json").read_text())
    description["arguments"]["tokenizer_name"]["symbols"].append("d")
    (tmp_path / "model.json").write_text(json.dumps(description))
    with pytest.raises(RunCorruptError, match=r"does not fit: 'embedding\.weight' is"):
        load_model(tmp_path, DiffusionModel)
    (tmp_path / "model.safetensors").write_bytes(b"junk")
    with pytest.raises(RunCorruptError, match="cannot be read as safetensors"):
        load_model(tmp_path, DiffusionModel)
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(RunCorruptError, match="holds no trained diffusion model"):
        load_model(tmp_path, DiffusionModel)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, train: Callable[..., MemoryContext]) -> Path:
    """The checkpoint of a training of two steps."""
    ctx = train(tmp_path_factory.mktemp("run"), TrainConfig(steps=2, checkpoint_every=2))
    assert ctx.latest_checkpoint is not None
    return ctx.latest_checkpoint


def test_a_checkpoint_of_another_vocabulary_is_refused_even_of_the_same_size(
    tmp_path: Path,
    trained: Path,
    module: Callable[..., DiffusionModule],
    train: Callable[..., MemoryContext],
) -> None:
    more = TrainConfig(steps=4)
    with pytest.raises(RunCorruptError, match="the corpus adds 'z' and lacks 'c'"):
        train(tmp_path, more, module(letters="abz"), checkpoint=trained)
    wider = module(DiT(width=32, num_layers=1, num_heads=2))
    with pytest.raises(
        RunCorruptError, match=r"'embedding.weight' is \(6, 16\) there and \(6, 32\)"
    ):
        train(tmp_path, more, wider, checkpoint=trained)


def test_a_checkpoint_of_another_corpus_with_the_same_tokens_is_refused(
    tmp_path: Path, trained: Path, module: Callable[..., DiffusionModule]
) -> None:
    """Its next batches would be others than the uninterrupted run's, and nothing would show it."""
    other = TokenStore([[3, 4], [5, 3]])

    def stream(start: int, rank: int, processes: int) -> TrainStream:
        return TrainStream(other, 2, 0, 5, start=start, rank=rank, stride=processes)

    with pytest.raises(RunCorruptError, match="not the one that the checkpoint was trained on"):
        fit(
            MemoryContext(tmp_path), module(), TrainConfig(steps=4), stream=stream, validate=lambda: 1.0,
            sample=lambda step: None, checkpoint=trained,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("training.json", b"{", "training.json is damaged"),
        ("training.json", b"[]", "has no counters"),
        ("training.json", None, "training.json is missing"),
        ("training.safetensors", b"junk", "cannot be read as safetensors"),
    ],
)
def test_a_damaged_checkpoint_is_one_sentence(
    tmp_path: Path,
    trained: Path,
    train: Callable[..., MemoryContext],
    name: str,
    content: bytes | None,
    complaint: str,
) -> None:
    checkpoint = Path(shutil.copytree(trained, tmp_path / "a"))
    (checkpoint / name).unlink()
    if content is not None:
        (checkpoint / name).write_bytes(content)
    with pytest.raises(RunCorruptError, match=complaint) as caught:
        train(tmp_path / "b", TrainConfig(steps=4), checkpoint=checkpoint)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("sampler", "precision", "algorithm"),
    [
        ("exact_count", "fp32", "adamw"),
        ("history", "fp32", "adamw"),
        ("exact_count", "bf16", "muon"),
    ],
)
def test_a_run_stopped_while_gradients_add_up_goes_on_bit_for_bit(
    tmp_path: Path,
    module: Callable[..., DiffusionModule],
    train: Callable[..., MemoryContext],
    stream: Callable[..., TrainStream],
    sampler: str,
    precision: str,
    algorithm: str,
) -> None:
    """Somebody stops the run after the first of three batches of a step: the step is finished, kept, and gone on from."""
    config = TrainConfig.model_validate(
        {
            "steps": 4,
            "accumulate": 3,
            "log_every": 3,
            "checkpoint_every": 100,
            "precision": precision,
        }
    )

    def task() -> DiffusionModule:
        return module(
            DiT(width=16, num_layers=1, num_heads=2, dropout=0.2),
            time_sampler={"kind": sampler},
            optimizer=OptimizerSettings.model_validate({"algorithm": algorithm}),
        )

    whole = task()
    expected = train(tmp_path / "whole", config, whole)

    class Stopping(TrainStream):
        def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
            for number, batch in enumerate(super().__iter__()):
                if number == 4:
                    ctx.stop_after = 0
                yield batch

    ctx = MemoryContext(tmp_path / "part")
    fit(
        ctx, task(), config, validate=lambda: 1.0, sample=lambda step: None,
        stream=lambda start, rank, processes: Stopping(stream().store, 2, 0, 5, start=start),
    )  # fmt: skip
    assert ctx.latest_checkpoint is not None
    assert int(ctx.latest_checkpoint.name) == 2
    last = task()
    rest = train(tmp_path / "rest", config, last, checkpoint=ctx.latest_checkpoint)
    for p, q in zip(whole.model.parameters(), last.model.parameters(), strict=True):
        assert torch.equal(p, q)
    losses = [
        [(r["step"], r["train/loss"]) for r in c.rows if "train/loss" in r]
        for c in (ctx, rest, expected)
    ]
    assert losses[0] + losses[1] == losses[2]
