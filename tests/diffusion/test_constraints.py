"""Constraints: patterns are what `re.fullmatch` says, messages are enumeration, and every output is accepted."""

from __future__ import annotations

import re
from itertools import product

import numpy as np
import pytest
import torch
from guidance_toys import State, conditional, distance, one_a_call, rule_of, steered, toy_g, toy_k
from sampler_draws import EVERY, OTHER_NOISE
from scipy.stats import chisquare
from taskloom.errors import ConfigError
from taskloom_diffusion.corpora.toys import NUM_SPECIAL, Toy, random_toy
from taskloom_diffusion.guidance.automaton import Automaton
from taskloom_diffusion.guidance.constraints import TokenTexts, constraint
from taskloom_diffusion.guidance.messages import BackwardMessages
from taskloom_diffusion.guidance.pattern import pattern
from taskloom_diffusion.guidance.steering import Steering
from taskloom_diffusion.samplers.ancestral import Ancestral
from taskloom_diffusion.samplers.base import Sampler
from taskloom_diffusion.samplers.first_hitting import FirstHitting
from taskloom_diffusion.tokenizers.symbols import fit_symbols
from tests_sizes import size

G, TOLD = toy_g()
X = (G.sequences - NUM_SPECIAL).numpy()
ONE_C = "regex:(a|b)*c(a|b)*"
IS_ONE = (X == 2).sum(1) == 1
ATOMS = ["a", "b", "c", ".", "[ab]", "[^a]", "[a-c]", "\\.", "(a|bc)", "(?:ab)", "[]a]", "[a\\-c]", "b{0}"]  # fmt: skip


def random_pattern(random: np.random.Generator, depth: int = 1) -> str:
    parts = []
    for _ in range(int(random.integers(1, 4))):
        part = str(random.choice(ATOMS))
        if depth and random.random() < 0.3:
            part = f"({random_pattern(random, depth - 1)})"
        sign = (
            ""
            if part.endswith("}")
            else str(random.choice(["", "", "*", "+", "?", "{2}", "{1,}", "{0,2}"]))
        )
        parts.append(part + sign)
    joint = "".join(parts)
    return f"{joint}|{random_pattern(random, 0)}" if random.random() < 0.2 else joint


def test_patterns_match_what_the_library_matches() -> None:
    random = np.random.default_rng(0)
    count = size("strings_of_patterns")
    for _ in range(count // 50):
        text = random_pattern(random)
        ours, theirs = pattern(text), re.compile(text)
        for _ in range(50):
            string = "".join(random.choice(list("abc.-]\n"), size=int(random.integers(0, 7))))
            assert ours.matches(string) == bool(theirs.fullmatch(string)), (text, string)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a(b", "a group is not closed at character 4"),
        ("a)b", "closes no group at character 2"),
        ("[ab", "a class is not closed"),
        ("(?=a)", "look-around"),
        ("\\1", "none of the escapes"),
        ("*a", "stands for itself only behind a backslash"),
        ("a**", "a repeat of a repeat"),
        ("a{2,1}", "no number of repeats"),
        ("a{x}", "begins no number of repeats"),
        ("[c-a]", "a range does not go up"),
        ("a{999}", "no number of repeats up to 256"),
    ],
)
def test_a_pattern_that_cannot_be_read_is_refused_with_its_place(text: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(fault)):
        pattern(text)


def molecules(*texts: str, ends: bool = False) -> tuple[TokenTexts, object]:
    tokenizer = fit_symbols("smiles", ["CNOcnoF(=)#12345[nH][O-].Cl%10/\\", *texts])
    names = tuple(None if i < 3 else token for i, token in enumerate(tokenizer.tokens))
    return TokenTexts(names, 2 if ends else None, 0, by_text=True), tokenizer


def test_a_text_constraint_crosses_the_borders_of_tokens_and_a_count_does_not() -> None:
    texts, tokenizer = molecules()
    of_text = constraint(["contains:C"], texts)
    assert of_text.accepts(tokenizer.encode("Cl"))  # type: ignore[attr-defined]
    counted = constraint(["count:C>=1"], texts)
    assert not counted.accepts(tokenizer.encode("ClN"))  # type: ignore[attr-defined]
    assert counted.accepts(tokenizer.encode("ClC"))  # type: ignore[attr-defined]


