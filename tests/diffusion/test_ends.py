"""Samples and completions with predicted ends have the law of the sequences that training builds, by enumeration."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from taskloom.statistics import holm
from taskloom_diffusion.config import DiffusionSettings, OptimizerSettings
from taskloom_diffusion.denoisers.mlp import MLPDenoiser
from taskloom_diffusion.denoisers.table_torch import ToyPosterior
from taskloom_diffusion.evaluation.sampling import complete, sample_lengths
from taskloom_diffusion.evaluation.template import parse_template
from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.samplers.first_hitting import FirstHitting
from taskloom_diffusion.samplers.left_to_right import LeftToRight
from taskloom_diffusion.samplers.random_groups import RandomGroups
from taskloom_diffusion.tokenizers.symbols import fit_symbols
from taskloom_diffusion.training.batches import encode_all
from taskloom_diffusion.training.module import DiffusionModule
from tests_sizes import size

LONGEST = 4
WORDS = ["".join(word) for n in range(1, LONGEST) for word in product("ab", repeat=n)]
LAW = np.random.default_rng(7).dirichlet(np.full(len(WORDS), 0.8)) * 0.9 + 0.1 / len(WORDS)


@pytest.fixture(scope="module")
def exact() -> DiffusionModule:
    """The exact model of words of one to three letters, each closed by its end and padded."""
    tokenizer = fit_symbols("char", ["ab"])
    model = DiffusionModule(
        MLPDenoiser(width=8), DiffusionSettings(), OptimizerSettings(), tokenizer, max_length=LONGEST, ends=True
    )  # fmt: skip
    store, dropped = encode_all(WORDS, tokenizer, "eos_pad", LONGEST)
    assert dropped == 0
    closed = torch.tensor([store.get(i).tolist() for i in range(len(store))])
    law = torch.from_numpy(LAW)
    model.model = ToyPosterior(closed, law, model.diffusion_process, leave_one_out=True)
    return model.eval()


def p_value(texts: list[str], fits: list[bool]) -> float:
    """Return how likely counts as far from the law are, given that a word is one of those that fit."""
    allowed = {word: p for word, p, fit in zip(WORDS, LAW, fits, strict=True) if fit}
    assert set(texts) <= set(allowed)
    counts = [texts.count(word) for word in allowed]
    expected = np.array(list(allowed.values())) / sum(allowed.values()) * len(texts)
    return float(chisquare(counts, expected).pvalue)


SAMPLERS = [FirstHitting(), RandomGroups(num_calls=0), LeftToRight()]


@pytest.fixture(scope="module")
def p_values(exact: DiffusionModule) -> dict[str, float]:
    """Chi-square of samples with open and given lengths, and of completions, under every exact order."""
    rows, found = size("law_rows") // 8, {}

    def drawn(config: Sampler, length: int, seed: int) -> list[str]:
        return sample_lengths(exact, config, [length] * rows, seed=seed, batch_size=rows).texts

    for seed, config in enumerate(SAMPLERS):
        name = getattr(config, "kind", "")
        found[f"{name} open"] = p_value(drawn(config, LONGEST, seed), [True] * len(WORDS))
        for length in (1, 2, 3):
            fits = [len(word) == length for word in WORDS]
            found[f"{name} {length}"] = p_value(drawn(config, length, seed), fits)
        for template, shape in (("[MASK]a[MASK]", "?a?"), ("b[MASK]{2}", "b??"), ("[MASK]b", "?b")):
            ids = parse_template(template, exact)
            texts = complete(exact, config, [ids] * rows, seed=seed, batch_size=rows).texts
            fits = [
                len(word) == len(shape)
                and all(s in ("?", c) for s, c in zip(shape, word, strict=True))
                for word in WORDS
            ]
            found[f"{name} {template}"] = p_value(texts, fits)
    return found


def test_samples_and_completions_have_the_law_of_closed_sequences(
    p_values: dict[str, float],
) -> None:
    """Open lengths have p(x); n letters have p(x | n letters); gaps have p(x | what is known, the end behind it)."""
    held = holm(list(p_values.values()))
    assert {n: p_values[n] for n, p in zip(p_values, held, strict=True) if p < 0.01} == {}
    assert len(p_values) == 21


def test_as_many_completions_tell_the_conditional_law_from_another(exact: DiffusionModule) -> None:
    rows = size("law_rows") // 8
    made = complete(
        exact,
        FirstHitting(),
        [parse_template("[MASK]a[MASK]", exact)] * rows,
        seed=0,
        batch_size=rows,
    )
    middle = [word for word in WORDS if len(word) == 3 and word[1] == "a"]
    counts = [made.texts.count(word) for word in middle]
    assert chisquare(counts).pvalue < 1e-6
