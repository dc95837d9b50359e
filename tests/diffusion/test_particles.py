"""Weighted particles: the normaliser and the weighted law are exact for any proposal, and wrong weights are found out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from guidance_toys import (
    TableClassifier,
    distance,
    rule_of,
    steered,
    told_class,
    toy_g,
    toy_k,
    weighted_law,
)
from sampler_draws import OTHER_NOISE
from taskloom.errors import ConfigError
from taskloom_diffusion.corpora.toys import LETTERS, NUM_SPECIAL
from taskloom_diffusion.guidance import kernels, particles
from taskloom_diffusion.guidance.rewards import Reward
from taskloom_diffusion.guidance.steering import Steering
from taskloom_diffusion.processes.absorbing_torch import AbsorbingProcess
from taskloom_diffusion.samplers.ancestral import Ancestral, AncestralCached, GreedyTail
from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.samplers.confidence import Confidence, LowEntropy, Margin
from taskloom_diffusion.samplers.entropy_bound import EntropyBound
from taskloom_diffusion.samplers.first_hitting import FirstHitting
from taskloom_diffusion.samplers.generation import SampledTokens
from taskloom_diffusion.samplers.left_to_right import LeftToRight
from taskloom_diffusion.samplers.random_groups import RandomGroups
from taskloom_diffusion.samplers.remdm import ReMDM
from taskloom_diffusion.samplers.threshold import Threshold
from tests_sizes import size
from torch import Tensor

G, TOLD = toy_g()
K, TOLD_K = toy_k()
NOT_Y = (1 - TOLD).numpy()
GROUPS = size("particle_groups")
ONE_C, TWO_B = "regex:(a|b)*c(a|b)*", "regex:a*ba*ba*"


def decode(ids: list[int]) -> str:
    return "".join(LETTERS[i - NUM_SPECIAL] for i in ids)


WORDS = [decode(row) for row in G.sequences.tolist()]


def reward(text: str) -> float:
    return (text.count("c") + 2 * (text[0] == text[2])) / 3


def partly(text: str) -> float:
    if text[0] == text[1]:
        raise ValueError("not this one")
    return reward(text)


def rewarding(function: Callable[[str], float], floor: float = 0.0) -> Reward:
    made = Reward(function, decode)
    made.floor = floor
    return made


def of_class(**given_: object) -> Steering:
    """Return a steering to y = 0 at a scale of 2, by 64 particles."""
    classifier = TableClassifier(G, TOLD, AbsorbingProcess(G.vocabulary))
    made = {"scale": 2.0, "size": 64, "target": 0, "classifier": classifier, "everything": True}
    return Steering(**{**made, **given_})


SQUARED = G.law.numpy() * NOT_Y**2
CFG = of_class(condition=told_class(0), guidance="cfg", potential="cfg")
REWARD = {"size": 64, "potential": "reward", "reward_scale": 2.0, "everything": True}
VALUES = np.exp(2 * np.array([reward(word) for word in WORDS]))
WANTED = np.array([word[0] != word[1] for word in WORDS])
EXACTLY = np.array([word.count("c") == 1 for word in WORDS])

CASES: Mapping[str, tuple[Steering, Sampler, float, np.ndarray | None]] = {
    "cfg": (CFG, FirstHitting(), 1.28340107285081, SQUARED),
    "likelihood": (of_class(potential="likelihood"), FirstHitting(), 0.295068278039978, SQUARED),
    "likelihood, drawn by cfg": (
        of_class(condition=told_class(0), guidance="cfg", potential="likelihood"),
        RandomGroups(num_calls=0),
        0.295068278039978,
        SQUARED,
    ),
    "likelihood, drawn by a gradient": (
        of_class(guidance="cbg1", potential="likelihood"),
        FirstHitting(),
        0.295068278039978,
        SQUARED,
    ),
    "reward": (
        Steering(reward=rewarding(reward), **REWARD),
        FirstHitting(),
        float((G.law.numpy() * VALUES).sum()),
        G.law.numpy() * VALUES,
    ),
    "reward of some": (
        Steering(reward=rewarding(partly), **REWARD),
        FirstHitting(),
        3.837553,
        G.law.numpy() * VALUES * WANTED,
    ),
    "constraint": (
        Steering(rule=rule_of(G, ONE_C), size=64, everything=True),
        FirstHitting(),
        0.491948917268184,
        G.law.numpy() * EXACTLY,
    ),
    "constraint in four steps": (
        Steering(rule=rule_of(G, ONE_C), size=64, everything=True),
        Ancestral(num_steps=4),
        0.496867,
        None,
    ),
}


def off(found: Tensor, truth: float, groups: int) -> float:
    """Return by how many standard errors a mean of Z is off."""
    z = found.view(groups, -1).logsumexp(1).exp()
    error = float(z.std()) / groups**0.5
    return (float(z.mean()) - truth) / max(error, 1e-6)


@pytest.mark.parametrize("name", CASES)
def test_mean_normaliser_and_weighted_law_are_exact(name: str) -> None:
    steering, sampler, truth, law = CASES[name]
    made = steered(G, TOLD, sampler, steering, GROUPS, seed=3)
    assert abs(off(made.log_weights, truth, GROUPS)) < 3
    if law is not None:
        far = distance(weighted_law(G, made.tokens, made.log_weights), law)
        assert far < 0.5 / (GROUPS**0.5)


@pytest.mark.parametrize(
    ("name", "steering", "truth"),
    [
        ("cfg", {"condition": told_class(0), "guidance": "cfg", "potential": "cfg"}, 1.302865),
        ("constraint", {"rule": True}, 0.495282),
        ("likelihood", {"guidance": "cbg", "potential": "likelihood", "size": 16}, 0.293270),
    ],
)
def test_noise_without_a_mask_is_weighed_too(
    name: str, steering: dict[str, object], truth: float
) -> None:
    del name
    process = OTHER_NOISE["uniform"](G)
    if "rule" in steering:
        made = {"rule": rule_of(G, ONE_C, process), "size": 64, "everything": True}
        chosen = Steering(**made)
    else:
        chosen = of_class(classifier=TableClassifier(G, TOLD, process), **steering)
    found = steered(G, TOLD, Ancestral(num_steps=16), chosen, GROUPS, process=process, seed=4)
    assert abs(off(found.log_weights, truth, GROUPS)) < 3


def wrong(monkeypatch: pytest.MonkeyPatch, steering: Steering, groups: int = 150) -> SampledTokens:
    """Draw with weights that forget the ratio of what was drawn."""
    monkeypatch.setattr(kernels, "log_ratio", lambda joint, *_: torch.zeros_like(joint.log_norm))
    return steered(G, TOLD, FirstHitting(), steering, groups, seed=5)


def test_weights_that_forget_the_normaliser_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are all equal and Z is 1, which looks perfect."""
    made = wrong(monkeypatch, CFG)
    assert abs(off(made.log_weights, 1.28340107285081, 150)) > 10
    assert distance(weighted_law(G, made.tokens, made.log_weights), SQUARED) > 0.03


