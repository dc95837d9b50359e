"""Parts of the benchmark of molecules: pickles read as data, ChemNet, neighbours, filters, accessibility."""

from __future__ import annotations

import io
import os
import pickle
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from taskloom.errors import ConfigError
from taskloom_diffusion.chemistry.chemnet import SYMBOLS, activations, symbols
from taskloom_diffusion.chemistry.frechet import (
    FrechetTarget,
    GaussianFit,
    grouped_moments,
    jackknife_error,
    moments,
)
from taskloom_diffusion.chemistry.inert import Reader
from taskloom_diffusion.chemistry.nearest import Neighbours
from taskloom_diffusion.chemistry.parts import brics_fragments, cosine, murcko_scaffold
from taskloom_diffusion.chemistry.screens import moses_filters
from taskloom_diffusion.chemistry.shelf import Kept, kept
from taskloom_diffusion.chemistry.values import synthetic_accessibility
from taskloom_diffusion.metrics.molecules import parse
from tests_sizes import size

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False)
    | st.text()
)
DATA = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


def nci(count: int, start: int = 0) -> list[str]:
    """Return molecules of RDKit's NCI set that it accepts."""
    from rdkit import RDConfig

    lines = (Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi").read_text().splitlines()
    names = (line.split()[0] for line in lines[start:])
    return [name for name, _ in zip((n for n in names if parse(n)), range(count), strict=False)]


@given(DATA)
@settings(max_examples=25)
def test_plain_data_is_read_as_it_was_written(data: object) -> None:
    assert Reader().read(io.BytesIO(pickle.dumps(data, protocol=2))) == data


def test_arrays_and_counters_are_read() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    found = Reader().read(io.BytesIO(pickle.dumps({"a": array, "n": np.int64(3)}, protocol=2)))
    assert (found["a"] == array).all()
    assert found["n"] == 3


class _Harm:
    """An object that runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("exit 1",)


def test_nothing_that_a_stream_names_is_called() -> None:
    with pytest.raises(ConfigError, match="system"):
        Reader().read(io.BytesIO(pickle.dumps(_Harm(), protocol=2)))


def test_what_is_kept_is_made_once_and_made_again_if_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made: list[int] = []

    def make() -> Kept:
        made.append(1)
        return Kept({"x": np.arange(3)}, {"name": "n"})

    for expected in (1, 1):
        found = kept("thing", b"key", make)
        assert (found.arrays["x"].tolist(), found.facts) == ([0, 1, 2], {"name": "n"})
        assert len(made) == expected
    (path,) = tmp_path.rglob("thing-*")
    path.write_bytes(b"\0" * 40)
    assert kept("thing", b"key", make).facts == {"name": "n"}
    assert len(made) == 2
    kept("thing", b"other", make)
    assert len(made) == 3


def test_chemnet_is_the_original_one() -> None:
    """The original's own functions on its own file, which only this test unpickles."""
    original: Any = pytest.importorskip("fcd_torch.utils")
    import fcd_torch
    import torch

    path = Path(fcd_torch.__file__).with_name("ChemNet_v0.13_pretrained.pt")
    network = original.load_imported_model(torch.load(path, weights_only=False)).eval()
    texts = ["CCO", "CC(=O)Nc1ccc(Br)cc1Cl", "C[Si](C)(C)C[C@H](N)[Se]C", "CCO.CN", "C" * 400]
    given_ = np.stack([original.get_one_hot(text, 350) / 35 for text in texts])
    for text, one_hot in zip(texts, given_, strict=True):
        assert [SYMBOLS[i] for i in symbols(text)][-1] == "."
        assert np.argmax(one_hot[: len(symbols(text))], axis=1).tolist() == symbols(text)
    with torch.no_grad():
        theirs = network(torch.from_numpy(given_).transpose(1, 2).float()).numpy()
    assert np.abs(activations(texts) - theirs).max() < 1e-6


def test_the_frechet_distance_is_that_of_the_root_of_a_product() -> None:
    from scipy.linalg import sqrtm

    rng = np.random.default_rng(0)
    rows, others = rng.normal(size=(60, 5)), rng.normal(size=(50, 5)) @ rng.normal(size=(5, 5)) + 1
    one, two = moments(rows), moments(others)
    assert np.allclose(one.covariance, np.cov(rows.T), atol=1e-12)
    root = sqrtm(one.covariance @ two.covariance).real
    apart = one.mean - two.mean
    expected = apart @ apart + np.trace(one.covariance + two.covariance - 2 * root)
    assert FrechetTarget(one).distance(two) == pytest.approx(expected, abs=1e-9)
    assert FrechetTarget(two).distance(one) == pytest.approx(expected, abs=1e-9)
    assert FrechetTarget(one).distance(one) == pytest.approx(0, abs=1e-9)
    # With fewer rows than columns no root exists, and the distance all the same.
    few = moments(rows[:3])
    assert np.isfinite(FrechetTarget(few).distance(GaussianFit(3, few.mean + 1, few.covariance)))


def test_groups_are_left_out_by_subtraction() -> None:
    rng = np.random.default_rng(1)
    rows, group = rng.normal(size=(40, 4)) + 1000, np.arange(40) % 10
    for number, found in enumerate(grouped_moments(rows, group, [(i,) for i in range(10)])):
        rest = rows[group != number]
        assert np.allclose(found.mean, rest.mean(0), atol=1e-10)
        assert np.allclose(found.covariance, np.cov(rest.T), atol=1e-9)
    # Of a mean the jackknife's error is the plain one, of the groups' means.
    means = [rows[group != i, 0].mean() for i in range(10)]
    plain = np.array([rows[group == i, 0].mean() for i in range(10)]).std(ddof=1) / np.sqrt(10)
    assert jackknife_error(means) == pytest.approx(plain, rel=1e-9)


@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.02, 0.3, 1.0]))
@settings(max_examples=size("neighbour_examples"))
def test_neighbours_are_those_of_all_pairs(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    stock = (rng.random((30, 300)) < rng.choice([share, 0.05, 1.0], size=(30, 1))).astype(np.uint8)
    asked = np.concatenate([(rng.random((5, 300)) < share).astype(np.uint8), stock[:2]])
    both = asked.astype(int) @ stock.astype(int).T
    either = asked.sum(1, dtype=int)[:, None] + stock.sum(1, dtype=int) - both
    likeness = np.where(either > 0, both / np.maximum(either, 1), 1.0)
    assert np.abs(Neighbours(stock).nearest(asked) - likeness.max(1)).max() < 1e-15
    own = stock.astype(int) @ stock.astype(int).T
    either = np.maximum(stock.sum(1, dtype=int)[:, None] + stock.sum(1, dtype=int) - own, 1)
    others = Neighbours(stock).nearest(stock, without=np.arange(30))
    rest = [np.delete(own[i] / either[i], i).max() for i in range(30)]
    assert np.abs(others - rest)[stock.any(1)].max(initial=0) < 1e-15


def test_filters_that_are_screened_answer_as_all_of_them() -> None:
    from rdkit import Chem

    filters = moses_filters()
    count, answers = size("screened_molecules"), set()
    for name in nci(count):
        molecule = Chem.AddHs(parse(name))
        every = any(molecule.HasSubstructMatch(pattern) for pattern in filters._patterns)
        assert filters.matches(molecule) == every, name
        answers.add(every)
    assert answers == {True, False}
    # A ring of eight, a charge, another element, and each for itself.
    for name in ("C1CCCCCCC1", "CC[NH3+]", "CC[Si](C)(C)C"):
        assert not filters.passes(parse(name))
    assert filters.passes(parse("CCOC(=O)c1ccc(N)cc1"))


def test_accessibility_is_that_of_rdkits_own_script() -> None:
    from rdkit import RDConfig

    path = Path(RDConfig.RDContribDir) / "SA_Score" / "sascorer.py"
    spec = spec_from_file_location("sascorer", path)
    assert spec is not None
    assert spec.loader is not None
    script: Any = module_from_spec(spec)
    spec.loader.exec_module(script)
    for name in [*nci(150), "C1CCCCCCCCCCC1", "C12CC3CC(C1)CC(C2)C3", "[Xe]", "C1CCC2(CC1)CC2"]:
        molecule = parse(name)
        assert synthetic_accessibility(molecule) == pytest.approx(
            script.calculateScore(molecule), abs=1e-9
        ), name


def test_parts_are_counted_as_brics_and_murcko_have_them() -> None:
    assert brics_fragments(parse("CCOC(=O)c1ccccc1")) == [
        *("[1*]C([6*])=O", "[16*]c1ccccc1", "[3*]O[3*]", "[4*]CC")
    ]
    assert murcko_scaffold(parse("Cc1ccc(-c2ccccc2)cc1")) == "c1ccc(-c2ccccc2)cc1"
    # One ring, or none, says nothing of a scaffold.
    assert murcko_scaffold(parse("Cc1ccccc1")) == murcko_scaffold(parse("CCO")) == ""


def test_a_cosine_of_nothing_is_none() -> None:
    assert cosine({"a": 3}, {"a": 5}) == pytest.approx(1)
    assert cosine({"a": 1, "b": 1}, {"b": 1, "c": 1}) == pytest.approx(0.5)
    assert np.isnan(cosine({}, {"a": 1}))
    assert np.isnan(cosine({"a": 1}, {}))
