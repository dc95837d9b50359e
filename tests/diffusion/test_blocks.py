"""Blocks from left to right: the bound, the network's two ways of reading them, and the samplers' law."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from taskloom.cli import main
from taskloom.errors import ConfigError
from taskloom.opening import open_run
from taskloom_diffusion.accelerated.block_attention import BlockMemory
from taskloom_diffusion.config import DiffusionConfig, DiffusionSettings, OptimizerSettings
from taskloom_diffusion.corpora.toys import LETTERS, Toy, random_toy, toy_a
from taskloom_diffusion.denoisers.bert import BERT
from taskloom_diffusion.denoisers.dit import DiT
from taskloom_diffusion.denoisers.dit_torch import DiTNetwork
from taskloom_diffusion.denoisers.table import TableDenoiser
from taskloom_diffusion.denoisers.table_torch import ToyPosterior
from taskloom_diffusion.evaluation.bound import estimate_bound
from taskloom_diffusion.evaluation.sampling import complete
from taskloom_diffusion.model.blocks import BlockContext, Cut, predict_in_blocks
from taskloom_diffusion.processes.absorbing_torch import AbsorbingProcess
from taskloom_diffusion.processes.uniform import Uniform
from taskloom_diffusion.samplers.ancestral import AncestralCached
from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.samplers.first_hitting import FirstHitting
from taskloom_diffusion.samplers.left_to_right import LeftToRight
from taskloom_diffusion.samplers.random_groups import RandomGroups
from taskloom_diffusion.samplers.semi_autoregressive import SemiAutoregressive
from taskloom_diffusion.schedules.closed_form import LinearSchedule
from taskloom_diffusion.time_samplers.exact_count import ExactCount
from taskloom_diffusion.tokenizers.symbols import SymbolTokenizer
from taskloom_diffusion.training.batches import TokenStore
from taskloom_diffusion.training.module import DiffusionModule
from tests_sizes import size
from torch import Tensor

MASK = 1
LENGTHS = (12, 11, 7, 2, 1)


def dit(size: int = 12, **settings: int) -> DiTNetwork:
    """A network in double precision whose every weight matters."""
    network = DiT(width=32, num_layers=3, num_heads=4, **settings).build(10, size).double()
    assert isinstance(network, DiTNetwork)
    with torch.no_grad():
        for i, weight in enumerate(network.parameters()):
            torch.nn.init.normal_(weight, std=0.3, generator=torch.Generator().manual_seed(i))
    return network


def words(length: int = 12) -> tuple[Tensor, Tensor, Tensor]:
    """Noised tokens, clean tokens and valid positions of sequences of several lengths."""
    random = torch.Generator().manual_seed(0)
    valid = torch.arange(length) < torch.tensor(LENGTHS)[:, None]
    x = torch.randint(3, 10, valid.shape, generator=random).where(valid, 0)
    z = x.masked_fill((torch.rand(valid.shape, generator=random) < 0.5) & valid, MASK)
    return z, x, valid


def toy_task(toy: Toy, block_size: int) -> DiffusionModule:
    """The exact model of a toy, which generates it in blocks."""
    task = DiffusionModule(
        TableDenoiser(num_tokens=toy.num_tokens, length=toy.length, law_seed=0),
        DiffusionSettings(block_size=block_size),
        OptimizerSettings(),
        SymbolTokenizer("char", list(LETTERS[: toy.num_tokens])),
        max_length=toy.length,
    )
    process = AbsorbingProcess(toy.vocabulary)
    task.model = ToyPosterior(toy.sequences, toy.law, process, leave_one_out=True)
    return task


def test_cut_and_joined_is_what_it_was() -> None:
    z, _, valid = words()
    cut = Cut.of(valid, 5)
    rows = cut.apart(z)
    assert len(rows) == sum(-(-n // 5) for n in LENGTHS)
    assert cut.sequence.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 3, 4]
    torch.testing.assert_close(cut.together(rows, torch.zeros_like(z)), z)
    kept = cut.together(torch.full_like(rows, 9), z)
    assert bool((kept[2, :10] == 9).all())
    assert kept[2, 10:].tolist() == z[2, 10:].tolist()


@pytest.mark.parametrize(
    "settings", [{}, {"convolution": 0}, {"noised_layers": 1}, {"noised_layers": 2}], ids=str
)
@pytest.mark.parametrize("size", [1, 3, 5, 12])
def test_one_pass_over_all_blocks_is_block_after_block_with_a_memory(
    size: int, settings: dict[str, int]
) -> None:
    network, (z, x, valid) = dit(**settings), words()
    at_once = network.in_blocks(z, x, valid, size)
    memory, answers = BlockMemory(), []
    for first in range(0, z.shape[1], size):
        span = slice(first, first + size)
        answers.append(network.after(z[:, span], valid, memory))
        network.after(x[:, span], valid, memory, finished=True)
    torch.testing.assert_close(torch.cat(answers, dim=1)[valid], at_once[valid])
    masked = valid & (z == MASK)
    in_part = network.in_blocks(z, x, valid, size, masked)
    torch.testing.assert_close(in_part[masked], at_once[masked])


def test_several_noised_versions_are_read_as_each_alone() -> None:
    network, (z, x, valid) = dit(noised_layers=2), words()
    other = x.masked_fill(valid & (z != MASK), MASK)
    together = network.in_blocks(torch.cat([z, other]), x, valid, 3)
    for version, answer in zip((z, other), together.chunk(2), strict=True):
        alone = network.in_blocks(version, x, valid, 3)
        torch.testing.assert_close(answer[valid], alone[valid])


@pytest.mark.parametrize("block_size", [0, 2])
def test_loss_of_several_versions_is_their_mean(
    block_size: int,
    module: Callable[..., DiffusionModule],
    batches: Callable[[int], list[dict[str, Tensor]]],
) -> None:
    (batch,) = batches(1)
    task = module(block_size=block_size)
    corrupted = task.corrupt(batch, torch.Generator().manual_seed(2), versions=3)
    rows = len(corrupted.x) // 3
    assert len(corrupted.x) == 3 * rows
    torch.testing.assert_close(corrupted.x[:rows], corrupted.x[rows : 2 * rows])
    assert not torch.equal(corrupted.z[:rows], corrupted.z[rows : 2 * rows])
    totals = corrupted.by_sequence(corrupted.bound())
    assert len(totals) == 3 * len(batch["tokens"])
    mean = totals.sum() / 3 / batch["maskable"].sum()
    torch.testing.assert_close(task.loss(corrupted), mean.float())


def test_versions_of_a_row_spread_the_number_of_masks_evenly() -> None:
    rows = torch.tensor([2] * 500 + [5] * 500)
    sampler = ExactCount().build(LinearSchedule())
    levels = sampler.draw(rows, torch.Generator().manual_seed(0), versions=2)
    assert levels.counts is not None
    first, second = levels.counts.view(2, -1)
    assert sorted(set(zip(first[:500].tolist(), second[:500].tolist(), strict=True))) == [
        (1, 2),
        (2, 1),
    ]
    for counts in (first, second):
        assert abs(int((counts[:500] == 1).sum()) - 250) < 60
        shares = counts[500:].bincount(minlength=6)[1:] / 500
        assert float((shares - 0.2).abs().max()) < 0.08
    alone = sampler.draw(rows.repeat(2), torch.Generator().manual_seed(0))
    assert alone.counts is not None
    same = alone.counts == levels.counts
    torch.testing.assert_close(alone.flow[same], levels.flow[same])


def test_one_block_is_the_whole_sequence() -> None:
    network, (z, x, valid) = dit(), words()
    whole = network(z, torch.ones(len(z)), valid)
    torch.testing.assert_close(network.in_blocks(z, x, valid, 12)[valid], whole[valid])


def test_block_sees_neither_later_blocks_nor_its_own_clean_tokens() -> None:
    network, (z, x, valid) = dit(), words()
    found = network.in_blocks(z, x, valid, 4)
    other = x.clone()
    other[:, 4:] = 3
    changed = network.in_blocks(z, other, valid, 4)
    first_two = valid & (torch.arange(12) < 8)
    torch.testing.assert_close(changed[first_two], found[first_two])
    assert not torch.allclose(changed[0, 8:], found[0, 8:])


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("toy", [toy_a(), random_toy(3, 3, 1), random_toy(2, 4, 2)], ids=["A", "V3L3", "V2L4"])  # fmt: skip
def test_bound_of_the_exact_denoiser_is_the_entropy_whatever_the_blocks(
    toy: Toy, size: int
) -> None:
    """Every mask of every block is enumerated: k uniform on 1..n, the masked set uniform among those of k positions."""
    process = AbsorbingProcess(toy.vocabulary)
    table: Any = ToyPosterior(toy.sequences, toy.law, process, leave_one_out=True)
    x = toy.sequences
    context = BlockContext(x, torch.ones_like(x, dtype=torch.bool), MASK)
    total = torch.zeros(len(x), dtype=torch.float64)
    for first in range(0, toy.length, size):
        clean = x[:, first : first + size]
        n = clean.shape[1]
        for count in range(1, n + 1):
            for chosen in itertools.combinations(range(n), count):
                block = clean.clone()
                block[:, chosen] = MASK
                log_x = context.ask(table, block, first, torch.full((len(x),), 0.5))
                surprise = -log_x.gather(-1, clean[..., None])[..., 0][:, chosen].sum(1)
                sets = len(list(itertools.combinations(range(n), count)))
                total += surprise / count / sets
    assert float((toy.law * total).sum()) == pytest.approx(toy.entropy, abs=1e-12)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_estimated_bound_of_the_exact_denoiser_is_the_entropy(size: int) -> None:
    toy = toy_a() if size == 2 else random_toy(2, 4, 3)
    store = TokenStore(toy.draw(6000, 1).tolist())
    bound = estimate_bound(toy_task(toy, size), store, num_draws=2, batch_size=2000, seed=0)
    assert bound.standard_error is not None
    assert abs(bound.nats_per_sequence - toy.entropy) < 3 * bound.standard_error * toy.length
    assert f"blocks of {size}" in bound.kind


def test_blocks_of_one_token_are_the_chain_rule_without_noise(
    module: Callable[..., DiffusionModule],
) -> None:
    task = module(block_size=1).eval()
    task.model = DiT(width=16, num_layers=2, num_heads=2).build(task.vocab_size, 8)
    store = TokenStore([[3, 4, 5, 3], [4, 4, 3], [5, 3, 3, 4, 5]])
    first, second = (
        estimate_bound(task, store, num_draws=1, batch_size=2, seed=seed) for seed in (0, 1)
    )
    assert first.nats_per_token == pytest.approx(second.nats_per_token, rel=1e-6)
    task.requires_grad_(requires_grad=False)
    total = 0.0
    for i in range(len(store)):
        x, memory = torch.from_numpy(store.get(i).astype(np.int64))[None], BlockMemory()
        valid = torch.ones_like(x, dtype=torch.bool)
        for at in range(x.shape[1]):
            logits = task.model.after(torch.full((1, 1), MASK), valid, memory)
            law = logits[0, 0, list(range(3, 6))].double().log_softmax(-1)
            total -= float(law[x[0, at] - 3])
            task.model.after(x[:, at : at + 1], valid, memory, finished=True)
    assert first.nats_per_sequence * len(store) == pytest.approx(total, rel=1e-5)


def test_a_block_as_long_as_the_sequence_trains_as_without_blocks(
    module: Callable[..., DiffusionModule], batches: Callable[[int], list[dict[str, Tensor]]]
) -> None:
    (batch,) = batches(1)
    width = batch["tokens"].shape[1]
    losses = [
        float(task.loss(task.corrupt(batch, torch.Generator().manual_seed(2))).detach())
        for task in (module(), module(block_size=width))
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


@pytest.mark.parametrize(
    "settings", [{"loss": {"kind": "polydiff"}}, {"parameterization": "d3pm"}, {}], ids=str
)
def test_loss_that_looks_at_visible_tokens_gets_their_predictions(
    settings: dict[str, Any],
    module: Callable[..., DiffusionModule],
    batches: Callable[[int], list[dict[str, Tensor]]],
) -> None:
    (batch,) = batches(1)
    task = module(block_size=2, **settings)
    for parameter in task.output_projection.parameters():
        torch.nn.init.normal_(parameter)
    corrupted = task.corrupt(batch, torch.Generator().manual_seed(2))
    masked = corrupted.maskable & (corrupted.z == MASK)
    visible = corrupted.maskable & ~masked
    assert bool(visible.any())
    answered = corrupted.logits.ne(0).any(-1)
    assert bool(answered[masked].all())
    assert bool(answered[visible].all()) is bool(settings)


def test_network_that_knows_nothing_of_blocks_is_asked_with_what_follows_masked() -> None:
    z, x, valid = words()
    network: Any = BERT(width=16, num_layers=1, num_heads=2, feed_forward=16).build(10, 12).eval()
    cut = Cut.of(valid, 4)
    noise = torch.linspace(0.1, 0.9, len(cut.sequence))
    found = predict_in_blocks(network, z, noise, cut, BlockContext(x, valid, MASK))
    row = torch.cat([x[:1, :4], z[:1, 4:8], torch.full((1, 4), MASK)], dim=1)
    expected = network(row, noise[1:2], valid[:1])
    torch.testing.assert_close(found[0, 4:8], expected[0, 4:8])


STRATEGIES = [
    FirstHitting(),
    LeftToRight(),
    AncestralCached(num_steps=200),
    SemiAutoregressive(block_size=1, calls_per_block=1),
]


@pytest.mark.parametrize("config", STRATEGIES, ids=lambda c: c.kind)
def test_samples_in_blocks_have_the_law_of_the_data(config: Sampler) -> None:
    toy = random_toy(2, 4, 4)
    rows = size("law_rows_in_steps" if config.kind == "ancestral_cached" else "law_rows")
    made = complete(toy_task(toy, 2), config, [[MASK] * toy.length] * rows, seed=3, batch_size=rows)
    counts = np.bincount(toy.index_of(torch.tensor(made.tokens)).numpy(), minlength=len(toy.law))
    assert chisquare(counts, toy.law.numpy() * rows).pvalue > 1e-3
    if config.kind != "ancestral_cached":
        assert made.mean_calls == toy.length


def test_parallel_draws_inside_a_block_are_found_out() -> None:
    toy = random_toy(2, 4, 4)
    rows = size("law_rows")
    whole_block = RandomGroups(num_calls=1)
    made = complete(
        toy_task(toy, 2), whole_block, [[MASK] * toy.length] * rows, seed=3, batch_size=rows
    )
    counts = np.bincount(toy.index_of(torch.tensor(made.tokens)).numpy(), minlength=len(toy.law))
    assert chisquare(counts, toy.law.numpy() * rows).pvalue < 1e-6
    assert made.mean_calls == 2


@pytest.mark.parametrize("block_size", [0, 2])
@pytest.mark.parametrize("kind", ["dit", "table"])
def test_sample_does_not_depend_on_its_batch_and_known_tokens_stay(
    kind: str, block_size: int, module: Callable[..., DiffusionModule]
) -> None:
    if kind == "table":
        task = toy_task(random_toy(3, 4, 1), block_size)
    else:
        task = module(block_size=block_size).eval().double()
        with torch.no_grad():
            torch.nn.init.normal_(
                task.model.head.weight, generator=torch.Generator().manual_seed(1)
            )
    templates = [[MASK] * 4, [3, MASK, MASK, MASK], [3, 4, MASK, 5], [MASK] * 4]
    config = FirstHitting()
    alone, together = (
        complete(task, config, templates, seed=1, batch_size=size) for size in (1, 4)
    )
    assert alone.tokens == together.tokens
    assert all(MASK not in row for row in alone.tokens)
    assert [row[0] for row in alone.tokens[1:3]] == [3, 3]
    assert alone.tokens[2][3] == 5


def test_trajectory_shows_finished_blocks_and_masks_to_come(
    module: Callable[..., DiffusionModule],
) -> None:
    task = module(block_size=2).eval()
    made = complete(task, FirstHitting(), [[MASK] * 6], seed=1, batch_size=1, record=1)
    states = made.trajectory[:, 0]
    assert (states == MASK).sum(1).tolist() == [6, 5, 4, 3, 2, 1, 0]
    assert states[2, 2:].tolist() == [MASK] * 4
    assert states[-1].tolist() == made.tokens[0]


def test_gap_before_known_blocks_is_refused(module: Callable[..., DiffusionModule]) -> None:
    task = module(block_size=2)
    with pytest.raises(
        ConfigError, match=r"blocks of 2 from left to right.*position 2 .*position 3"
    ):
        complete(task, FirstHitting(), [[3, MASK, 3, 4]], seed=1, batch_size=1)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (
            {"process": Uniform(), "time_sampler": {"kind": "low_discrepancy"}, "block_size": 4},
            "block_size = 4 is for noise that masks",
        ),
        ({"denoiser": {"kind": "dit", "noised_layers": 1}}, "set block_size too"),
        (
            {"denoiser": {"kind": "dit", "noised_layers": 9}, "block_size": 4},
            "noised_layers = 9 must be at most num_layers = 4",
        ),
        ({"block_size": -1}, "block_size"),
        ({"block_size": 65, "max_length": 64}, "block_size = 65 is above max_length = 64"),
    ],
)
def test_what_does_not_go_with_blocks_is_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        DiffusionConfig.model_validate(settings)


def test_run_in_blocks_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ["--store", str(tmp_path)]
    words = [
        "run", "diffusion", "polymers", "--num_polymers=60", "--train.steps=3", "--block_size=6",
        "--denoiser.width=16", "--denoiser.num_layers=2", "--denoiser.num_heads=2",
        "--evaluate.num_samples=3", "--evaluate.num_holdout=5", *store,
    ]  # fmt: skip
    assert main(words) == 0, capsys.readouterr().err
    run = open_run("@last", tmp_path)
    assert run.headline is not None
    assert "blocks of 6" in run.headline.title
    capsys.readouterr()
    assert main(["diffusion", "likelihood", "@last", "--draws=2", *store]) == 0
    assert "blocks of 6" in capsys.readouterr().out
    assert main(["diffusion", "sample", "@last", "--num=2", "--sampler=remdm", *store]) == 0
    assert main(["diffusion", "infill", "@last", "*CC[MASK]{4}", "--num=2", *store]) == 0
    lines = capsys.readouterr().out.splitlines()[-2:]
    assert all(line.startswith("*CC") for line in lines)
    assert main(["diffusion", "infill", "@last", "*CC[MASK]{4}C(=O)O*", *store]) != 0
    assert "blocks of 6 from left to right" in capsys.readouterr().err
    assert main(["report", "@last", *store]) == 0