SHIPPED = [
    ("contains:CO", "NCO", "CNO"),
    ("not_contains:CO", "CNO", "NCO"),
    ("starts_with:C(", "C(N)O", "OC(N)"),
    ("ends_with:l", "CCl", "CC"),
    ("count:N<=1", "CN", "NN"),
    ("count:N<2", "CN", "NN"),
    ("count:N=2", "NCN", "NNN"),
    ("count:N>1", "NCNN", "NC"),
    ("length:2-3", "NCl", "NCCO"),
    ("length:2", "NN", "N"),
    ("regex:C+N?", "CCN", "CNN"),
    ("smiles", "CC(=O)N1CC1", "CC(=O"),
]


@pytest.mark.parametrize(("name", "good", "bad"), SHIPPED, ids=[name for name, _, _ in SHIPPED])
@pytest.mark.parametrize("ends", [False, True], ids=["lengths", "ends"])
def test_shipped_constraints_accept_and_refuse(name: str, good: str, bad: str, ends: bool) -> None:
    texts, tokenizer = molecules(ends=ends)
    found = constraint([name], texts)
    for text, expected in ((good, True), (bad, False)):
        ids = tokenizer.encode(text)  # type: ignore[attr-defined]
        assert found.accepts(ids) == expected
        if ends:
            assert found.accepts([*ids, 2, 0, 0]) == expected
            assert not found.accepts([*ids, 2, 2])
            assert not found.accepts([*ids, 2, *ids])


def test_several_constraints_hold_together() -> None:
    texts, tokenizer = molecules()
    found = constraint(["smiles", "contains:N", "length:3-4"], texts)
    answers = {t: found.accepts(tokenizer.encode(t)) for t in ("CCN", "CCO", "CN", "C=N", "C(N")}  # type: ignore[attr-defined]
    assert answers == {"CCN": True, "CCO": False, "CN": False, "C=N": True, "C(N": False}


def test_the_regular_part_of_smiles_is_small_and_loses_few_molecules() -> None:
    from taskloom_diffusion.corpora.molecules import rdkit_molecules
    from taskloom_diffusion.corpora.split import SplitRule

    corpus = rdkit_molecules(400, SplitRule(0.05))
    drawn = [*corpus.train, *corpus.holdout]
    texts, tokenizer = molecules(*drawn)
    found = constraint(["smiles"], texts)
    assert found.num_states == 304
    accepted = sum(found.accepts(tokenizer.encode(text)) for text in drawn)  # type: ignore[attr-defined]
    assert accepted >= 0.98 * len(drawn)
    for text in ("C(C", "C1CC", "=CC", "CC=", "C(=1)C", "C()C", ")C", "(C)C", "C==C", ""):
        assert not found.accepts(tokenizer.encode(text)), text  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["contian:C"], "did you mean 'contains'|contains"),
        (["count:Xx<=2"], "'Xx' is no token of this model"),
        (["count:C"], "must be count:TOKEN<=NUMBER"),
        (["length:5-2"], "must be length:A-B"),
        (["smiles:4"], "is none of"),
    ],
)
def test_constraints_that_cannot_be_had_are_refused(names: list[str], sentence: str) -> None:
    texts, _ = molecules()
    with pytest.raises(ConfigError, match=sentence):
        constraint(names, texts)


def test_an_automaton_of_too_many_states_is_refused() -> None:
    letters = TokenTexts((None, None, None, "a", "b"), None, 0, by_text=True)
    with pytest.raises(ConfigError, match="above 4,096"):
        constraint(["regex:(a|b)*a(a|b){12}"], letters)


def test_tokens_that_do_not_make_up_the_text_have_counts_alone() -> None:
    texts = TokenTexts((None, None, None, "[C]", "[O]"), None, 0, by_text=False)
    assert constraint(["count:[O]<=1"], texts).accepts([3, 4])
    with pytest.raises(ConfigError, match="use count: or length:"):
        constraint(["contains:C"], texts)


def accepting(found: Automaton, toy: Toy) -> torch.Tensor:
    return torch.tensor([found.accepts(row) for row in toy.sequences.tolist()])


