"""Guided chains, their particles, and the laws that each of them has: held to enumeration, and to what they must not be."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from guidance_toys import (
    State,
    TableClassifier,
    ToldTable,
    conditional,
    distance,
    given,
    in_steps,
    one_a_call,
    steered,
    told_class,
    toy_g,
)
from sampler_draws import EVERY, OTHER_NOISE, p_value
from taskloom_diffusion.corpora.toys import NUM_SPECIAL
from taskloom_diffusion.guidance.steering import Steering
from taskloom_diffusion.model.condition import Condition
from taskloom_diffusion.processes.absorbing_torch import AbsorbingProcess
from taskloom_diffusion.samplers.ancestral import Ancestral
from taskloom_diffusion.samplers.first_hitting import FirstHitting
from tests_sizes import size
from torch import Tensor

TOY, TOLD = toy_g()
X = (TOY.sequences - NUM_SPECIAL).numpy()
P = TOY.law.numpy()


def posterior(y: int) -> np.ndarray:
    """Return p(x | y)."""
    return given(TOY, TOLD, y).numpy()


def tilted(y: int, scale: float = 2.0) -> np.ndarray:
    """Return p(x) p(y | x)^g, normalised."""
    law = P * (TOLD if y else 1 - TOLD).numpy() ** scale
    return law / law.sum()


def classifier_free(y: int, scale: float = 2.0) -> Callable[[State, int], np.ndarray]:
    def law(state: State, place: int) -> np.ndarray:
        u, c = (conditional(p, X, state, place, 3) for p in (P, posterior(y)))
        joint = np.where(c > 0, c**scale * np.where(u > 0, u, 1) ** (1 - scale), 0)
        return joint / joint.sum()

    return law


def first_order(y: int, scale: float = 2.0) -> Callable[[State, int], np.ndarray]:
    """The gradient of log p(y | z) of the multilinear classifier, by finite enumeration of what it is linear in."""
    classifier = TableClassifier(TOY, TOLD, AbsorbingProcess(TOY.vocabulary))

    def law(state: State, place: int) -> np.ndarray:
        z = torch.tensor([[v + NUM_SPECIAL if v >= 0 else 1 for v in state]])
        corners = torch.nn.functional.one_hot(z, 6).double().requires_grad_()
        classifier(corners, torch.ones(1), z > 0)[0, y].backward()
        slope = corners.grad[0, place, NUM_SPECIAL:].numpy()
        joint = conditional(P, X, state, place, 3) * np.exp(scale * slope)
        return joint / joint.sum()

    return law


@cache
def enumerated(y: int) -> np.ndarray:
    """Return the law of the guided chain of scale 2, one token a call in a random order."""
    return one_a_call(TOY, classifier_free(y))


def test_the_toy_and_its_guided_chains_are_the_published_ones() -> None:
    entropy = [float(-(p * np.log(p)).sum()) for p in (P, posterior(0), posterior(1))]
    assert entropy[0] == pytest.approx(2.77129672083659, abs=1e-13)
    assert float((TOY.law * TOLD).sum()) == pytest.approx(14999 / 28816, abs=1e-15)
    for y, far in ((0, 0.041180), (1, 0.013965)):
        assert distance(enumerated(y), tilted(y)) == pytest.approx(far, abs=1e-6)
    law = enumerated(0)
    assert float((law**2).sum()) == pytest.approx(0.118649110329297, abs=1e-13)
    assert float((law * (1 - TOLD.numpy())).sum()) == pytest.approx(0.687129423795943, abs=1e-13)
    assert distance(in_steps(TOY, classifier_free(0), 2), tilted(0)) == pytest.approx(
        0.256416, abs=1e-6
    )
    at = [distance(one_a_call(TOY, first_order(y)), tilted(y)) for y in (0, 1)]
    assert at == pytest.approx([0.071975, 0.076391], abs=1e-6)


def test_guided_draws_have_the_enumerated_law_and_no_other() -> None:
    """100,000 draws at full size; the chance that a right law is rejected is one in a thousand."""
    rows = size("guided_draws")
    cfg = Steering(told_class(0), "cfg", 2.0)
    one = steered(TOY, TOLD, FirstHitting(), cfg, rows)
    four = steered(TOY, TOLD, Ancestral(num_steps=4), cfg, rows, seed=12)
    assert p_value(TOY, one.tokens, torch.from_numpy(enumerated(0))) > 1e-3
    assert p_value(TOY, four.tokens, torch.from_numpy(in_steps(TOY, classifier_free(0), 4))) > 1e-3
    others = tilted(0), one_a_call(TOY, first_order(0)), posterior(0), P
    assert [p_value(TOY, one.tokens, torch.from_numpy(law)) < 1e-6 for law in others] == [True] * 4
    assert one.network_calls.unique().tolist() == [2 * TOY.length]


def test_both_answers_come_in_one_call_of_twice_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    forward = ToldTable.forward

    def counted(table: ToldTable, z: Tensor, *more: Tensor, **told: Condition | None) -> Tensor:
        asked.append(len(z))
        return forward(table, z, *more, **told)

    monkeypatch.setattr(ToldTable, "forward", counted)
    made = steered(TOY, TOLD, FirstHitting(), Steering(told_class(0), "cfg", 2.0), 5)
    assert asked == [10] * TOY.length
    # Of a row's work nothing is hidden by that.
    assert made.network_calls.tolist() == [2 * TOY.length] * 5


@pytest.mark.parametrize("noise", ["absorbing", *OTHER_NOISE])
def test_scales_of_0_and_1_are_the_plain_and_the_conditional_sampler_bit_for_bit(
    noise: str,
) -> None:
    process = OTHER_NOISE[noise](TOY) if noise in OTHER_NOISE else AbsorbingProcess(TOY.vocabulary)
    samplers = [s for s in EVERY if process.absorbing or not s.absorbing]
    assert len(samplers) >= 2
    for sampler in samplers:
        made = {
            name: steered(TOY, TOLD, sampler, steering, 200, process=process)
            for name, steering in {
                "plain": None,
                "told": Steering(told_class(1)),
                **{f"scale {g}": Steering(told_class(1), "cfg", g) for g in (0.0, 1.0)},
                "classifier 0": Steering(
                    guidance="cbg",
                    scale=0.0,
                    target=1,
                    classifier=TableClassifier(TOY, TOLD, process),
                ),
            }.items()
        }
        assert torch.equal(made["scale 0.0"].tokens, made["plain"].tokens)
        assert torch.equal(made["classifier 0"].tokens, made["plain"].tokens)
        assert torch.equal(made["scale 1.0"].tokens, made["told"].tokens)
        assert torch.equal(made["scale 0.0"].network_calls, made["plain"].network_calls)
        assert torch.equal(made["scale 1.0"].network_calls, made["told"].network_calls)


def test_told_draws_have_the_conditional_law() -> None:
    made = steered(TOY, TOLD, FirstHitting(), Steering(told_class(1)), 20_000)
    assert p_value(TOY, made.tokens, torch.from_numpy(posterior(1))) > 1e-3


def test_an_exact_classifier_guides_as_two_exact_networks_do() -> None:
    """The same law, so the same tokens from the same noise."""
    process = AbsorbingProcess(TOY.vocabulary)
    exact = Steering(
        guidance="cbg", scale=2.0, target=0, classifier=TableClassifier(TOY, TOLD, process)
    )
    first = steered(TOY, TOLD, FirstHitting(), exact, 2000)
    second = steered(TOY, TOLD, FirstHitting(), Steering(told_class(0), "cfg", 2.0), 2000)
    assert torch.equal(first.tokens, second.tokens)
    assert first.network_calls.unique().tolist() == [TOY.length]


def test_first_order_guidance_has_the_law_of_its_gradient() -> None:
    process = AbsorbingProcess(TOY.vocabulary)
    slope = Steering(
        guidance="cbg1", scale=2.0, target=0, classifier=TableClassifier(TOY, TOLD, process)
    )
    made = steered(TOY, TOLD, FirstHitting(), slope, size("guided_draws"))
    assert p_value(TOY, made.tokens, torch.from_numpy(one_a_call(TOY, first_order(0)))) > 1e-3
    assert p_value(TOY, made.tokens, torch.from_numpy(enumerated(0))) < 1e-6
