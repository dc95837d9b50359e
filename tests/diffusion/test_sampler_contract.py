"""The contract of every sampler: what it refuses, how often it calls, in which order it reveals, and that batches change nothing."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from sampler_draws import EVERY, draw, p_value
from taskloom_diffusion.config import DiffusionConfig
from taskloom_diffusion.corpora.toys import Toy, random_toy
from taskloom_diffusion.samplers.ancestral import GreedyTail
from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.samplers.confidence import Confidence, Margin
from taskloom_diffusion.samplers.entropy_bound import EntropyBound
from taskloom_diffusion.samplers.first_hitting import FirstHitting
from taskloom_diffusion.samplers.left_to_right import LeftToRight
from taskloom_diffusion.samplers.noise import RowNoise
from taskloom_diffusion.samplers.random_groups import RandomGroups
from taskloom_diffusion.samplers.semi_autoregressive import SemiAutoregressive
from taskloom_diffusion.samplers.threshold import Threshold


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
    whole = draw(toy, config, rows=40, noise=RowNoise(9, range(40), 4)).tokens
    for row in (0, 17, 39):
        alone = draw(toy, config, rows=1, noise=RowNoise(9, [row], 4)).tokens
        assert torch.equal(whole[row], alone[0])


def test_a_sampler_of_ones_own_has_the_law_of_the_data() -> None:
    """The one in the documentation, as it stands there."""
    page = (Path(__file__).parents[2] / "docs/how-to/add-a-corpus.md").read_text()
    (block,) = [part for part in page.split("```") if "class RightToLeft" in part]
    names: dict[str, Any] = {}
    exec(compile(block.removeprefix("python"), "page", "exec", dont_inherit=True), names)
    toy, sampler = random_toy(2, 3, 4), names["RightToLeft"]()
    made = draw(toy, sampler, rows=20_000, record=True)
    assert p_value(toy, made.tokens, toy.law) > 1e-3
    first = (made.trajectory[1] != toy.vocabulary.mask_id).nonzero()[:, 1]
    assert set(first.tolist()) == {toy.length - 1}
