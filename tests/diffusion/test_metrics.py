"""Metrics of generated sequences against hand-counted answers."""

from __future__ import annotations

import contextlib

import pytest
from taskloom.errors import MissingExtraError
from taskloom_diffusion.corpora.corpus import Corpus
from taskloom_diffusion.corpora.molecules import canonical, moses_molecules, rdkit_molecules
from taskloom_diffusion.corpora.polymer_unit import is_polymer
from taskloom_diffusion.corpora.polymers import synthetic_polymers
from taskloom_diffusion.corpora.split import SplitRule
from taskloom_diffusion.metrics.base import MetricSuite
from taskloom_diffusion.metrics.molecules import (
    MoleculeMetrics,
    PolymerMetrics,
    internal_diversities,
    molecule_metrics,
    parse,
)
from taskloom_diffusion.metrics.text import SequenceMetrics, TextMetrics, law_metrics, text_metrics


def test_uniqueness_and_novelty_count_molecules_not_strings() -> None:
    found = molecule_metrics(["CCO", "OCC", "C(O)C"], ["CCO"])
    assert found["valid"] == 1
    assert found["unique"] == pytest.approx(1 / 3)
    assert found["novel"] == 0


def test_what_follows_a_space_is_no_name_but_a_mistake() -> None:
    """RDKit takes "C O(" for methane called "O(": all samples of a tokenizer that joins with spaces would be valid."""
    found = molecule_metrics(["C O(", "CC |x|", " CC", "CC\t", "\u00a0CC", "CC"], [])
    assert found["valid"] == pytest.approx(1 / 6)


def test_known_molecules_are_known_however_the_corpus_writes_them() -> None:
    raw = ["OCC", "C(C)N", "no molecule"]
    lines = Corpus("lines", raw, raw)
    assert MoleculeMetrics().compute(["CCO", "CCN", "CCC", "CCC"], lines)["novel"] == 0.25
    assert PolymerMetrics().compute(["*CCO*"], Corpus("lines", ["O(*)CC*"], []))["novel"] == 0


def test_sequences_called_canonical_are_so_under_this_rdkit() -> None:
    """Novelty compares strings with them; packages bring SMILES that an older RDKit wrote."""
    rule = SplitRule(0.1)
    corpora = [rdkit_molecules(300, rule), synthetic_polymers(100, rule)]
    with contextlib.suppress(MissingExtraError):
        corpora.append(moses_molecules(500, rule))
    for corpus in corpora:
        assert corpus.canonical
        assert [t for t in corpus.train if canonical(t) != t] == []


def test_every_requested_sample_is_in_the_denominator() -> None:
    found = molecule_metrics(["CCO", "", "C(", "CCN"], ["CCO"])
    assert found["valid"] == 0.5
    assert found["unique"] == 0.5
    assert found["novel"] == 0.25
    assert found["unique_of_valid"] == 1
    assert found["novel_of_unique"] == 0.5


def test_no_valid_sample_is_zero_and_no_exception() -> None:
    found = molecule_metrics(["", "C(("], ["CCO"])
    assert found["valid"] == found["unique"] == found["novel"] == 0
    assert "diversity" not in found


def test_the_corpus_against_itself_has_no_distance() -> None:
    molecules = ["CCO", "CCN", "c1ccccc1", "CC(=O)O"]
    found = molecule_metrics(molecules, molecules)
    distances = [value for name, value in found.items() if name.startswith("distance/")]
    assert len(distances) == 6
    assert distances == pytest.approx([0] * 6, abs=1e-12)


def test_diversity_agrees_with_rdkit_pair_by_pair() -> None:
    from rdkit import DataStructs
    from rdkit.Chem import rdFingerprintGenerator

    molecules = [parse(s) for s in ("CCO", "CCCO", "c1ccccc1O", "CC(=O)Nc1ccccc1")]
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=1024)
    bits = [generator.GetFingerprint(m) for m in molecules]
    pairs = [DataStructs.TanimotoSimilarity(a, b) for a in bits for b in bits]
    assert internal_diversities(molecules)["diversity"] == pytest.approx(
        1 - sum(pairs) / len(pairs), abs=1e-6
    )


@pytest.mark.parametrize(
    ("smiles", "expected"),
    [
        ("*CC*", True),
        ("*CC(*)c1ccccc1", True),
        ("*CC", False),
        ("CC", False),
        ("*CC(*)*", False),
        ("*1CC*1", False),
    ],
)
def test_polymers_have_exactly_two_stars_of_degree_one(smiles: str, expected: bool) -> None:
    assert is_polymer(parse(smiles)) is expected


def test_text_metrics_ignore_words_cut_by_the_window() -> None:
    found = text_metrics(["ing the sea and the sk", "xx qqq the zz"], ["the sea and the sky"])
    assert found["known_words"] == pytest.approx(5 / 6)


def test_law_metrics_measure_total_variation() -> None:
    found = law_metrics(["aa", "ab", "ab", "bb"], {"aa": 0.5, "ab": 0.5})
    assert found["total_variation"] == pytest.approx((0.25 + 0 + 0.25) / 2)


@pytest.mark.parametrize(
    ("suite", "samples"),
    [
        (MoleculeMetrics(), ["CCO", "OCC", "c1ccccc1", "C("]),
        (PolymerMetrics(), ["*CC*", "*CO*", "CC"]),
        (TextMetrics(), ["a word of it", "a word of it", "no such wordd here"]),
        (SequenceMetrics(), ["CCO", "new", "new"]),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_shares_are_those_of_all_figures(suite: MetricSuite, samples: list[str]) -> None:
    corpus = Corpus("some", ["CCO", "*CC*", "a word of such things"], ["CCC"])
    shares = suite.shares(samples, corpus)
    assert shares
    assert shares.items() <= suite.compute(samples, corpus).items()
