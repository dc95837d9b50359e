"""Samplers against their exact laws: 100,000 draws, chi-square at p = 0.001; and laws that must be rejected."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from exact_laws import chain_law, exact_predictor, reverse_law
from sampler_draws import EXACT, OTHER_NOISE, draw, grouped_law, p_value
from scipy.stats import chisquare
from taskloom_diffusion.corpora.toys import Toy, random_toy, toy_a
from taskloom_diffusion.samplers.ancestral import Ancestral, AncestralCached
from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.samplers.first_hitting import FirstHitting
from taskloom_diffusion.samplers.polydiff import PolydiffSampler
from taskloom_diffusion.samplers.random_groups import RandomGroups
from taskloom_diffusion.samplers.remdm import ForwardBackward, ReMDM
from taskloom_diffusion.samplers.semi_autoregressive import SemiAutoregressive
from taskloom_diffusion.schedules.closed_form import Cosine, LinearSchedule


@pytest.mark.parametrize("config", EXACT, ids=lambda c: c.kind)
@pytest.mark.parametrize("toy", [toy_a(), random_toy(2, 3, 4)], ids=["A", "V2L3"])
def test_sampler_with_one_position_per_call_has_the_law_of_the_data(
    toy: Toy, config: Sampler
) -> None:
    # These orders do not depend on the drawn tokens of the same call, so one position per call is exact.
    samples = draw(toy, config)
    assert p_value(toy, samples.tokens, toy.law) > 1e-3
    assert bool((samples.network_calls == toy.length).all())


@pytest.mark.parametrize(
    "config",
    [
        Ancestral(num_steps=1),
        Ancestral(num_steps=2),
        Ancestral(num_steps=5),
        AncestralCached(num_steps=5),
        RandomGroups(num_calls=2, buckets="independent"),
        ReMDM(num_steps=2, eta=0.0),
    ],
    ids=lambda c: f"{c.kind}{getattr(c, 'num_steps', '')}",
)
def test_chain_has_the_law_of_its_grid(config: Sampler) -> None:
    toy = random_toy(2, 3, 9)
    steps = getattr(config, "num_steps", 2)
    law = chain_law(toy, [i / steps for i in range(steps + 1)])
    assert p_value(toy, draw(toy, config).tokens, law) > 1e-3


def test_blocks_and_equal_groups_have_laws_of_their_own() -> None:
    """Positions drawn in one call are independent given what was there before; the groups are fixed, or uniformly random."""
    toy = random_toy(2, 4, 5)
    blocks = draw(toy, SemiAutoregressive(block_size=2, calls_per_block=1)).tokens
    law = grouped_law(toy, ((0, 1), (2, 3)))
    assert p_value(toy, blocks, law) > 1e-3
    assert p_value(toy, blocks, toy.law) < 1e-6
    pairs = list(itertools.combinations(range(4), 2))
    rest = [tuple(sorted(set(range(4)) - set(pair))) for pair in pairs]
    law = torch.stack([grouped_law(toy, g) for g in zip(pairs, rest, strict=True)]).mean(0)
    groups = draw(toy, RandomGroups(num_calls=2)).tokens
    assert p_value(toy, groups, law) > 1e-3
    assert p_value(toy, groups, toy.law) < 1e-6


def test_chain_follows_the_schedule_of_the_model() -> None:
    toy = toy_a()
    t = torch.linspace(1, 0, 4, dtype=torch.float64)
    law = chain_law(toy, [0.0, *Cosine().alpha(t)[1:-1].tolist(), 1.0])
    tokens = draw(toy, Ancestral(num_steps=3), schedule=Cosine()).tokens
    assert p_value(toy, tokens, law) > 1e-3


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


def test_one_step_is_rejected_against_the_data() -> None:
    toy = toy_a()
    tokens = draw(toy, Ancestral(num_steps=1)).tokens
    assert p_value(toy, tokens, toy.product_law) > 1e-3
    assert p_value(toy, tokens, toy.law) < 1e-9


@pytest.mark.parametrize("steps", [1, 8])
def test_polydiff_sampler_keeps_the_one_step_law_and_is_rejected(steps: int) -> None:
    toy = toy_a()
    tokens = draw(toy, PolydiffSampler(num_steps=steps)).tokens
    assert p_value(toy, tokens, toy.product_law) > 1e-3
    assert p_value(toy, tokens, toy.law) < 1e-9
    p, q = toy.law, toy.product_law
    assert float((p * (p / q).log()).sum()) == pytest.approx(0.110119, abs=1e-6)
    assert float((p - q).abs().sum() / 2) == pytest.approx(0.21875, abs=1e-12)


@pytest.mark.parametrize("name", OTHER_NOISE)
def test_chain_of_other_noise_has_the_law_of_its_grid(name: str) -> None:
    toy = random_toy(3, 2, 6, concentration=3.0)
    process = OTHER_NOISE[name](toy)
    predict = exact_predictor(toy, process, "loo", leave_one_out=True)
    law = reverse_law(toy, process, predict, [0.0, 0.25, 0.5, 0.75, 1.0])
    tokens = draw(toy, Ancestral(num_steps=4), process=process).tokens
    assert p_value(toy, tokens, law) > 1e-3
    assert p_value(toy, tokens, toy.product_law) < 1e-6


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
