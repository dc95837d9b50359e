"""A model that is loaded: it draws, completes and judges, and no answer depends on what is asked beside it."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations, permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import taskloom_diffusion
import torch
from taskloom import open_run
from taskloom.errors import ConfigError, UsageError
from taskloom_diffusion import TrainedModel
from taskloom_diffusion.accelerated.block_attention import BlockMemory
from taskloom_diffusion.corpora.toys import Toy
from taskloom_diffusion.denoisers.mlp import MLPDenoiser
from taskloom_diffusion.denoisers.table_torch import ToyPosterior
from taskloom_diffusion.samplers.left_to_right import LeftToRight
from taskloom_diffusion.training.module import DiffusionModule

Module = Callable[..., DiffusionModule]
# -log p(x0 = a, x2 = b | x1 = b) of toy G, and H(X) and H(X0, X2 | X1), in nats.
SURPRISE, ENTROPY, CONDITIONAL = 1.93486031286873, 2.77129672083659, 1.73176853812207


@pytest.fixture(scope="module")
def polymers(trained_run: Path) -> TrainedModel:
    """The tiny model of polymers."""
    found: TrainedModel = open_run(trained_run).load("model")
    return found


def lively(task: DiffusionModule) -> TrainedModel:
    """Give a network weights that say something: its last layer begins at 0."""
    head: Any = task.model.head
    torch.nn.init.normal_(head.weight, generator=torch.Generator().manual_seed(1))
    return taskloom_diffusion.load(task)


@pytest.fixture(scope="module")
def toy_g(module: Module) -> tuple[Toy, TrainedModel]:
    """Three letters, three positions, p(x) = (1 + m^3) / 1801, and its exact network."""
    law = []
    for a, b, c in product(range(3), repeat=3):
        m = (5 * a + 3 * b + 2 * c + 4 * a * b + 6 * b * c + 3 * c * a + a * b * c) % 7
        law.append((1 + m**3) / 1801)
    toy = Toy(3, 3, torch.tensor(law, dtype=torch.float64))
    model = taskloom_diffusion.load(module(MLPDenoiser()))
    process = model.diffusion_process
    model.model = ToyPosterior(toy.sequences, toy.law, process, leave_one_out=True)
    return toy, model


def test_toy_g_has_the_values_of_its_law(toy_g: tuple[Toy, TrainedModel]) -> None:
    toy, model = toy_g
    assert toy.entropy == pytest.approx(ENTROPY, abs=1e-12)
    found = model.log_likelihood(["abb"], given=[[False, True, False]])
    assert (found.kind, found.standard_error.tolist()) == (["exact"], [0.0])
    assert -found.bound[0] == pytest.approx(SURPRISE, abs=1e-9)
    whole = model.log_likelihood(toy.sequences)
    assert np.exp(whole.bound) == pytest.approx(toy.law.numpy(), abs=1e-9)
    given = model.log_likelihood(toy.sequences, given=[[False, True, False]] * 27)
    assert -(toy.law.numpy() @ given.bound) == pytest.approx(CONDITIONAL, abs=1e-9)


def test_the_conditional_bound_is_unbiased_with_an_exact_network(
    toy_g: tuple[Toy, TrainedModel],
) -> None:
    """All numbers of masks and all orders, as the estimator draws them, have the exact value as their mean."""
    _, model = toy_g
    found = model.log_likelihood(
        ["abb"] * 2, [[False, True, False]] * 2, draws=4000, estimator="bound"
    )
    assert found.kind == ["lower_bound"] * 2
    assert found.bound[0] == found.bound[1]
    assert abs(-found.bound[0] - SURPRISE) < 4 * found.standard_error[0] < 0.1
    nothing = model.log_likelihood(["abb"], [[True, True, True]], estimator="bound")
    assert nothing.bound[0] == 0


def test_the_conditional_bound_by_quadrature_is_the_conditional_entropy(
    toy_g: tuple[Toy, TrainedModel],
) -> None:
    """Over every number of masks k and every set S of that size: |A| / k times the surprise at S, given the rest."""
    toy, model = toy_g
    allowed = torch.tensor(model.vocabulary.allowed)
    unknown, total = (0, 2), torch.zeros(len(toy.sequences), dtype=torch.float64)
    for count in (1, 2):
        sets = list(combinations(unknown, count))
        for masked in map(list, sets):
            z = toy.sequences.clone()
            z[:, masked] = model.mask_token_id
            law = model.denoise(z, 0.5).double().masked_fill(~allowed, -math.inf).log_softmax(-1)
            surprise = -law.gather(-1, toy.sequences[..., None])[..., 0][:, masked].sum(1)
            total += len(unknown) / count * surprise / len(sets) / len(unknown)
    (abb,) = model.encode(["abb"])
    (place,) = [i for i, row in enumerate(toy.sequences.tolist()) if row == abb]
    assert float(total[place]) == pytest.approx(SURPRISE, abs=1e-9)
    assert float(toy.law @ total) == pytest.approx(CONDITIONAL, abs=1e-9)


def test_orders_are_summed_over_as_a_loop_would(module: Module) -> None:
    """A network that is no consistent family: the mean over all orders, each a product of its conditionals."""
    model = lively(module())
    text, unknown = "abca", (0, 2, 3)
    (ids,) = model.encode([text])
    total = 0.0
    for order in permutations(unknown):
        z = torch.tensor([ids])
        z[0, list(unknown)] = model.mask_token_id
        product_ = 1.0
        for place in order:
            law = model.denoise(z, 0.5)[0, place].double()
            allowed = torch.tensor(model.vocabulary.allowed)
            product_ *= float(law.masked_fill(~allowed, -math.inf).softmax(-1)[ids[place]])
            z[0, place] = ids[place]
        total += product_ / 6
    found = model.log_likelihood([text], [[False, True, False, False]])
    assert found.bound[0] == pytest.approx(math.log(total), abs=1e-6)


@torch.no_grad()
def test_an_answer_given_a_prompt_is_the_sum_of_its_tokens_in_blocks_of_one(module: Module) -> None:
    model = lively(module(block_size=1))
    (ids,) = model.encode(["abcab"])
    expected, memory = 0.0, BlockMemory()
    valid = torch.ones(1, 5, dtype=torch.bool)
    network: Any = model.model
    for place, token in enumerate(ids):
        # As a sampler asks, block after block.
        law = network.after(torch.tensor([[model.mask_token_id]]), valid, memory)[0, 0].double()
        law = law.masked_fill(~torch.tensor(model.vocabulary.allowed), -math.inf).log_softmax(-1)
        expected += float(law[token]) if place >= 2 else 0.0
        network.after(torch.tensor([[token]]), valid, memory, finished=True)
    found = model.log_likelihood(["abcab"], given=[(2, 5)])
    assert (found.kind, found.standard_error.tolist()) == (["exact"], [0.0])
    assert found.bound[0] == pytest.approx(expected, abs=1e-5)
    with pytest.raises(ConfigError, match="cannot look ahead from the gap at position 2"):
        model.log_likelihood(["abcab"], given=[(1, 2)])


def test_no_answer_depends_on_others(polymers: TrainedModel) -> None:
    texts = ["*CCO*", "*CC(=O)O*", "*CCCCO*"]
    whole = polymers.log_likelihood(texts, draws=6)
    for number, text in enumerate(texts):
        alone = polymers.log_likelihood([text], draws=6)
        assert alone.bound[0] == pytest.approx(whole.bound[number], abs=1e-5)
    many, few = polymers.sample(9, seed=4), polymers.sample(4, seed=4, batch_size=2)
    assert many.texts[:4] == few.texts
    assert many.lengths[:4].tolist() == few.lengths.tolist()
    assert many.calls[:4].tolist() == few.calls.tolist()
    assert many.tokens.dtype == np.int32
    gaps = ["*C[MASK]{3}*", "*[MASK]O*"]
    both = polymers.infill(gaps, 3, seed=2)
    assert both.texts[3:] == polymers.infill(gaps[1:], 3, seed=2).texts
    assert all(text.startswith("*C") for text in both.texts[:3])


def test_a_loaded_model_encodes_decodes_and_denoises(polymers: TrainedModel) -> None:
    ids = polymers.encode(["*CCO*", "*CO*"])
    assert polymers.decode(ids) == ["*CCO*", "*CO*"]
    tokens = torch.tensor([ids[0], [*ids[1], polymers.pad_token_id]])
    logits = polymers.denoise(tokens, 0.5)
    assert logits.shape == (2, 5, polymers.vocab_size)
    alone = polymers.denoise(tokens[1:, :4], torch.tensor([0.5]))
    assert torch.allclose(alone[0], logits[1, :4], atol=1e-5)


def test_a_file_is_judged_line_by_line(polymers: TrainedModel, tmp_path: Path) -> None:
    path = tmp_path / "more.smi"
    path.write_text("*CCO*\nnonsense\n*OCC*\n")
    first, second, third = polymers.likelihood(path, draws=2)
    assert (second["left_out"], first["nats"]) == ("unparsable", third["nats"])


def test_what_cannot_be_answered_is_one_sentence(
    polymers: TrainedModel, trained_run: Path, tmp_path: Path
) -> None:
    alone = taskloom_diffusion.load(trained_run / "artifacts")
    for ask, words in (
        (lambda: polymers.sample(0), "n = 0 must be at least 1"),
        (lambda: polymers.sample(2, 10_000), "length = 10000 is not between 1 and"),
        (lambda: polymers.log_likelihood([[]]), "row 0 has 0 tokens"),
        (lambda: polymers.log_likelihood(["*CO*"], [[True]]), "given of row 0 is for 1 tokens"),
        (lambda: polymers.log_likelihood(["*CO*"], [(0, 1)] * 2), "given has 2 rows and x has 1"),
        (
            lambda: polymers.log_likelihood(["*CCCCCCO*"], estimator="exact"),
            "row 0 has 9 unknown tokens; an exact value takes at most 6",
        ),
        (lambda: list(alone.likelihood(tmp_path / "no.smi")), "this model is of no run"),
    ):
        with pytest.raises(UsageError, match=words):
            ask()
    with pytest.raises(ConfigError, match="is no folder; give that of a run or of a model"):
        taskloom_diffusion.load(tmp_path / "nothing")


def test_a_model_keeps_the_sampler_of_its_run(trained_run: Path, polymers: TrainedModel) -> None:
    alone = taskloom_diffusion.load(trained_run / "artifacts")
    assert alone.sampler == polymers.sampler == taskloom_diffusion.load(trained_run).sampler
    left = polymers.sample(3, 6, LeftToRight(), seed=1)
    assert left.texts != polymers.sample(3, 6, seed=1).texts
