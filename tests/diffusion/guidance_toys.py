"""Toys of guidance with integer weights, their exact conditional networks, and laws by enumeration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations, product

import numpy as np
import torch
from sampler_draws import BatchNoise
from taskloom_diffusion.corpora.toys import NUM_SPECIAL, Toy
from taskloom_diffusion.denoisers.base import Denoiser
from taskloom_diffusion.denoisers.table_torch import ToyPosterior
from taskloom_diffusion.guidance.automaton import Automaton
from taskloom_diffusion.guidance.constraints import TokenTexts, constraint
from taskloom_diffusion.guidance.rule import AutomatonRule
from taskloom_diffusion.guidance.steering import Steering
from taskloom_diffusion.model.condition import Condition
from taskloom_diffusion.model.protocols import NoisingProcess
from taskloom_diffusion.model.told import ToldCondition
from taskloom_diffusion.processes.absorbing_torch import AbsorbingProcess
from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.samplers.generation import Generation, SampledTokens, generate
from taskloom_diffusion.samplers.in_blocks import InBlocks
from taskloom_diffusion.samplers.predictor import Predictor
from taskloom_diffusion.schedules.closed_form import LinearSchedule
from taskloom_diffusion.tokenizers.symbols import SymbolTokenizer
from taskloom_diffusion.training.module import DiffusionModule
from torch import Tensor, nn


def _toy(letters: int, weights: Callable[..., tuple[int, int]], length: int) -> tuple[Toy, Tensor]:
    """Return a toy and p(y = 1 | x) of each of its sequences."""
    found = [weights(*x) for x in product(range(letters), repeat=length)]
    law = torch.tensor([1 + m**3 for m, _ in found], dtype=torch.float64)
    told = torch.tensor([r / 16 for _, r in found], dtype=torch.float64)
    return Toy(letters, length, law / law.sum()), told


def toy_g() -> tuple[Toy, Tensor]:
    return _toy(
        3,
        lambda a, b, c: (
            (5 * a + 3 * b + 2 * c + 4 * a * b + 6 * b * c + 3 * c * a + a * b * c) % 7,
            1 + (4 * a + 7 * b + 10 * c + 3 * a * b + 5 * b * c + 8 * c * a) % 15,
        ),
        3,
    )


def toy_k() -> tuple[Toy, Tensor]:
    return _toy(
        2,
        lambda a, b, c, d: (
            (2 * a + 3 * b + 4 * c + d + 5 * a * c + 2 * b * d + 3 * a * b * d + 4 * c * d) % 7,
            1 + (6 * a + 4 * b + 9 * c + 5 * d + 7 * a * d + 11 * b * c) % 15,
        ),
        4,
    )


def given(toy: Toy, told: Tensor, y: int) -> Tensor:
    """Return p(x | y)."""
    law = toy.law * (told if y else 1 - told)
    return law / law.sum()


class ToldTable(nn.Module):
    """The exact network of a toy that may be told y: p(x_l | z) or p(x_l | z, y)."""

    timestep_embedding = None
    takes_condition = True

    def __init__(self, toy: Toy, told: Tensor, process: NoisingProcess) -> None:
        super().__init__()
        laws = [toy.law, *(given(toy, told, y) for y in (0, 1))]
        self.tables = [
            ToyPosterior(toy.sequences, law, process, leave_one_out=True) for law in laws
        ]
        self.uses_time = not process.absorbing

    def forward(
        self, z: Tensor, noise: Tensor, maskable: Tensor, *, condition: Condition | None = None
    ) -> Tensor:
        which = torch.zeros(len(z), dtype=torch.long)
        if condition is not None:
            which = torch.where(condition.given[:, 0], 1 + condition.classes[:, 0], 0)
        answer = self.tables[0](z, noise, maskable)
        for number in (1, 2):
            rows = which == number
            if bool(rows.any()):
                answer[rows] = self.tables[number](z[rows], noise[rows], maskable[rows])
        return answer


class TableClassifier:
    """p(y | z) of a toy, multilinear in the one-hot: the mask is the mean of the tokens' evidence."""

    def __init__(self, toy: Toy, told: Tensor, process: NoisingProcess) -> None:
        self.toy, self.told, self.process = toy, told, process

    def __call__(self, one_hot: Tensor, alpha: Tensor, maskable: Tensor) -> Tensor:
        del maskable
        size, mask = self.process.vocabulary.size, self.process.vocabulary.mask_id
        if self.process.absorbing:
            evidence = torch.eye(size, dtype=torch.float64)
            evidence[mask, NUM_SPECIAL:] = 1 / self.toy.num_tokens
            evidence = evidence.expand(len(alpha), size, size)
        else:
            every = torch.arange(size).expand(len(alpha), size)
            evidence = self.process.likelihood(every, alpha)
        weighed = torch.einsum("blv,bvx->blx", one_hot, evidence)
        chance = torch.ones(len(alpha), len(self.toy.law), dtype=torch.float64)
        for place in range(self.toy.length):
            chance = chance * weighed[:, place][:, self.toy.sequences[:, place]]
        both = torch.stack([self.toy.law * (1 - self.told), self.toy.law * self.told])
        joint = chance @ both.T
        return (joint / joint.sum(1, keepdim=True)).log()


