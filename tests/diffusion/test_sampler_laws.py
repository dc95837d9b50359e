"""Samplers against their exact laws: 100,000 draws, chi-square at p = 0.001; and laws that must be rejected."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from exact_laws import chain_law, exact_predictor, reverse_law
from pydantic import ValidationError
from scipy.stats import chisquare
from taskloom import derive_seed
from taskloom.registry import load_components
from taskloom_diffusion.config import DiffusionConfig
from taskloom_diffusion.corpora.toys import Toy, random_toy, toy_a
from taskloom_diffusion.denoisers.table_torch import ToyPosterior
from taskloom_diffusion.model.parameterizations import Parameterization
from taskloom_diffusion.model.protocols import NoisingProcess
from taskloom_diffusion.processes.absorbing_torch import AbsorbingProcess
from taskloom_diffusion.processes.d3pm import D3PM
from taskloom_diffusion.processes.interpolating_torch import marginal_process, uniform_process
from taskloom_diffusion.samplers.ancestral import Ancestral, AncestralCached, GreedyTail
from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.samplers.confidence import Confidence, LowEntropy, Margin
from taskloom_diffusion.samplers.entropy_bound import EntropyBound
from taskloom_diffusion.samplers.first_hitting import FirstHitting
from taskloom_diffusion.samplers.generation import Generation, Predictor, SampledTokens, generate
from taskloom_diffusion.samplers.left_to_right import LeftToRight
from taskloom_diffusion.samplers.noise import NoiseSource, RowNoise
from taskloom_diffusion.samplers.polydiff import PolydiffSampler
from taskloom_diffusion.samplers.random_groups import RandomGroups
from taskloom_diffusion.samplers.remdm import ForwardBackward, ReMDM
from taskloom_diffusion.samplers.semi_autoregressive import SemiAutoregressive
from taskloom_diffusion.samplers.threshold import Threshold
from taskloom_diffusion.schedules.closed_form import Cosine, LinearSchedule
from torch import Tensor

DRAWS = 100_000


class BatchNoise:
    """One stream for a whole batch: the fastest, but a row's values depend on the batch's shape."""

    def __init__(self, rows: int, length: int, seed: int) -> None:
        self.shape = (rows, length)
        self.seed = seed
        self.generator = torch.Generator().manual_seed(seed)

    def uniform(self) -> Tensor:
        return torch.rand(self.shape, generator=self.generator, dtype=torch.float64)

    def of_block(self, number: int, span: slice) -> BatchNoise:
        rows, length = self.shape
        width = len(range(*span.indices(length)))
        return BatchNoise(rows, width, derive_seed(self.seed, "block", number))


def draw(
    toy: Toy,
    config: Sampler,
    *,
    process: NoisingProcess | None = None,
    start: Tensor | None = None,
    rows: int = DRAWS,
    seed: int = 11,
    noise: NoiseSource | None = None,
    record: bool = False,
    schedule: LinearSchedule | Cosine | None = None,
) -> SampledTokens:
    process = process or AbsorbingProcess(toy.vocabulary)
    kind: Parameterization = "subs" if process.absorbing else "loo"
    table = ToyPosterior(toy.sequences, toy.law, process, leave_one_out=True)
    noise = noise or BatchNoise(rows, toy.length, seed)
    valid = torch.ones(rows, toy.length, dtype=torch.bool)
    if start is None:
        start, free = process.prior(noise.uniform()), valid
    else:
        free = start == toy.vocabulary.mask_id
    generation = Generation(
        Predictor(table, process, kind, rows),
        process,
        schedule or LinearSchedule(),
        start,
        free,
        valid,
        noise,
        config.temperature,
        config.top_p,
        [] if record else None,
    )
    return generate(config, generation)


def p_value(toy: Toy, tokens: Tensor, law: Tensor) -> float:
    counts = np.bincount(toy.index_of(tokens).numpy(), minlength=len(law))
    expected = law.numpy() / law.sum().item() * counts.sum()
    return float(chisquare(counts, expected).pvalue)


EXACT = [
    FirstHitting(),
    RandomGroups(num_calls=0),
    LeftToRight(),
    SemiAutoregressive(block_size=1, calls_per_block=1),
    EntropyBound(bound=0.0),
    LowEntropy(),
    Margin(),
]


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


def grouped_law(toy: Toy, groups: tuple[tuple[int, ...], ...]) -> Tensor:
    """The law of drawing groups of positions in turn, each position alone given all earlier groups, by counting sequences."""
    law = torch.ones(len(toy.law), dtype=torch.float64)
    for row, x in enumerate(toy.sequences):
        known: list[int] = []
        for group in groups:
            fits = (toy.sequences[:, known] == x[known]).all(1)
            for position in group:
                here = fits & (toy.sequences[:, position] == x[position])
                law[row] *= toy.law[here].sum() / toy.law[fits].sum()
            known += group
    return law


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


OTHER_NOISE: dict[str, Callable[[Toy], NoisingProcess]] = {
    "uniform": lambda toy: uniform_process(toy.vocabulary),
    "marginal": lambda toy: marginal_process(toy.vocabulary, 0.01),
    "neighbour": lambda toy: D3PM().build(toy.vocabulary),
    "matrix": lambda toy: D3PM(
        rate="matrix",
        tokens=("a", "b", "c"),
        matrix=((0.1, 0.9, 0.0), (0.2, 0.2, 0.6), (0.7, 0.0, 0.3)),
    ).build(toy.vocabulary),
}


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


EVERY: list[Sampler] = [
    kind.model_validate(
        {name: value for name, value in {"num_steps": 9, "eta": 0.3}.items() if name in kind.model_fields}
    )
    for kind in load_components("taskloom_diffusion.samplers").values()
    if issubclass(kind, Sampler)
] + [
    ReMDM(num_steps=9, eta=0.5, variant="rescale"),
    ReMDM(num_steps=9, eta=0.5, variant="confidence"),
    ReMDM(num_steps=9, eta=0.5, variant="loop"),
    RandomGroups(num_calls=3, buckets="independent"),
]  # fmt: skip


@pytest.mark.parametrize("config", EVERY, ids=lambda c: f"{c.kind} {getattr(c, 'variant', '')}")
def test_only_the_plain_chain_takes_noise_without_masks(config: Sampler) -> None:
    needs_masks = config.kind not in ("ancestral", "greedy_tail")
    assert config.absorbing == needs_masks
    uniform = {"process": {"kind": "uniform"}, "time_sampler": {"kind": "uniform"}}
    with pytest.raises(ValidationError, match="reveals masks") if needs_masks else nullcontext():
        DiffusionConfig.model_validate({**uniform, "sampler": config.model_dump()})


@pytest.mark.parametrize("config", EVERY, ids=lambda c: f"{c.kind} {getattr(c, 'variant', '')}")
@pytest.mark.parametrize("temperature", [1.0, 0.0])
def test_sampler_completes_a_template_and_tells_how(config: Sampler, temperature: float) -> None:
    """Clamped tokens stay at every step, only real tokens come out, calls are counted, and the start is not written to."""
    toy, rows = random_toy(3, 4, 2), 60
    config = config.model_copy(update={"temperature": temperature, "top_p": 0.95})
    start = torch.full((rows, 4), toy.vocabulary.mask_id)
    start[:, 1], start[:30, 3] = 4, 5
    kept = start.clone()
    made = draw(toy, config, start=start, rows=rows, record=True)
    clamped = kept != toy.vocabulary.mask_id
    assert torch.equal(start, kept)
    assert bool((made.tokens >= 3).all())
    assert bool((made.trajectory[:, clamped] == kept[clamped]).all())
    assert torch.equal(made.trajectory[0].long(), kept)
    assert torch.equal(made.trajectory[-1].long(), made.tokens)
    assert 1 <= int(made.network_calls.min()) <= int(made.network_calls.max()) <= 1000
    again = draw(toy, config, start=start, rows=rows)
    assert torch.equal(again.tokens, made.tokens)


@pytest.mark.parametrize(
    ("config", "calls"),
    [
        (Threshold(threshold=0.0), 1),
        (EntropyBound(bound=1e9), 1),
        (SemiAutoregressive(block_size=2, calls_per_block=1), 2),
        (Confidence(num_calls=3), 3),
        (Margin(num_calls=2), 2),
        (Threshold(threshold=1.0), 4),
        (RandomGroups(num_calls=2), 2),
        (GreedyTail(num_steps=7), 7),
        (FirstHitting(), 4),
    ],
    ids=lambda value: getattr(value, "kind", str(value)),
)
def test_sampler_makes_as_many_calls_as_it_says(config: Sampler, calls: int) -> None:
    made = draw(random_toy(3, 4, 2), config, rows=50)
    assert made.network_calls.unique().tolist() == [calls]


def test_positions_are_revealed_in_the_order_of_the_rule() -> None:
    toy = random_toy(3, 4, 2)
    for config, groups in (
        (LeftToRight(), [{0}, {1}, {2}, {3}]),
        (SemiAutoregressive(block_size=2, calls_per_block=1), [{0, 1}, {2, 3}]),
    ):
        states = draw(toy, config, rows=20, record=True).trajectory
        for step, group in enumerate(groups):
            opened = (states[step] == 1) & (states[step + 1] != 1)
            assert set(opened.nonzero()[:, 1].tolist()) == group


def test_confidence_ranks_by_the_untempered_probability() -> None:
    """At temperature 0 every tempered probability is 1 and ties go left; the model's own say that the right is surer."""
    toy = Toy(2, 2, torch.tensor([0.55, 0.06, 0.35, 0.04], dtype=torch.float64))
    config = Confidence(temperature=0.0, randomness=0.0)
    states = draw(toy, config, rows=50, record=True).trajectory
    assert states[1].unique(dim=0).tolist() == [[1, 3]]


