"""Samplers against their exact laws: one matrix of samplers and noises, Holm at 1 %; and laws that must be rejected."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from exact_laws import chain_law, exact_predictor, reverse_law
from sampler_draws import EXACT, OTHER_NOISE, draw, grouped_law, p_value
from scipy.stats import chisquare
from taskloom.statistics import holm
from taskloom_diffusion.corpora.toys import Toy, random_toy, toy_a
from taskloom_diffusion.model.protocols import NoisingProcess
from taskloom_diffusion.samplers.ancestral import Ancestral, AncestralCached
from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.samplers.first_hitting import FirstHitting
from taskloom_diffusion.samplers.generation import SampledTokens
from taskloom_diffusion.samplers.polydiff import PolydiffSampler
from taskloom_diffusion.samplers.random_groups import RandomGroups
from taskloom_diffusion.samplers.remdm import ForwardBackward, ReMDM
from taskloom_diffusion.samplers.semi_autoregressive import SemiAutoregressive
from taskloom_diffusion.schedules.base import Schedule
from taskloom_diffusion.schedules.closed_form import Cosine, LinearSchedule
from torch import Tensor


def pairs_law(toy: Toy) -> Tensor:
    """Return the law of two groups of two positions, which are uniformly random."""
    pairs = list(itertools.combinations(range(4), 2))
    rest = [tuple(sorted(set(range(4)) - set(pair))) for pair in pairs]
    return torch.stack([grouped_law(toy, g) for g in zip(pairs, rest, strict=True)]).mean(0)


def grid(steps: int, schedule: Schedule | None = None) -> list[float]:
    """Return the signals of a grid of steps, from noise to data."""
    t = torch.linspace(1, 0, steps + 1, dtype=torch.float64)
    alphas = (schedule or LinearSchedule()).alpha(t).tolist()
    return [0.0, *alphas[1:-1], 1.0]


def of_noise(toy: Toy, process: NoisingProcess, schedule: Schedule) -> Tensor:
    """Return the law of four steps of the reverse chain of noise without a mask."""
    predict = exact_predictor(toy, process, "loo", leave_one_out=True)
    return reverse_law(toy, process, predict, grid(4, schedule))


@dataclass(frozen=True)
class Cell:
    """A sampler under a noise, and the law that it must have.

    Attributes:
        toy: The law of the data.
        config: The sampler.
        law: What it draws from.
        more: Noise and schedule.
    """

    toy: Toy
    config: Sampler
    law: Tensor
    more: Mapping[str, Any] = field(default_factory=dict)


def cells() -> Iterator[tuple[str, Cell]]:
    """Yield every sampler with a known law, under every noise that it is for."""
    small, wide, other = random_toy(2, 3, 9), random_toy(2, 4, 5), random_toy(3, 2, 6, 3.0)
    for toy in (toy_a(), random_toy(2, 3, 4)):
        # These orders do not depend on the drawn tokens of the same call, so one position per call is exact.
        for config in EXACT:
            yield (
                f"{config.kind} V{toy.num_tokens}L{toy.length}",
                Cell(toy, config, toy.law),
            )
    for config, steps in (
        *((Ancestral(num_steps=n), n) for n in (1, 2, 5)),
        (AncestralCached(num_steps=5), 5),
        (RandomGroups(num_calls=2, buckets="independent"), 2),
        (ReMDM(num_steps=2, eta=0.0), 2),
    ):
        yield (
            f"{config.kind} grid of {steps}",
            Cell(small, config, chain_law(small, grid(steps))),
        )
    cosine = {"schedule": Cosine()}
    along = Cell(toy_a(), Ancestral(num_steps=3), chain_law(toy_a(), grid(3, Cosine())), cosine)
    yield "ancestral along the cosine", along
    # Positions drawn in one call are independent given what was there before; groups are fixed, or uniformly random.
    blocks = SemiAutoregressive(block_size=2, calls_per_block=1)
    yield "blocks of two", Cell(wide, blocks, grouped_law(wide, ((0, 1), (2, 3))))
    yield "groups of two", Cell(wide, RandomGroups(num_calls=2), pairs_law(wide))
    for steps in (1, 8):
        redrawn = Cell(toy_a(), PolydiffSampler(num_steps=steps), toy_a().product_law)
        yield f"polydiff {steps}", redrawn
    for name, make in OTHER_NOISE.items():
        process = make(other)
        for schedule in (LinearSchedule(), Cosine()):
            more = {"process": process, "schedule": schedule}
            law = of_noise(other, process, schedule)
            yield (
                f"ancestral under {name}, {schedule.kind}",
                Cell(other, Ancestral(num_steps=4), law, more),
            )


@pytest.fixture(scope="module")
def drawn() -> dict[str, tuple[Cell, SampledTokens]]:
    """Draws of every cell."""
    return {name: (cell, draw(cell.toy, cell.config, **cell.more)) for name, cell in cells()}


def test_every_sampler_has_its_law_under_every_noise(
    drawn: dict[str, tuple[Cell, SampledTokens]],
) -> None:
    """The chance that any of the whole matrix is rejected although all are right is 1 %."""
    p = {name: p_value(cell.toy, found.tokens, cell.law) for name, (cell, found) in drawn.items()}
    rejected = {n: p[n] for n, held in zip(p, holm(list(p.values())), strict=True) if held < 0.01}
    assert len(p) >= 30
    assert rejected == {}


def test_laws_that_are_not_the_datas_are_told_apart_by_as_many_draws(
    drawn: dict[str, tuple[Cell, SampledTokens]],
) -> None:
    """The test has power: samplers that do not have the law of the data are rejected."""
    names = ["ancestral grid of 1", "ancestral grid of 2", "blocks of two", "groups of two"]
    names += [name for name in drawn if name.startswith(("polydiff", "ancestral under"))]
    for name in names:
        cell, found = drawn[name]
        assert p_value(cell.toy, found.tokens, cell.toy.law) < 1e-6, name


def test_one_position_a_call_takes_as_many_calls_as_positions(
    drawn: dict[str, tuple[Cell, SampledTokens]],
) -> None:
    exact = [drawn[name] for name in drawn if name.endswith(("V2L2", "V2L3"))]
    assert len(exact) == 2 * len(EXACT)
    assert all(bool((found.network_calls == cell.toy.length).all()) for cell, found in exact)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (1, [0.390625, 0.234375, 0.234375, 0.140625]),
        (2, [0.4453125, 0.1796875, 0.1796875, 0.1953125]),
    ],
)
def test_chain_law_of_toy_a_is_the_published_one(steps: int, expected: list[float]) -> None:
    law = chain_law(toy_a(), [i / steps for i in range(steps + 1)])
    assert law.tolist() == pytest.approx(expected, abs=1e-12)


def test_distance_of_a_single_step_from_the_data_is_the_published_one() -> None:
    p, q = toy_a().law, toy_a().product_law
    assert float((p * (p / q).log()).sum()) == pytest.approx(0.110119, abs=1e-6)
    assert float((p - q).abs().sum() / 2) == pytest.approx(0.21875, abs=1e-12)


@pytest.mark.parametrize("name", OTHER_NOISE)
def test_chain_of_other_noise_approaches_the_data_as_steps_grow(name: str) -> None:
    toy = random_toy(3, 2, 6)
    process = OTHER_NOISE[name](toy)
    predict = exact_predictor(toy, process, "loo", leave_one_out=True)
    distance = []
    for steps in (2, 16, 128):
        law = reverse_law(toy, process, predict, [i / steps for i in range(steps + 1)])
        assert float(law.sum()) == pytest.approx(1, abs=1e-9)
        distance.append(float((law - toy.law).abs().sum() / 2))
    assert distance[0] > 3 * distance[1] > 9 * distance[2]
    assert distance[2] < 0.02


def test_infilling_has_the_conditional_law_and_never_moves_a_clamped_token() -> None:
    toy = random_toy(3, 3, 4)
    clamped = toy.sequences[14]
    start = clamped.clone()
    start[[0, 2]] = toy.vocabulary.mask_id
    rows = 10_000
    same = toy.sequences[:, 1] == clamped[1]
    law = torch.where(same, toy.law, 0.0)
    for config in (
        FirstHitting(),
        RandomGroups(num_calls=0),
        Ancestral(num_steps=60),
    ):
        tokens = draw(toy, config, start=start.repeat(rows, 1), rows=rows).tokens
        assert bool((tokens[:, 1] == clamped[1]).all())
        counts = np.bincount(toy.index_of(tokens).numpy(), minlength=len(law))[same.numpy()]
        expected = (law[same] / law.sum()).numpy() * rows
        assert chisquare(counts, expected).pvalue > 1e-3


@pytest.mark.parametrize(
    "config",
    [
        ReMDM(num_steps=20, variant="cap", eta=0.2),
        ReMDM(num_steps=20, variant="rescale", eta=0.5),
        ReMDM(num_steps=20, variant="confidence", eta=0.8),
        ReMDM(num_steps=20, variant="loop", eta=0.5, loop_alpha=0.7),
        ForwardBackward(num_steps=20),
    ],
    ids=lambda c: f"{c.kind} {getattr(c, 'variant', '')}",
)
def test_remasking_keeps_the_mask_rate_at_every_step(config: Sampler) -> None:
    from taskloom_diffusion.samplers.chain import looped_grid, signal_grid

    toy = random_toy(2, 4, 3)
    rows = 10_000
    samples = draw(toy, config, rows=rows, record=True)
    alphas = signal_grid(LinearSchedule(), 20, "schedule")
    if getattr(config, "variant", "") == "loop":
        alphas, _ = looped_grid(alphas, 0.7, 0.5)
    masked = (samples.trajectory == toy.vocabulary.mask_id).double().mean((1, 2))
    remasked = ((samples.trajectory[:-1] != 1) & (samples.trajectory[1:] == 1)).any()
    assert bool(remasked)
    for rate, alpha in zip(masked.tolist(), alphas, strict=True):
        # Positions of a row are not independent: the error is that of as many rows, each counted once.
        error = 3 * (alpha * (1 - alpha) / rows) ** 0.5
        assert abs(rate - (1 - alpha)) <= error + 1e-12


def test_no_remasking_is_ancestral_bit_for_bit() -> None:
    toy = random_toy(3, 4, 2)
    plain = draw(toy, Ancestral(num_steps=16), rows=2000).tokens
    for variant in ("cap", "rescale", "confidence"):
        remasked = draw(toy, ReMDM(num_steps=16, variant=variant, eta=0.0), rows=2000).tokens
        assert torch.equal(plain, remasked)


def test_cached_equals_uncached_and_counts_its_calls() -> None:
    toy = random_toy(3, 4, 2)
    rows, steps = 10_000, 30
    plain = draw(toy, Ancestral(num_steps=steps), rows=rows, record=True)
    cached = draw(toy, AncestralCached(num_steps=steps), rows=rows)
    assert torch.equal(plain.tokens, cached.tokens)
    assert bool((plain.network_calls == steps).all())
    changed = (plain.trajectory[:-1] != plain.trajectory[1:]).any(-1)[: steps - 1].sum(0)
    assert torch.equal(cached.network_calls, 1 + changed)
    # One call, and one more for each of the first T - 1 steps in which some position falls.
    expected = 1 + (steps - 1) * (1 - (1 - 1 / steps) ** toy.length)
    assert float(cached.network_calls.double().mean()) == pytest.approx(expected, rel=0.02)