def steered(
    toy: Toy,
    told: Tensor,
    sampler: Sampler,
    steering: Steering | None,
    rows: int,
    *,
    process: NoisingProcess | None = None,
    seed: int = 11,
    block_size: int = 0,
) -> SampledTokens:
    """Draw sequences; with particles, `rows` groups of them."""
    process = process or AbsorbingProcess(toy.vocabulary)
    count = rows * (1 if steering is None else steering.size)
    noise = BatchNoise(count, toy.length, seed)
    valid = torch.ones(count, toy.length, dtype=torch.bool)
    generation = Generation(
        Predictor(
            ToldTable(toy, told, process), process, "subs" if process.absorbing else "loo", count
        ),
        process,
        LinearSchedule(),
        process.prior(noise.uniform()),
        valid,
        valid,
        noise,
        sampler.temperature,
        sampler.top_p,
    )
    if steering is not None:
        return steering.run(sampler, generation, block_size)
    return generate(InBlocks(sampler, block_size) if block_size else sampler, generation)


def told_class(y: int) -> Condition:
    """Return the condition y, of one row."""
    return Condition(torch.zeros(1, 0), torch.tensor([[y]]), torch.ones(1, 1, dtype=torch.bool))


def texts_of(toy: Toy) -> TokenTexts:
    names = toy.vocabulary.names
    return TokenTexts((None, None, None, *names[NUM_SPECIAL:]), None, 0, by_text=True)


def rule_of(toy: Toy, text: str, process: NoisingProcess | None = None) -> AutomatonRule:
    found: Automaton = constraint([text], texts_of(toy))
    process = process or AbsorbingProcess(toy.vocabulary)
    return AutomatonRule(found, process, toy.frequencies)


State = tuple[int, ...]
"""Letters, with -1 for a mask."""


def conditional(
    law: np.ndarray, x: np.ndarray, state: State, place: int, letters: int
) -> np.ndarray:
    """Return p(x_place | what is known) by counting sequences."""
    fits = np.all([(x[:, i] == v) | (v < 0) for i, v in enumerate(state)], axis=0)
    return np.bincount(x[fits, place], weights=law[fits], minlength=letters) / law[fits].sum()


def walk(
    toy: Toy, conditionals: Callable[[State, int], np.ndarray], groups: Sequence[Sequence[int]]
) -> np.ndarray:
    """Return the law of drawing groups of positions in order, positions of a group independently."""
    states: dict[State, float] = {(-1,) * toy.length: 1.0}
    for group in groups:
        following: dict[State, float] = {}
        for state, weight in states.items():
            if not weight:
                continue
            laws = [conditionals(state, place) for place in group]
            for drawn in product(range(toy.num_tokens), repeat=len(group)):
                chance = weight * float(
                    np.prod([law[v] for law, v in zip(laws, drawn, strict=True)])
                )
                after = list(state)
                for place, v in zip(group, drawn, strict=True):
                    after[place] = v
                following[tuple(after)] = following.get(tuple(after), 0.0) + chance
        states = following
    x = (toy.sequences - NUM_SPECIAL).tolist()
    return np.array([states.get(tuple(row), 0.0) for row in x])


def one_a_call(toy: Toy, conditionals: Callable[[State, int], np.ndarray]) -> np.ndarray:
    """Return the mean law over all orders of one position a call."""
    orders = list(permutations(range(toy.length)))
    return np.mean([walk(toy, conditionals, [[i] for i in order]) for order in orders], axis=0)


def in_steps(toy: Toy, conditionals: Callable[[State, int], np.ndarray], steps: int) -> np.ndarray:
    """Return the law of T equal steps, in each of which positions fall independently."""
    total = np.zeros(len(toy.law))
    for times in product(range(steps), repeat=toy.length):
        groups = [[i for i, t in enumerate(times) if t == s] for s in sorted(set(times))]
        total += walk(toy, conditionals, groups) / steps**toy.length
    return total


def distance(p: np.ndarray, q: np.ndarray) -> float:
    return float(np.abs(p / p.sum() - q / q.sum()).sum() / 2)


def weighted_law(toy: Toy, tokens: Tensor, log_weights: Tensor) -> np.ndarray:
    """Return the law of weighted sequences."""
    weights = log_weights.exp().numpy()
    counts = np.bincount(toy.index_of(tokens).numpy(), weights=weights, minlength=len(toy.law))
    return counts / counts.sum()


LOGP = ToldCondition("logp", "number", mean=2.0, sd=0.5, min=0.0, max=9.0)
KIND = ToldCondition("kind", "class", classes={"active": 3, "inactive": 5})


def told_module(denoiser: Denoiser, **more: object) -> DiffusionModule:
    tokenizer = SymbolTokenizer("char", list("abc"))
    return DiffusionModule(denoiser, {}, {}, tokenizer, max_length=6, **more)  # type: ignore[arg-type]
