"""Noising processes: matrices from files, chains that forget, and second implementations of published formulas."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.linalg import expm
from taskloom.errors import ConfigError
from taskloom_diffusion.config import DiffusionConfig
from taskloom_diffusion.corpora.toys import random_toy
from taskloom_diffusion.model.protocols import NoisingProcess
from taskloom_diffusion.processes.absorbing import Absorbing, ExcitedState
from taskloom_diffusion.processes.base import Process
from taskloom_diffusion.processes.d3pm import D3PM
from taskloom_diffusion.processes.interpolating_torch import uniform_process
from taskloom_diffusion.processes.marginal import Marginal
from taskloom_diffusion.processes.uniform import Uniform

TOY = random_toy(3, 2, 1)
ROWS = [[0.1, 0.9, 0.0], [0.2, 0.2, 0.6], [0.7, 0.0, 0.3]]


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_matrix_is_read_from_csv_and_json_and_becomes_part_of_the_config(tmp_path: Path) -> None:
    table = "\n".join(["a,b,c", *(",".join(map(str, row)) for row in ROWS)])
    csv = D3PM.model_validate({"file": str(write(tmp_path, "m.csv", table))})
    text = json.dumps({"tokens": ["a", "b", "c"], "matrix": ROWS})
    plain = D3PM.model_validate({"file": str(write(tmp_path, "m.json", text))})
    assert csv.matrix == plain.matrix == tuple(map(tuple, ROWS))
    assert (csv.rate, csv.tokens) == ("matrix", ("a", "b", "c"))
    dumped = csv.model_dump(mode="json")
    (tmp_path / "m.csv").unlink()
    assert D3PM.model_validate(dumped).matrix == csv.matrix


def test_the_chain_of_a_matrix_jumps_by_it_and_forgets_as_fast_as_the_signal_falls() -> None:
    config = D3PM(rate="matrix", tokens=("a", "b", "c"), matrix=tuple(map(tuple, ROWS)))
    process: Any = config.build(TOY.vocabulary)
    rates = process.generator[3:, 3:]
    wanted = torch.tensor(ROWS, dtype=torch.float64) - torch.eye(3, dtype=torch.float64)
    factor = rates[0, 1] / wanted[0, 1]
    assert torch.allclose(rates, wanted * factor)
    alphas = torch.tensor([1e-4, 1e-6, 0.0], dtype=torch.float64)
    kernel = process.kernel(alphas)[:, 3:, 3:]
    assert torch.allclose(kernel.sum(-1), torch.ones(3, 3, dtype=torch.float64))
    far, near = ((kernel[i] - kernel[2]).abs().max() for i in (0, 1))
    assert 0.1e-4 < float(far) < 10e-4
    assert 0.1e-6 < float(near) < 10e-6


def test_rows_follow_the_names_of_the_tokens_not_their_order() -> None:
    order = [2, 0, 1]
    shuffled = tuple(tuple(ROWS[i][j] for j in order) for i in order)
    tokens = tuple("abc"[i] for i in order)
    one: Any = D3PM(rate="matrix", tokens=tokens, matrix=shuffled).build(TOY.vocabulary)
    two: Any = D3PM(rate="matrix", tokens=("a", "b", "c"), matrix=tuple(map(tuple, ROWS))).build(
        TOY.vocabulary
    )
    assert torch.allclose(one.generator, two.generator)


def test_wide_walks_forget_too() -> None:
    """A walk of unit rates mixes in as many jumps as the square of its length; scaled by its gap, it ends in noise at any."""
    vocabulary = random_toy(8, 2, 0).vocabulary
    for rate in ("neighbour", "band", "gaussian"):
        process: Any = D3PM.model_validate({"rate": rate}).build(vocabulary)
        kernel = process.kernel(torch.tensor([1e-3], dtype=torch.float64))[0, 3:, 3:]
        assert float((kernel - 1 / 8).abs().max()) < 2e-3


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("m.csv", "a,b\n0.5,0.4\n0,1\n", "row 'a' of the matrix sums to 0.9, not 1"),
        (
            "m.csv",
            "a,b\n1.5,-0.5\n0,1\n",
            "row 'a' of the matrix has -0.5, which is no probability",
        ),
        ("m.csv", "a,b\n1,0\n", "the matrix has 1 rows for 2 tokens"),
        ("m.csv", "a,b\n1,0,0\n0,1,0\n", "row 'a' of the matrix has 3 numbers, not 2"),
        ("m.csv", "a,a\n1,0\n0,1\n", "the token 'a' of the matrix is there twice"),
        ("m.csv", "a,b\n1,zero\n0,1\n", "has something that is no number in row 2"),
        ("m.csv", "", "is empty; its first row must hold the tokens"),
        ("m.json", "[1]", 'must hold {"tokens": [...], "matrix": [[...]]}'),
        ("m.txt", "a", "must end in .csv or .json"),
    ],
)
def test_a_matrix_that_is_not_stochastic_is_one_sentence(
    tmp_path: Path, name: str, text: str, complaint: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        D3PM.model_validate({"file": str(write(tmp_path, name, text))})


def test_matrices_that_do_not_fit_are_refused() -> None:
    def built(tokens: tuple[str, ...], rows: list[list[float]]) -> object:
        return D3PM(rate="matrix", tokens=tokens, matrix=tuple(map(tuple, rows))).build(
            TOY.vocabulary
        )

    with pytest.raises(ConfigError, match="lacks 1 tokens of the corpus, the first is 'c'"):
        built(("a", "b"), [[0.5, 0.5], [0.5, 0.5]])
    with pytest.raises(ConfigError, match="has 1 tokens that the corpus lacks, the first is 'z'"):
        built(("a", "b", "c", "z"), [[0.25] * 4] * 4)
    with pytest.raises(ConfigError, match="never forgets where it starts"):
        built(("a", "b", "c"), [[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 1]])
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        D3PM.model_validate({"file": "absent.csv"})
    with pytest.raises(ValueError, match="are for rate = 'matrix', not 'uniform'"):
        D3PM(rate="uniform", tokens=("a", "b"))


def test_only_noise_that_masks_can_be_counted() -> None:
    masked = {"process": {"kind": "d3pm", "rate": "absorbing"}, "parameterization": "subs"}
    assert DiffusionConfig.model_validate(masked).process.absorbing
    with pytest.raises(ValueError, match="counts masks, and this process has none"):
        DiffusionConfig.model_validate({"process": {"kind": "d3pm", "rate": "band"}})


def test_sampler_that_reveals_masks_is_refused_with_the_config() -> None:
    uniform = {"process": {"kind": "uniform"}, "time_sampler": {"kind": "low_discrepancy"}}
    with pytest.raises(ValueError, match="sampler = 'confidence' reveals masks, and this process"):
        DiffusionConfig.model_validate(uniform | {"sampler": {"kind": "confidence"}})
    DiffusionConfig.model_validate(uniform | {"sampler": {"kind": "greedy_tail"}})


def test_uniform_noise_has_the_published_integrand_and_posterior() -> None:
    """Schiff et al. 2025: the integrand in terms of N alpha x + (1 - alpha), and the posterior with soft predictions."""
    size, generator = 3, torch.Generator().manual_seed(0)
    process = uniform_process(TOY.vocabulary)
    x = torch.tensor([[3, 4, 5, 3]])
    z = torch.tensor([[4, 4, 3, 3]])
    soft = torch.zeros(1, 4, 6, dtype=torch.float64)
    soft[..., 3:] = torch.rand(1, 4, 3, generator=generator, dtype=torch.float64).softmax(-1)
    t, s = (torch.tensor([a], dtype=torch.float64) for a in (0.3, 0.55))
    ours = process.integrand(soft.log(), x, z, t)
    theirs = process.posterior(soft, z, s, t)
    for i in range(4):
        one = torch.eye(3, dtype=torch.float64)
        truth, guess, here = one[x[0, i] - 3], soft[0, i, 3:], z[0, i] - 3
        bar, bar_guess = (size * t * p + 1 - t for p in (truth, guess))
        ratio = bar / bar[here]
        inside = (ratio * (ratio * bar_guess[here] / bar_guess).log()).sum()
        by_hand = (size / bar_guess[here] - size / bar[here] + inside) / (size * t)
        assert float(ours[0, i]) == pytest.approx(float(by_hand), rel=1e-12)
        step, at = t / s, one[here]
        upper = (
            size * t * guess * at + (step - t) * at + (s - t) * guess + (1 - step) * (1 - s) / size
        )
        lower = size * t * guess[here] + 1 - t
        assert torch.allclose(theirs[0, i, 3:], upper / lower, rtol=1e-12)


CHAIN = D3PM(rate="matrix", tokens=("a", "b", "c"), matrix=tuple(map(tuple, ROWS)))
EVERY: list[Process] = [
    Absorbing(), ExcitedState(), Uniform(), Marginal(), CHAIN,
    *(D3PM.model_validate({"rate": rate}) for rate in ("absorbing", "uniform", "neighbour", "band", "gaussian")),
]  # fmt: skip


def states(config: Process) -> list[int]:
    """The ids that a token of the toy can be in."""
    return [3, 4, 5, *([TOY.vocabulary.mask_id] if config.absorbing else [])]


def kernel(config: Process, process: NoisingProcess, early: float, late: float) -> np.ndarray:
    """q(z at signal `late` | z at signal `early`) written anew: a stay and a jump, or scipy's matrix exponential."""
    size = TOY.vocabulary.size
    if isinstance(config, D3PM):
        generator: Any = process
        return np.asarray(expm(np.log(early / late) * generator.generator.numpy()))
    target = np.zeros(size)
    if config.absorbing:
        target[TOY.vocabulary.mask_id] = 1
    elif isinstance(config, Uniform):
        target[3:] = 1 / 3
    else:
        target = (
            0.99 * np.array(TOY.vocabulary.frequencies) + 0.01 * np.array([0, 0, 0, 1, 1, 1]) / 3
        )
    stay = late / early
    return stay * np.eye(size) + (1 - stay) * np.tile(target, (size, 1))


