"""Draws of the samplers of toys, and the test against their laws."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.stats import chisquare
from taskloom import derive_seed
from taskloom.registry import load_components
from taskloom_diffusion.corpora.toys import Toy
from taskloom_diffusion.denoisers.table_torch import ToyPosterior
from taskloom_diffusion.model.own import OwnPart
from taskloom_diffusion.model.parameterizations import Parameterization
from taskloom_diffusion.model.protocols import NoisingProcess
from taskloom_diffusion.processes.absorbing_torch import AbsorbingProcess
from taskloom_diffusion.processes.d3pm import D3PM
from taskloom_diffusion.processes.interpolating_torch import marginal_process, uniform_process
from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.samplers.confidence import LowEntropy, Margin
from taskloom_diffusion.samplers.entropy_bound import EntropyBound
from taskloom_diffusion.samplers.first_hitting import FirstHitting
from taskloom_diffusion.samplers.generation import Generation, SampledTokens, generate
from taskloom_diffusion.samplers.left_to_right import LeftToRight
from taskloom_diffusion.samplers.noise import NoiseSource
from taskloom_diffusion.samplers.predictor import Predictor
from taskloom_diffusion.samplers.random_groups import RandomGroups
from taskloom_diffusion.samplers.remdm import ReMDM
from taskloom_diffusion.samplers.semi_autoregressive import SemiAutoregressive
from taskloom_diffusion.schedules.closed_form import Cosine, LinearSchedule
from tests_sizes import size
from torch import Tensor

DRAWS = size("law_rows")


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


EVERY: list[Sampler] = [
    kind.model_validate(
        {name: value for name, value in {"num_steps": 9, "eta": 0.3}.items() if name in kind.model_fields}
    )
    for kind in load_components("taskloom_diffusion.samplers").values()
    if issubclass(kind, Sampler) and not issubclass(kind, OwnPart)
] + [
    ReMDM(num_steps=9, eta=0.5, variant="rescale"),
    ReMDM(num_steps=9, eta=0.5, variant="confidence"),
    ReMDM(num_steps=9, eta=0.5, variant="loop"),
    RandomGroups(num_calls=3, buckets="independent"),
]  # fmt: skip
