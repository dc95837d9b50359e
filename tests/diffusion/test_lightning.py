"""The Lightning contract: one step however it is cut, figures divided once, and a training that goes on as if never stopped."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from taskloom.errors import ConfigError
from taskloom_diffusion import EmaWeights
from taskloom_diffusion.config import OptimizerSettings
from taskloom_diffusion.model.step_noise import StepRows, philox, uniforms
from taskloom_diffusion.training.batches import TokenStore, collate
from taskloom_diffusion.training.module import DiffusionModule
from torch import Tensor
from torch.utils.data import DataLoader

Module = Callable[..., DiffusionModule]
QUIET: dict[str, Any] = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}
LENGTHS = (1, 7, 3, 8, 2, 5, 8, 4)


@pytest.fixture(autouse=True)
def _no_advice() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's advice about loaders and loggers
        yield


@pytest.fixture
def rows() -> list[np.ndarray]:
    """Eight sequences of unlike lengths over three letters."""
    random = np.random.default_rng(3)
    return [random.integers(3, 6, n).astype(np.int32) for n in LENGTHS]


def loader(rows: list[np.ndarray], sizes: list[int], times: int = 1) -> DataLoader[Any]:
    """Return batches of these sizes."""
    ends = np.cumsum(sizes)
    parts = [rows[end - size : end] for size, end in zip(sizes, ends, strict=True)]
    batches = [collate(part, 0) for part in parts] * times
    return DataLoader(batches, batch_size=None)  # type: ignore[arg-type]  # a list is a data set


def lively(task: DiffusionModule) -> DiffusionModule:
    """Give a network weights that say something: its last layer begins at 0."""
    generator = torch.Generator().manual_seed(1)
    torch.nn.init.normal_(task.model.head.weight, generator=generator)
    return task


def weights(task: DiffusionModule) -> Tensor:
    return torch.cat([p.detach().flatten() for p in task.model.parameters()])


def test_philox_gives_the_published_answers() -> None:
    """Vectors of Random123, the authors' own."""
    ones, pi = 0xFFFFFFFF, (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)
    answers = {
        (0, 0, 0, 0, 0, 0): (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8),
        (ones, ones, ones, ones, ones, ones): (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
        (*pi, 0xA4093822, 0x299F31D0): (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    }
    for (*counter, low, high), words in answers.items():
        found = philox(tuple(np.array(word) for word in counter), (low, high))
        assert tuple(int(word) for word in found) == words


def test_noise_of_a_row_does_not_depend_on_its_batch() -> None:
    whole = uniforms(5, 3, np.arange(9), 12)
    assert torch.equal(uniforms(5, 3, np.arange(4, 9), 7), whole[4:, :7])
    assert 0 <= float(whole.min()) <= float(whole.max()) < 1
    assert len(torch.unique(torch.cat([whole, uniforms(5, 4, np.arange(9), 12)]))) == 216


@pytest.mark.parametrize("block_size", [0, 2])
def test_a_step_is_the_same_in_one_batch_and_in_several(
    module: Module, rows: list[np.ndarray], block_size: int
) -> None:
    """8 at once, and 4 times 2: levels, noise, loss and gradient, with a norm that is clipped."""
    found = []
    for sizes in ([8], [4, 4], [2, 2, 2, 2]):
        task = lively(module(block_size=block_size, versions=2))
        trainer = pl.Trainer(
            max_steps=3, accumulate_grad_batches=len(sizes), gradient_clip_val=0.5, **QUIET
        )
        trainer.fit(task, loader(rows, sizes, times=3))
        found.append((weights(task), float(trainer.callback_metrics["train_loss"])))
    for parameters, loss in found[1:]:
        assert torch.allclose(parameters, found[0][0], atol=1e-6)
        assert loss == pytest.approx(found[0][1], rel=1e-6)


def test_unlike_batches_of_a_step_count_by_their_tokens(
    module: Module, rows: list[np.ndarray]
) -> None:
    """Gradients of batches of 1, 4, 3 rows add up to that of the loss per token; so does a last group that is not complete."""
    task = lively(module(optimizer=OptimizerSettings(lr=1e-3, warmup_steps=0)))
    seen: list[Tensor] = []
    trainer = pl.Trainer(max_steps=2, accumulate_grad_batches=2, **QUIET)
    task.on_before_zero_grad = lambda _: seen.append(gradient(task))  # type: ignore[method-assign]  # to look on
    start = copy.deepcopy(task)
    trainer.fit(task, loader(rows, [1, 4, 3]))
    groups = ([(0, 1, 2), (1, 4, 8)],)
    del groups
    nats = tokens = 0.0
    start.zero_grad()
    before = 0
    for first, size in ((0, 1), (1, 4)):
        batch = collate(rows[first : first + size], 0)
        terms = start.loss_of_rows(batch, StepRows(start.noise_seed, 0, before, 2 * size))
        terms.nats.backward()
        nats, tokens, before = nats + float(terms.nats), tokens + int(terms.tokens), before + size
    expected = gradient(start) / tokens
    found = next(g for g in seen if float(g.abs().sum()) > 0)
    assert torch.allclose(found, expected, atol=1e-6)


def gradient(task: DiffusionModule) -> Tensor:
    parts = [
        p.grad.flatten() if p.grad is not None else torch.zeros(p.numel())
        for p in task.model.parameters()
    ]
    return torch.cat(parts).clone()


def test_held_out_loss_does_not_depend_on_batches_or_order(
    module: Module, rows: list[np.ndarray]
) -> None:
    task = lively(module()).double().eval()
    found = []
    for order, sizes in (
        (range(8), [8]),
        (range(7, -1, -1), [3, 1, 4]),
        (np.argsort(LENGTHS), [2] * 4),
    ):
        batches = loader([rows[i] for i in order], sizes)
        (answer,) = pl.Trainer(**QUIET).validate(task, batches, verbose=False)
        found.append(answer["val_loss"])
    assert found[1:] == pytest.approx([found[0]] * 2, abs=1e-9)


def test_marks_of_a_tokenizer_change_nothing(module: Module, rows: list[np.ndarray]) -> None:
    """In front, behind and between: loss, bound and gradient are those of the data alone."""
    task = lively(module())
    data = [row.tolist() for row in rows[:4]]
    with_marks = [[2, *row[:2], 2, 2, *row[2:], 2, 0] for row in data]
    width = max(map(len, with_marks))
    padded = torch.tensor([row + [0] * (width - len(row)) for row in with_marks])
    foreign = {"input_ids": padded, "attention_mask": (padded != 0).long()}
    masked = {**foreign, "special_tokens_mask": ((padded == 2) | (padded == 0)).long()}
    answers = []
    for batch in (collate(rows[:4], 0), foreign, masked):
        task.zero_grad()
        task.batches_seen = 0
        loss = task.training_step(batch, 0)
        loss.backward()
        answers.append((float(loss), float(task.validation_step(batch, 0)), gradient(task)))
    for loss, bound, slope in answers[1:]:
        assert (loss, bound) == pytest.approx(answers[0][:2], abs=1e-6)
        assert torch.allclose(slope, answers[0][2], atol=1e-6)
    nothing = {"input_ids": torch.tensor([[2, 2, 0]]), "attention_mask": torch.tensor([[1, 1, 0]])}
    assert (float(task.training_step(nothing, 0)), float(task.validation_step(nothing, 0))) == (
        0,
        0,
    )


def test_a_token_that_may_not_be_produced_is_one_sentence(module: Module) -> None:
    batch = {
        "tokens": torch.tensor([[3, 4], [3, 2]]),
        "maskable": torch.ones(2, 2, dtype=torch.bool),
    }
    with pytest.raises(ConfigError, match=r"token '\[END\]' \(id 2\) in row 1, position 1 is none"):
        module().training_step(batch, 0)


@pytest.mark.parametrize("stop", [1, 2])
def test_a_training_that_was_stopped_goes_on_bit_for_bit(
    module: Module, rows: list[np.ndarray], tmp_path: Path, stop: int
) -> None:
    """Weights, average, counters of the noise and the law of levels, by Lightning's own checkpoints."""

    def fit(steps: int, checkpoint: Path | None = None, seed: int = 5) -> tuple[Any, ...]:
        learns = {"kind": "history", "num_buckets": 2, "memory": 1}
        task = lively(module(time_sampler=learns))
        task.noise_seed = seed
        average = EmaWeights(0.9)
        trainer = pl.Trainer(
            max_steps=steps, callbacks=[average], accumulate_grad_batches=2, **QUIET
        )
        trainer.fit(task, loader(rows, [4, 4], times=3), ckpt_path=checkpoint)
        return task, average, trainer

    whole, its_average, _ = fit(3)
    _, _, trainer = fit(stop)
    trainer.save_checkpoint(tmp_path / "stopped.ckpt")
    again, average, _ = fit(3, tmp_path / "stopped.ckpt", seed=6)
    assert torch.equal(weights(again), weights(whole))
    assert torch.equal(again.level_sampler.state(), whole.level_sampler.state())
    assert (again.noise_seed, again.batches_seen) == (whole.noise_seed, whole.batches_seen)
    assert average.average.updates == its_average.average.updates == 3
    for name, weight in average.average.weights.items():
        assert torch.equal(weight, its_average.average.weights[name])


def test_weights_without_counters_are_loaded_with_a_word(module: Module) -> None:
    task = module()
    old = {name: value for name, value in task.state_dict().items() if name != "_extra_state"}
    with pytest.warns(UserWarning, match="begin anew"):
        module().load_state_dict(old)


def test_the_rate_is_planned_for_what_the_trainer_estimates(
    module: Module, rows: list[np.ndarray]
) -> None:
    settings = OptimizerSettings(lr=0.1, warmup_steps=0, schedule="linear", final_share=0.0)
    task = module(optimizer=settings)
    trainer = pl.Trainer(max_epochs=2, **QUIET)
    trainer.fit(task, loader(rows, [4, 4]))
    assert trainer.estimated_stepping_batches == 4
    assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.0, abs=1e-9)


def test_half_precision_tests_and_predicts(module: Module, rows: list[np.ndarray]) -> None:
    exact = lively(module()).eval()
    batches = loader(rows, [4, 4])
    (whole,) = pl.Trainer(**QUIET).test(exact, batches, verbose=False)
    half = copy.deepcopy(exact)
    trainer = pl.Trainer(precision="bf16-true", max_steps=1, **QUIET)
    (short,) = trainer.test(half, batches, verbose=False)
    assert short["test_loss"] == pytest.approx(whole["test_loss"], rel=0.01)
    trainer.fit(half, batches)
    answers = pl.Trainer(**QUIET).predict(
        exact, DataLoader([["a[MASK]{2}", "[MASK]b"]], batch_size=None)
    )  # type: ignore[arg-type]  # a list is a data set
    assert answers is not None
    (texts,) = answers
    assert [len(text) for text in texts] == [3, 2]
    assert texts[0].startswith("a")
    assert texts[1].endswith("b")
    assert [len(text) for text in exact.predict_step([1, 4], 0)] == [1, 4]
    likelihoods = exact.predict_step(collate(rows, 0), 0)
    assert likelihoods.shape == (8,)
    alone = exact.predict_step(collate(rows[3:5], 0), 0)
    assert torch.allclose(likelihoods[3:5], alone, atol=1e-5)


def test_slices_of_logits_change_nothing(module: Module, rows: list[np.ndarray]) -> None:
    """Memory for one row at a time, and for all: loss, gradient and samples."""
    from taskloom_diffusion.evaluation.bound import estimate_bound
    from taskloom_diffusion.evaluation.sampling import sample_lengths
    from taskloom_diffusion.samplers.confidence import Confidence

    found = []
    for memory in (256e6, 1.0):
        task = lively(module())
        task.logit_memory = memory
        terms = task.loss_of_rows(collate(rows, 0), StepRows(1, 0, 0, 8))
        terms.nats.backward()
        slope = gradient(task)
        task.eval()
        bound = estimate_bound(
            task, TokenStore([r.tolist() for r in rows]), num_draws=2, batch_size=8, seed=1
        )
        texts = sample_lengths(task, Confidence(num_calls=3), [3, 8, 5], seed=2, batch_size=8).texts
        found.append((float(terms.nats), bound.nats_per_token, texts, slope))
    (nats, bound_, texts, slope), other = found
    assert other[:2] == pytest.approx((nats, bound_), rel=1e-6)
    assert other[2] == texts
    assert torch.allclose(other[3], slope, atol=1e-5)