def test_weights_that_forget_the_proposal_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    made = wrong(monkeypatch, CASES["likelihood, drawn by cfg"][0])
    assert abs(off(made.log_weights, 0.295068278039978, 150)) > 10


def test_a_denominator_that_is_drawn_again_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guess that was divided in must be the one that is divided out: the right figure is 4.620886."""
    resample = particles._Run._resample

    def forgetful(run: Any, kernel: Any, part: Any, noise: Any, is_open: Tensor) -> None:  # noqa: ANN401 -- of a private class
        resample(run, kernel, part, noise, is_open)
        whole, mask = run.generation, G.vocabulary.mask_id
        share = (whole.free & (run.z != mask)).sum(1) / whole.free.sum(1)
        seen = particles.ParticleView(
            *(run.z, whole.maskable, slice(0, run.length), kernel.law, kernel.alpha),
            *(share.double(), ~is_open, whole.noise.of_block(77, slice(0, run.length)).uniform),
        )
        run.log_psi = run.potential.log_potential(seen)

    monkeypatch.setattr(particles._Run, "_resample", forgetful)
    made = steered(G, TOLD, FirstHitting(), CASES["reward"][0], 120, seed=6)
    assert off(made.log_weights, 4.620886, 120) > 10


def test_completions_that_fail_must_not_kill_their_particle() -> None:
    """Nothing left of a particle before the end is a wrong weight: what a completion says is a guess."""
    killing = Steering(reward=rewarding(partly, floor=-np.inf), **REWARD)
    made = steered(G, TOLD, FirstHitting(), killing, 120, seed=6)
    assert abs(off(made.log_weights, 3.837553, 120)) > 10


def test_a_runs_weighted_law_is_as_near_as_independent_draws() -> None:
    """.3792 and .1967 are the figures of as many exact draws, K = 16 and 64, over 27 cells."""
    target = SQUARED / SQUARED.sum()
    far = {}
    for count in (16, 64):
        chosen = of_class(condition=told_class(0), guidance="cfg", potential="cfg", size=count)
        made = steered(G, TOLD, FirstHitting(), chosen, 80, seed=7)
        weights = made.log_weights.view(80, count).softmax(1)
        each = zip(made.tokens.view(80, count, 3), weights.log(), strict=True)
        far[count] = float(np.mean([distance(weighted_law(G, t, w), target) for t, w in each]))
    assert far[16] <= 1.2 * 0.3792
    assert far[64] <= 1.2 * 0.1967
    assert far[16] / far[64] == pytest.approx(2, rel=0.15)


@pytest.mark.parametrize(
    ("steering", "truth"),
    [
        (
            {"condition": told_class(0), "guidance": "cfg", "potential": "cfg", "scale": 2.0},
            1.21373309693254,
        ),
        ({"rule": rule_of(K, TWO_B)}, 0.680916030534351),
    ],
    ids=["cfg", "constraint"],
)
def test_weights_go_on_from_block_to_block(steering: dict[str, object], truth: float) -> None:
    chosen = Steering(size=64, everything=True, **steering)
    made = steered(K, TOLD_K, FirstHitting(), chosen, GROUPS, block_size=2, seed=8)
    assert abs(off(made.log_weights, truth, GROUPS)) < 3
    law = K.law.numpy() * (1 - TOLD_K).numpy() ** 2
    if "rule" in steering:
        law = K.law.numpy() * [sum(row) == 4 * NUM_SPECIAL + 2 for row in K.sequences.tolist()]
    assert distance(weighted_law(K, made.tokens, made.log_weights), law) < 0.5 / GROUPS**0.5


@pytest.mark.parametrize(
    "sampler",
    [
        *(Ancestral(num_steps=8), AncestralCached(num_steps=8), FirstHitting()),
        *(RandomGroups(num_calls=2), RandomGroups(num_calls=2, buckets="independent")),
        *(LeftToRight(), Margin(), LowEntropy(), EntropyBound(bound=0.3)),
    ],
    ids=lambda s: f"{s.kind} {getattr(s, 'buckets', '')}",
)
def test_a_single_particle_is_the_samplers_own_draw(sampler: Sampler) -> None:
    """So the steps of particles are the samplers', to the last bit, whatever weighs them."""
    alone = Steering(potential="reward", reward=rewarding(reward), lookahead=0)
    for toy, told in ((G, TOLD), (K, TOLD_K)):
        plain = steered(toy, told, sampler, None, 300)
        made = steered(toy, told, sampler, alone, 300)
        assert torch.equal(made.tokens, plain.tokens)
        assert torch.equal(made.network_calls, plain.network_calls)
        truth = [reward(decode(row)) for row in made.tokens.tolist()]
        assert made.log_weights.tolist() == pytest.approx(truth, abs=1e-12)


