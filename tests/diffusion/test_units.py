"""Figures are over what they say: tokens that are no padding, whole characters, and levels whose error can be trusted."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from taskloom.errors import ConfigError
from taskloom.opening import open_task
from taskloom.testing import MemoryContext
from taskloom_diffusion.config import TrainConfig
from taskloom_diffusion.corpora.toys import LETTERS, toy_by_seed
from taskloom_diffusion.denoisers.mlp import MLPDenoiser
from taskloom_diffusion.denoisers.table import TableDenoiser
from taskloom_diffusion.evaluation.bound import estimate_bound
from taskloom_diffusion.processes.base import Process
from taskloom_diffusion.processes.d3pm import D3PM
from taskloom_diffusion.processes.uniform import Uniform
from taskloom_diffusion.tasks.file import FileConfig
from taskloom_diffusion.tokenizers.byte import Byte
from taskloom_diffusion.tokenizers.extent import measure
from taskloom_diffusion.tokenizers.symbols import SymbolTokenizer
from taskloom_diffusion.training.batches import TokenStore, TrainStream, encode_all
from taskloom_diffusion.training.fit import fit
from taskloom_diffusion.training.module import DiffusionModule
from taskloom_diffusion.training.preparation import prepare


def ending_task(tokenizer: SymbolTokenizer | Byte) -> DiffusionModule:
    """A model without knowledge that predicts ends and padding too: every token costs the log of what is allowed."""
    task = DiffusionModule(MLPDenoiser(width=8), {}, {}, tokenizer, max_length=8, ends=True).eval()
    for parameter in task.model.parameters():
        torch.nn.init.zeros_(parameter)
    return task


def test_padding_that_is_predicted_is_paid_for_but_is_no_token() -> None:
    """Three letters and an end in eight positions: per position the figure would be half as large and say less."""
    tokenizer = SymbolTokenizer("char", ["a", "b", "c"])
    store, _ = encode_all(["abc", "cab"], tokenizer, "eos_pad", 8)
    bound = estimate_bound(ending_task(tokenizer), store, num_draws=2, batch_size=2, seed=0)
    each = math.log(5)  # three letters, the end, the padding
    assert (bound.num_tokens, bound.num_characters) == (8, 6)
    assert bound.nats_per_sequence == pytest.approx(8 * each, rel=1e-6)
    assert bound.nats_per_token == pytest.approx(8 * each / 4, rel=1e-6)
    assert bound.bits_per_character == pytest.approx(8 * each / 3 / math.log(2), rel=1e-6)


def test_training_loss_and_held_out_bound_are_over_the_same_tokens(tmp_path: Path) -> None:
    tokenizer = SymbolTokenizer("char", ["a", "b", "c"])
    store, _ = encode_all(["abc", "cab", "b", "ca"], tokenizer, "eos_pad", 8)
    task = ending_task(tokenizer)
    expected = estimate_bound(task, store, num_draws=1, batch_size=4, seed=0).nats_per_token
    ctx, _ = MemoryContext(tmp_path), task.train()
    fit(
        ctx, task, TrainConfig(steps=1, log_every=1), validate=lambda: 1.0, sample=lambda step: None,
        stream=lambda start, rank, stride: TrainStream(store, 4, 0, 1, start=start),
    )  # fmt: skip
    row = ctx.rows[0]
    assert row["train/loss"] == pytest.approx(expected, rel=1e-6)
    assert row["speed/padding_share"] == pytest.approx(1 - (9 + 4) / 32)


def test_characters_of_a_text_do_not_depend_on_how_it_is_cut() -> None:
    """A character whose bytes two windows share counts where it ends; the bytes are those of the text."""
    text = "zürich ✓ 東京"
    found = measure(Byte(), text)
    assert (sum(found.characters), sum(found.bytes)) == (len(text), len(text.encode()))
    assert min(found.characters) == 0
    for window in (1, 2, 3, 5):
        store, _ = encode_all([text], Byte(), "window", window)
        assert store.characters is not None
        cut = len(store.flat)
        assert store.characters.tolist() == found.characters[:cut]


@pytest.mark.parametrize(
    "process",
    [
        Uniform(),
        D3PM(rate="neighbour"),
        D3PM(rate="uniform", speed=100),
    ],
    ids=["uniform", "neighbour", "fast"],
)
def test_error_of_other_noise_can_be_trusted(process: Process) -> None:
    """Uniform levels hardly ever visit those where a fast chain forgets, and are then wrong by far more than they say."""
    toy = toy_by_seed(4, 2, 3)
    table, tokenizer = (
        TableDenoiser(num_tokens=4, length=2, law_seed=3),
        SymbolTokenizer("char", list(LETTERS[:4])),
    )
    settings = {"process": process, "time_sampler": {"kind": "uniform"}}
    task = DiffusionModule(table, settings, {}, tokenizer, max_length=2)
    off = []
    for seed in range(12):
        store = TokenStore(toy.draw(500, 100 + seed).tolist())
        bound = estimate_bound(task, store, num_draws=4, batch_size=500, seed=seed)
        assert bound.standard_error is not None
        assert 2 * bound.standard_error < 0.25
        off.append((bound.nats_per_sequence - toy.entropy) / (2 * bound.standard_error))
    assert max(abs(z) for z in off) < 3.5
    assert abs(sum(off)) / len(off) ** 0.5 < 3


def test_texts_shorter_than_a_window_are_counted_and_named(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    long = [f"{a}{b}ababab" for a in "ab" for b in "ab"] + ["bbbbbbbb"]
    path.write_text("\n".join(["ab", "ba", "aa", *long]) + "\n")
    fields = {
        "path": path,
        "content": "lines",
        "tokenizer": {"kind": "char"},
        "length_policy": "window",
    }
    short = {**fields, "max_length": 4, "holdout_share": 0.4}
    prepared = prepare(open_task("diffusion/file", FileConfig.model_validate(short)))
    assert prepared.too_long == 3
    config = FileConfig.model_validate({**fields, "max_length": 9})
    with pytest.raises(ConfigError, match="8 are shorter than a window of max_length = 9"):
        prepare(open_task("diffusion/file", config))


def test_states_of_a_large_vocabulary_keep_their_ids(
    module: Callable[..., DiffusionModule],
) -> None:
    """Half-size integers would turn ids above 32,767 negative, and the report would show other tokens."""
    from taskloom_diffusion.evaluation.sampling import complete
    from taskloom_diffusion.samplers.first_hitting import FirstHitting

    size = 33_000
    tokenizer = SymbolTokenizer("char", [f"<{i}>" for i in range(size)])
    task = DiffusionModule(MLPDenoiser(width=8), {}, {}, tokenizer, max_length=2).eval()
    with torch.no_grad():
        for name, parameter in task.output_projection.named_parameters():
            if name == "bias":
                parameter.view(2, -1)[:, size:] = 50.0
    made = complete(task, FirstHitting(), [[1, 1]], seed=1, batch_size=1, record=1)
    assert min(made.tokens[0]) > 32_767
    assert made.trajectory[-1, 0].tolist() == made.tokens[0]


def test_samples_are_judged_against_sequences_that_were_short_enough(tmp_path: Path) -> None:
    """Half of RDKit's molecules are above the default length; beside all of them every sample looked too light."""
    chains = ["C" * n for n in range(1, 21)]
    (tmp_path / "chains.smi").write_text("\n".join(chains), encoding="utf-8")
    fields = {"path": str(tmp_path / "chains.smi"), "content": "smiles", "max_length": 9}
    prepared = prepare(open_task("diffusion/file", fields))
    corpus = prepared.corpus
    texts = [*corpus.train, *corpus.holdout]
    assert max(map(len, texts)) <= 9
    assert len(prepared.corpus.train) == len(prepared.train)
    assert len(prepared.corpus.holdout) == len(prepared.holdout)
    assert len(texts) + prepared.too_long == len(chains)
