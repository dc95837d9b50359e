"""Metrics of generated sequences against hand-counted answers."""

from __future__ import annotations

import pytest
from taskloom_diffusion.metrics.molecules import (
    internal_diversity,
    is_polymer,
    molecule_metrics,
    parse,
)
from taskloom_diffusion.metrics.text import law_metrics, text_metrics


def test_uniqueness_and_novelty_count_molecules_not_strings() -> None:
    found = molecule_metrics(["CCO", "OCC", "C(O)C"], ["CCO"])
    assert found["valid"] == 1
    assert found["unique"] == pytest.approx(1 / 3)
    assert found["novel"] == 0


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
    assert internal_diversity(molecules) == pytest.approx(1 - sum(pairs) / len(pairs), abs=1e-6)


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