@pytest.mark.parametrize("config", EVERY, ids=lambda c: f"{c.kind} {getattr(c, 'rate', '')}")
def test_posterior_is_bayes_rule_over_all_states(config: Process) -> None:
    process = config.build(TOY.vocabulary)
    alpha_s, alpha_t = 0.55, 0.2
    first, step = (
        kernel(config, process, early, late) for early, late in ((1.0, alpha_s), (alpha_s, alpha_t))
    )
    now, later = (torch.tensor([a], dtype=torch.float64) for a in (alpha_t, alpha_s))
    for x in (3, 4, 5):
        one = torch.nn.functional.one_hot(torch.tensor([[x]]), TOY.vocabulary.size).double()
        for z in states(config):
            joint = first[x] * step[:, z]  # q(z_s | x) q(z_t | z_s)
            if joint.sum() == 0:
                continue
            ours = process.posterior(one, torch.tensor([[z]]), later, now)[0, 0].numpy()
            np.testing.assert_allclose(ours, joint / joint.sum(), atol=1e-10)


@pytest.mark.parametrize("config", EVERY, ids=lambda c: f"{c.kind} {getattr(c, 'rate', '')}")
def test_noise_has_the_law_of_the_kernel(config: Process) -> None:
    """Evenly spread variates instead of random ones: shares are then exact to the spacing."""
    process, alpha, num = config.build(TOY.vocabulary), 0.3, 20_000
    noise = ((torch.arange(num, dtype=torch.float64) + 0.5) / num)[None]
    signal = torch.tensor([alpha], dtype=torch.float64)
    law = kernel(config, process, 1.0, alpha)
    for x in (3, 4, 5):
        z = process.corrupt(torch.full((1, num), x), signal, noise)
        shares = np.bincount(z[0].numpy(), minlength=TOY.vocabulary.size) / num
        np.testing.assert_allclose(shares, law[x], atol=2 / num)
        columns = process.likelihood(torch.arange(TOY.vocabulary.size)[None], signal)[0, :, x]
        np.testing.assert_allclose(
            columns.numpy()[states(config)], law[x][states(config)], atol=1e-10
        )