def test_a_group_of_which_nothing_is_left_is_dead_and_counts_as_nothing() -> None:
    nothing = Steering(potential="reward", reward=rewarding(lambda text: -np.inf), size=4)
    made = steered(G, TOLD, FirstHitting(), nothing, 5)
    assert made.log_weights.tolist() == [-np.inf] * 5


@pytest.mark.parametrize(
    ("sampler", "steering", "sentence"),
    [
        (Confidence(), CFG, "'confidence' chooses by drawn tokens, which cannot be weighed"),
        (Threshold(), CFG, "'threshold' chooses by drawn tokens"),
        (ReMDM(), CFG, "'remdm' has no law of single steps"),
        (GreedyTail(), CFG, "'greedy_tail' has no law"),
        (FirstHitting(temperature=0.0), of_class(potential="likelihood"), "temperature = 0"),
        (FirstHitting(top_p=0.9), of_class(potential="likelihood"), "top_p = 0.9"),
        (FirstHitting(temperature=0.7), CFG, "temperature = 1"),
        (FirstHitting(), Steering(size=8), "all weigh the same"),
        (FirstHitting(), Steering(scale=-1.0), "negative"),
        (FirstHitting(), Steering(potential="likelihood"), "none is given"),
        (FirstHitting(), Steering(potential="cfg"), "give guidance = 'cfg'"),
        (FirstHitting(), Steering(potential="reward"), "needs a reward"),
        (
            FirstHitting(top_p=0.5),
            Steering(rule=rule_of(G, ONE_C)),
            "a constraint draws whole completions",
        ),
    ],
)
def test_what_cannot_be_weighed_is_refused(
    sampler: Sampler, steering: Steering, sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        steered(G, TOLD, sampler, steering, 2)
