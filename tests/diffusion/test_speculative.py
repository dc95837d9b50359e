"""Speculative decoding: its law by enumeration of every proposal and verdict, its calls, and wrong variants that are found out."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sampler_draws import draw, p_value
from taskloom.errors import ConfigError
from taskloom.report.model import Table
from taskloom_diffusion.config import DiffusionConfig, DiffusionSettings, OptimizerSettings
from taskloom_diffusion.corpora.toys import NUM_SPECIAL, Toy, random_toy
from taskloom_diffusion.denoisers.dit import DiT
from taskloom_diffusion.denoisers.table import TableDenoiser
from taskloom_diffusion.denoisers.table_torch import ToyPosterior
from taskloom_diffusion.evaluation.calls import quality_against_calls
from taskloom_diffusion.evaluation.sampling import check_sampler
from taskloom_diffusion.processes.absorbing_torch import AbsorbingProcess
from taskloom_diffusion.report.calls import calls_blocks
from taskloom_diffusion.samplers.base import Order, Sampler
from taskloom_diffusion.samplers.confidence import LowEntropy, Margin
from taskloom_diffusion.samplers.first_hitting import FirstHitting
from taskloom_diffusion.samplers.generation import Generation, NoisedRows
from taskloom_diffusion.samplers.left_to_right import LeftToRight
from taskloom_diffusion.samplers.noise import RowNoise
from taskloom_diffusion.samplers.predictor import Predictor
from taskloom_diffusion.samplers.speculation import Dice, speculate
from taskloom_diffusion.samplers.speculative import Speculative
from taskloom_diffusion.schedules.closed_form import LinearSchedule
from taskloom_diffusion.tokenizers.symbols import SymbolTokenizer
from taskloom_diffusion.training.module import DiffusionModule
from tests_sizes import size
from torch import Tensor, nn

MASK = 1
Form: TypeAlias = Literal["fused", "two_call"]


def toy_g() -> Toy:
    a, b, c = np.meshgrid(*[np.arange(3)] * 3, indexing="ij")
    m = (5 * a + 3 * b + 2 * c + 4 * a * b + 6 * b * c + 3 * c * a + a * b * c) % 7
    return Toy(3, 3, torch.from_numpy(((1 + m**3) / 1801).flatten()))


def toy_k() -> Toy:
    a, b, c, d = np.meshgrid(*[np.arange(2)] * 4, indexing="ij")
    m = (2 * a + 3 * b + 4 * c + d + 5 * a * c + 2 * b * d + 3 * a * b * d + 4 * c * d) % 7
    return Toy(2, 4, torch.from_numpy(((1 + m**3) / 655).flatten()))


class RandomConditionals(nn.Module):
    """Laws of every masked position in every state, all drawn on their own: no joint law has these conditionals."""

    uses_time = False

    def __init__(self, toy: Toy, seed: int) -> None:
        super().__init__()
        self.base = toy.num_tokens + 1
        shape = (self.base**toy.length, toy.length)
        laws = np.random.default_rng(seed).dirichlet(np.full(toy.num_tokens, 0.7), shape)
        # A floor of rounding size, so that no verdict depends on the last bit of a token that never comes.
        self.laws = torch.from_numpy((laws + 1e-9) / (1 + toy.num_tokens * 1e-9))

    def forward(self, z: Tensor, noise: Tensor, maskable: Tensor) -> Tensor:
        del noise, maskable
        digits = torch.where(z == MASK, 0, z - NUM_SPECIAL + 1)
        place = self.base ** torch.arange(z.shape[1] - 1, -1, -1)
        found = self.laws[(digits * place).sum(1)].log()
        special = torch.full((*z.shape, NUM_SPECIAL), -torch.inf, dtype=torch.float64)
        return torch.cat([special, found], -1)


@dataclass
class EveryBranch:
    """Dice of many rows, each of which follows choices that are given and then takes the first possible ones."""

    given: Sequence[tuple[int, ...]]
    scores: Tensor
    made: list[list[tuple[int, list[float]]]] = field(init=False)

    def __post_init__(self) -> None:
        self.made = [[] for _ in self.given]

    def begin(self) -> Tensor:
        return self.scores.expand(len(self.given), -1)

    def propose(self, law: Tensor, rows: Tensor, positions: Tensor) -> Tensor:
        del positions
        chosen = []
        for row, chances in zip(
            rows.tolist(), (law / law.sum(-1, keepdim=True)).tolist(), strict=True
        ):
            made, given = self.made[row], self.given[row]
            first = next(i for i, chance in enumerate(chances) if chance > 0)
            choice = given[len(made)] if len(made) < len(given) else first
            made.append((choice, chances))
            chosen.append(choice)
        return torch.tensor(chosen, dtype=torch.long)

    settle = propose

    def accept(self, share: Tensor, rows: Tensor, positions: Tensor) -> Tensor:
        share = share.clamp_max(1)
        return self.propose(torch.stack([1 - share, share], -1), rows, positions).bool()


class AcceptAll(EveryBranch):
    """The wrong variant: what is proposed is never judged."""

    def accept(self, share: Tensor, rows: Tensor, positions: Tensor) -> Tensor:
        return super().accept(torch.ones_like(share), rows, positions)


@dataclass(frozen=True)
class Enumerated:
    law: Tensor
    calls: float
    rows: float
    most_calls: int


def enumerated(
    toy: Toy,
    network: nn.Module,
    order: Order,
    form: Form,
    k: int,
    *,
    positions: Sequence[int] = (),
    dice: Callable[[Sequence[tuple[int, ...]], Tensor], Dice] = EveryBranch,
    temperature: float = 1.0,
) -> Enumerated:
    """Return the exact law of a decoding, by following every branch of its draws once."""
    process = AbsorbingProcess(toy.vocabulary)
    scores = torch.zeros(toy.length, dtype=torch.float64)
    for rank, position in enumerate(positions):
        scores[position] = -float(rank)
    law = torch.zeros(len(toy.law), dtype=torch.float64)
    calls = rows = 0.0
    most, waiting = 0, [()]
    while waiting:
        now, waiting = waiting[:4000], waiting[4000:]
        tree = dice(now, scores)
        start = torch.full((len(now), toy.length), MASK)
        valid = torch.ones_like(start, dtype=torch.bool)
        predictor = Predictor(network, process, "subs", len(now))
        noise = RowNoise(0, range(len(now)), toy.length)
        batch = Generation(
            predictor, process, LinearSchedule(), start, valid, valid, noise, temperature
        )
        fused = form == "fused"
        tokens = speculate(batch, tree, order=order, fused=fused, k=k or None, most=8)
        for number, (given, made) in enumerate(zip(now, tree.made, strict=True)):
            chance = float(np.prod([chances[choice] for choice, chances in made]))
            law[int(toy.index_of(tokens[number : number + 1]))] += chance
            count = int(predictor.calls[number])
            calls += chance * count
            rows += chance * int(predictor.positions[number]) / toy.length
            most = max(most, count)
            for place in range(len(given), len(made)):
                choice, chances = made[place]
                before = tuple(c for c, _ in made[:place])
                waiting += [
                    (*before, other)
                    for other, share in enumerate(chances)
                    if other > choice and share > 0
                ]
    return Enumerated(law, calls, rows, most)


def sequential(
    toy: Toy,
    network: nn.Module,
    order: Order,
    positions: Sequence[int] = (),
    temperature: float = 1.0,
) -> Tensor:
    """Return the law of one token a call, by recursion over all states."""
    law = torch.zeros(len(toy.law), dtype=torch.float64)
    process = AbsorbingProcess(toy.vocabulary)
    ones = torch.ones(1, toy.length, dtype=torch.bool)

    def go(z: Tensor, chance: float) -> None:
        masked = (z == MASK)[0]
        if not bool(masked.any()):
            law[int(toy.index_of(z))] += chance
            return
        half, row = torch.full((1,), 0.5).double(), torch.zeros(1, dtype=torch.long)
        asked = NoisedRows(z, half, ones, row)
        answer = Predictor(network, process, "subs", 1).log_x_theta(asked)[0]
        p = answer.exp()
        if order == "entropy":
            score = torch.where(p > 0, p * answer, 0.0).sum(-1)
        elif order == "margin":
            best = p.topk(2, -1).values
            score = best[:, 0] - best[:, 1]
        else:
            score = torch.zeros(toy.length).double()
            for rank, position in enumerate(positions):
                score[position] = -float(rank)
        at = int(torch.where(masked, score, -torch.inf).argmax())
        shares = (answer[at] / temperature).softmax(-1)
        for token, share in enumerate(shares.tolist()):
            if share > 0:
                after = z.clone()
                after[0, at] = token
                go(after, chance * share)

    go(torch.full((1, toy.length), MASK), 1.0)
    return law


def distance(p: Tensor, q: Tensor) -> float:
    return float((p - q).abs().sum() / 2)


INCONSISTENT = [random_toy(3, 3, 0), random_toy(2, 4, 0)]


@pytest.mark.parametrize("form", ["fused", "two_call"])
@pytest.mark.parametrize("toy", INCONSISTENT, ids=["three of three", "four of two"])
@pytest.mark.parametrize("order", ["random", "left_to_right", "entropy", "margin"])
def test_the_law_is_that_of_one_token_a_call_to_the_last_digit(
    toy: Toy, order: Order, form: Form
) -> None:
    """Every proposal and verdict, with conditionals that no joint law has: a sampler that mixes orders would show."""
    network = RandomConditionals(toy, 3)
    every = list(itertools.permutations(range(toy.length))) if order == "random" else [()]
    chosen = every[:: size("enumerated_orders")]
    for positions in chosen:
        law = sequential(toy, network, order, positions)
        for k in (0, 2, 3, 1)[: size("enumerated_k")]:
            found = enumerated(toy, network, order, form, k, positions=positions)
            assert float(found.law.sum()) == pytest.approx(1, abs=1e-12)
            assert distance(found.law, law) < 1e-12
            assert found.most_calls <= toy.length


def test_a_tempered_law_is_kept_too() -> None:
    toy = INCONSISTENT[0]
    network = RandomConditionals(toy, 5)
    found = enumerated(toy, network, "left_to_right", "fused", 2, temperature=0.6)
    assert distance(found.law, sequential(toy, network, "left_to_right", (), 0.6)) < 1e-12


def test_proposals_that_are_never_judged_and_other_orders_are_found_out() -> None:
    toy = INCONSISTENT[0]
    network = RandomConditionals(toy, 3)
    law = sequential(toy, network, "left_to_right", (0, 1, 2))
    for form in ("fused", "two_call"):
        unjudged = enumerated(toy, network, "left_to_right", form, 3, dice=AcceptAll)
        assert distance(unjudged.law, law) > 0.1
    assert distance(sequential(toy, network, "random", (1, 2, 0)), law) > 0.1


@pytest.mark.parametrize(
    ("make", "form", "k", "calls", "rows"),
    [
        (toy_g, "two_call", 2, 3.0, 3.0),
        (toy_g, "two_call", 3, 2.210117397300, 3.210117397300),
        (toy_g, "fused", 1, 2.210117397300, 3.210117397300),
        (toy_k, "two_call", 2, 4.0, 4.0),
        (toy_k, "two_call", 3, 3.048840976633, 4.048840976633),
        (toy_k, "two_call", 4, 2.376631122525, 4.376631122525),
        (toy_k, "fused", 1, 3.014211726725, 4.063053),
        (toy_k, "fused", 2, 2.342001872618, 4.390843),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_calls_and_rows_are_the_published_ones(
    make: Callable[[], Toy], form: Form, k: int, calls: float, rows: float
) -> None:
    toy = make()
    table = ToyPosterior(
        toy.sequences, toy.law, AbsorbingProcess(toy.vocabulary), leave_one_out=True
    )
    found = enumerated(toy, table, "left_to_right", form, k)
    assert distance(found.law, toy.law) < 1e-12
    assert found.calls == pytest.approx(calls, abs=1e-9)
    assert found.rows == pytest.approx(rows, abs=1e-6)


@pytest.mark.parametrize(
    ("order", "one"),
    [
        ("random", FirstHitting()),
        ("left_to_right", LeftToRight()),
        ("entropy", LowEntropy()),
        ("margin", Margin()),
    ],
)
def test_one_proposal_in_two_calls_is_one_token_a_call_bit_for_bit(
    order: Order, one: Sampler
) -> None:
    toy = random_toy(3, 4, 2)
    noise = [RowNoise(5, range(200), 4) for _ in range(2)]
    made = draw(toy, Speculative(order=order, form="two_call", k=1), rows=200, noise=noise[0])
    alone = draw(toy, one, rows=200, noise=noise[1])
    assert torch.equal(made.tokens, alone.tokens)
    assert torch.equal(made.network_calls, alone.network_calls)


@pytest.mark.parametrize("form", ["fused", "two_call"])
@pytest.mark.parametrize("k", [0, 1, 3])
def test_draws_have_the_law_and_never_more_calls_than_positions(form: Form, k: int) -> None:
    toy = random_toy(3, 4, 2)
    made = draw(toy, Speculative(form=form, k=k))
    assert p_value(toy, made.tokens, toy.law) > 1e-4
    assert int(made.network_calls.max()) <= toy.length


def test_temperature_zero_takes_what_one_token_a_call_takes() -> None:
    toy = random_toy(3, 4, 2)
    made = draw(toy, Speculative(order="entropy", temperature=0.0), rows=20)
    alone = draw(toy, LowEntropy(temperature=0.0), rows=20)
    assert torch.equal(made.tokens, alone.tokens)


@pytest.mark.parametrize("length", [1, 2])
def test_short_sequences_take_no_call_too_many(length: int) -> None:
    toy = Toy(2, length, torch.full((2**length,), 0.5**length, dtype=torch.float64))
    for form in ("fused", "two_call"):
        made = draw(toy, Speculative(form=form), rows=50)
        assert int(made.network_calls.max()) <= length


def test_a_network_that_is_told_its_level_is_refused(
    module: Callable[..., DiffusionModule],
) -> None:
    with pytest.raises(ValidationError, match="not told the noise level"):
        DiffusionConfig(sampler=Speculative(), denoiser=DiT(time_conditioning=True))
    told = module(DiT(width=16, num_layers=1, num_heads=2, time_conditioning=True))
    with pytest.raises(ConfigError, match="compares answers at different noise levels"):
        check_sampler(told, Speculative())


def test_quality_is_measured_at_the_calls_that_are_aimed_at() -> None:
    table = TableDenoiser(num_tokens=2, length=6, law_seed=4)
    task = DiffusionModule(
        table,
        DiffusionSettings(),
        OptimizerSettings(),
        SymbolTokenizer("char", ["a", "b"]),
        max_length=6,
    ).eval()
    names = ("first_hitting", "speculative", "random", "threshold", "ancestral")
    rows = list(quality_against_calls(task, [6] * 100, lambda texts: {"valid": 0.5}, names=names))
    found = {(row.sampler, row.setting): row for row in rows}
    assert found["first_hitting", ""].calls == 1
    assert found["first_hitting", ""].law == "kept"
    assert found["random", "num_calls=3"].calls == pytest.approx(0.5)
    assert {row.law for row in rows if row.sampler == "speculative"} == {"kept"}
    assert {row.law for row in rows if row.sampler == "threshold"} <= {"heuristic"}
    assert all(row.calls <= 1 and row.work > 0 for row in rows if row.sampler != "ancestral")
    table_block = calls_blocks([row.as_data() for row in rows])[0]
    assert isinstance(table_block, Table)
    assert len(table_block.rows) == len(rows)