def test_messages_are_the_sums_over_all_sequences() -> None:
    toy = random_toy(3, 4, 1)
    found = rule_of(toy, "regex:(a|bc)*c?b*").automaton
    random = np.random.default_rng(3)
    law = torch.zeros(5, 4, 6, dtype=torch.float64)
    law[..., NUM_SPECIAL:] = torch.from_numpy(random.dirichlet(np.ones(3), size=(5, 4)))
    law[1, :, 5] = 0.0
    messages = BackwardMessages(found, law, torch.ones(5, 4, dtype=torch.bool))
    chance = law[:, torch.arange(4), toy.sequences].prod(-1)
    exact = (chance * accepting(found, toy)).sum(1)
    assert messages.log_accepted.exp().tolist() == pytest.approx(exact.tolist(), abs=1e-12)
    # Shorter rows are read to their end.
    inside = torch.tensor([[True] * 2 + [False] * 2] * 5)
    short = BackwardMessages(found, law, inside).log_accepted.exp()
    pairs = random_toy(3, 2, 1)
    law_of_two = law[:, torch.arange(2), pairs.sequences].prod(-1)
    expected = (law_of_two * accepting(found, pairs)).sum(1)
    assert short.tolist() == pytest.approx(expected.tolist(), abs=1e-12)


def test_completions_are_drawn_from_the_law_given_that_they_are_accepted() -> None:
    toy = random_toy(3, 4, 1)
    rule = rule_of(toy, "regex:(a|bc)*c?b*")
    rows = size("guided_draws")
    law = torch.zeros(1, 4, 6, dtype=torch.float64)
    law[..., NUM_SPECIAL:] = torch.from_numpy(
        np.random.default_rng(3).dirichlet(np.ones(3), size=4)
    )
    valid = torch.ones(rows, 4, dtype=torch.bool)
    noise = torch.rand(rows, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    masks = torch.ones(rows, 4, dtype=torch.long)
    drawn = rule.draw(law.expand(rows, -1, -1), masks, valid, noise)
    accepted = accepting(rule.automaton, toy)
    exact = (law[:, torch.arange(4), toy.sequences].prod(-1)[0] * accepted).numpy()
    counts = np.bincount(toy.index_of(drawn).numpy(), minlength=len(exact))
    assert counts[~accepted.numpy()].sum() == 0
    inside = accepted.numpy()
    assert chisquare(counts[inside], exact[inside] / exact.sum() * rows).pvalue > 1e-3


def one_c_given_accepted(state: State, place: int) -> np.ndarray:
    """Return the law of one position of a completion with exactly one c, under the product of the positions' laws."""
    laws = []
    for i, v in enumerate(state):
        laws.append(np.eye(3)[v] if v >= 0 else conditional(G.law.numpy(), X, state, i, 3))
    found = np.zeros(3)
    for word in product(range(3), repeat=3):
        if word.count(2) == 1:
            found[word[place]] += np.prod([law[v] for law, v in zip(laws, word, strict=True)])
    return found / found.sum()


def test_a_constrained_chain_has_the_law_of_its_steps_and_not_that_of_the_accepted() -> None:
    law = one_a_call(G, one_c_given_accepted)
    target = G.law.numpy() * IS_ONE
    assert distance(law, target) == pytest.approx(0.101424, abs=1e-6)
    steering = Steering(rule=rule_of(G, ONE_C))
    made = steered(G, TOLD, FirstHitting(), steering, size("guided_draws"))
    inside = torch.from_numpy(IS_ONE)
    counts = np.bincount(G.index_of(made.tokens).numpy(), minlength=27)[IS_ONE]
    assert bool(inside[G.index_of(made.tokens)].all())
    assert chisquare(counts, law[IS_ONE] * counts.sum()).pvalue > 1e-3
    assert chisquare(counts, target[IS_ONE] / target.sum() * counts.sum()).pvalue < 1e-6


@pytest.mark.parametrize(
    "sampler",
    [s for s in EVERY if s.kind not in ("greedy_tail", "polydiff", "speculative")],
    ids=lambda s: f"{s.kind} {getattr(s, 'variant', getattr(s, 'buckets', ''))}",
)
def test_every_output_of_every_sampler_is_accepted(sampler: Sampler) -> None:
    toy, told = toy_k()
    rule = rule_of(toy, "regex:a*ba*ba*")
    for block_size in (0, 2):
        made = steered(toy, told, sampler, Steering(rule=rule), 300, block_size=block_size)
        assert bool(rule.accepted(made.tokens, made.tokens > 0).all())


@pytest.mark.parametrize("noise", OTHER_NOISE)
def test_every_output_under_other_noise_is_accepted(noise: str) -> None:
    process = OTHER_NOISE[noise](G)
    rule = rule_of(G, ONE_C, process)
    made = steered(G, TOLD, Ancestral(num_steps=5), Steering(rule=rule), 2000, process=process)
    assert bool(rule.accepted(made.tokens, made.tokens > 0).all())