def test_greedy_tail_takes_the_likeliest_token_at_the_end() -> None:
    toy = random_toy(3, 4, 2)
    made = draw(toy, GreedyTail(num_steps=1, tail=1), rows=50)
    likeliest = toy.marginals.argmax(1) + 3
    assert bool((made.tokens == likeliest).all())


@pytest.mark.parametrize("config", EVERY, ids=lambda c: f"{c.kind} {getattr(c, 'variant', '')}")
def test_a_sample_does_not_depend_on_its_batch(config: Sampler) -> None:
    toy = random_toy(3, 4, 2)
    seeds = list(range(100, 140))
    whole = draw(toy, config, rows=40, noise=RowNoise(seeds, [4] * 40, 4)).tokens
    for row in (0, 17, 39):
        alone = draw(toy, config, rows=1, noise=RowNoise([seeds[row]], [4], 4)).tokens
        assert torch.equal(whole[row], alone[0])


def test_a_sampler_of_ones_own_has_the_law_of_the_data() -> None:
    """The one in the documentation, as it stands there."""
    page = (Path(__file__).parents[2] / "docs/concepts/diffusion.md").read_text()
    (block,) = [part for part in page.split("```") if "class RightToLeft" in part]
    names: dict[str, Any] = {}
    exec(compile(block.removeprefix("python"), "page", "exec", dont_inherit=True), names)
    toy, sampler = random_toy(2, 3, 4), names["RightToLeft"]()
    made = draw(toy, sampler, rows=20_000, record=True)
    assert p_value(toy, made.tokens, toy.law) > 1e-3
    first = (made.trajectory[1] != toy.vocabulary.mask_id).nonzero()[:, 1]
    assert set(first.tolist()) == {toy.length - 1}
