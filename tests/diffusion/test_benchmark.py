"""The benchmark of molecules: figures under their published definitions, held to values of the original packages.

The values are those that molsets 0.3.1 computes with a shim for RDKit 2026.9 (its own functions on its own statistics).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from taskloom.errors import MissingExtraError
from taskloom.testing import MemoryContext
from taskloom_diffusion import benchmark
from taskloom_diffusion.chemistry.benchmarking import data_packages
from taskloom_diffusion.chemistry.figures import genmol_figures, moses_figures
from taskloom_diffusion.chemistry.guacamol import descriptors, distribution_score
from taskloom_diffusion.chemistry.molecule_set import MoleculeSet
from taskloom_diffusion.chemistry.reference import MoleculeReference, moses_reference
from taskloom_diffusion.corpora.corpus import Corpus
from taskloom_diffusion.evaluation.benchmarked import benchmark_run
from taskloom_diffusion.report.published import published
from taskloom_diffusion.tasks.smiles import SmilesConfig
from tests_sizes import size

Tasks = Callable[..., tuple[int, str, str]]
BOTH = ("FCD", "SNN", "Frag", "Scaf")
# Set 1 is 1,000 training molecules; set M is 700 of them, 200 of NCI, 50 phenols and 50 texts that are no molecule.
PUBLISHED = {
    "1": {
        **dict(zip(("valid", "unique@1000", "Filters", "Novelty"), (1, 1, 1, 0), strict=True)),
        **{"IntDiv": 0.8561187730, "IntDiv2": 0.8477608138, "logP": 0.0402785120},
        **{"SA": 0.0171016082, "QED": 0.0020654885, "weight": 0.7455220363},
        **{"FCD/Test": 1.270140753, "SNN/Test": 0.6462754675, "Frag/Test": 0.9979191740},
        **{"Scaf/Test": 0.5269926650, "FCD/TestSF": 1.723621210, "SNN/TestSF": 0.5872452498},
        **{
            "Frag/TestSF": 0.9971213397,
            "Scaf/TestSF": 0,
            "Quality": 0.952,
            "Diversity": 0.8569757023,
        },
    },
    "M": {
        **{
            "valid": 0.95,
            "unique@1000": 0.9484210526,
            "Filters": 0.9326315789,
            "Novelty": 0.2230854646,
        },
        **{"IntDiv": 0.8704332526, "IntDiv2": 0.8544583330, "logP": 0.2077532970},
        **{"SA": 0.1149984349, "QED": 0.0638812106, "weight": 33.8602698400},
        **{"FCD/Test": 3.834713560, "SNN/Test": 0.5700636952, "Frag/Test": 0.9814576048},
        **{"Scaf/Test": 0.3498251573, "FCD/TestSF": 4.572949502, "SNN/TestSF": 0.5216873273},
        **{"Frag/TestSF": 0.9805712528, "Scaf/TestSF": 0.0773601460},
    },
    # Of 10,000 training molecules; the original prints six digits.
    "10000": {
        **{
            "FCD/Test": 0.133689,
            "FCD/TestSF": 0.635745,
            "SNN/Test": 0.642625,
            "SNN/TestSF": 0.586394,
        },
        **{"Frag/Test": 0.999721, "Frag/TestSF": 0.998342, "Scaf/Test": 0.888435, "Scaf/TestSF": 0},
        **{"IntDiv": 0.856630, "IntDiv2": 0.850448, "logP": 0.010033, "SA": 0.007806},
        **{"QED": 0.001271, "weight": 0.196443, "Novelty": 0.0003},
    },
}


def nci(count: int) -> list[str]:
    """Return the first lines of RDKit's NCI set, whether RDKit accepts them or not."""
    from rdkit import RDConfig

    lines = (Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi").read_text().splitlines()
    return [line.split()[0] for line in lines[:count]]


@pytest.fixture(scope="module")
def moses() -> MoleculeReference:
    """MOSES' reference; without its package there is nothing to compare with."""
    try:
        found = moses_reference()
    except MissingExtraError as error:
        pytest.skip(str(error))
    if not data_packages().chemnet:
        pytest.skip("fcd_torch is not installed")
    return found


@pytest.fixture(scope="module")
def drawn(moses: MoleculeReference) -> Callable[[int, int], list[str]]:
    """Return as many training molecules as the reference values were computed of, by a seed."""
    assert moses.training is not None
    train = list(moses.training)

    def draw(seed: int, count: int) -> list[str]:
        rng = np.random.default_rng(seed)
        return [train[i] for i in rng.choice(len(train), count, replace=False)]

    return draw


def set_called(name: str, drawn: Callable[[int, int], list[str]]) -> list[str]:
    """Return one of the sets of molecules with published values."""
    if name == "M":
        return [*drawn(1, 700), *nci(200), *["Oc1ccccc1"] * 50, *["C1CC("] * 50]
    return drawn(1, 1000) if name == "1" else drawn(0, 10_000)


@pytest.mark.parametrize("name", ["M", "1", "10000"][: 3 if size("compared_molecules") else 1])
def test_figures_are_those_of_the_original(
    name: str, moses: MoleculeReference, drawn: Callable[[int, int], list[str]]
) -> None:
    molecules = MoleculeSet(set_called(name, drawn))
    found = moses_figures(molecules, moses, with_chemnet=True, with_filters=True)
    found |= genmol_figures(molecules)
    apart = {key: abs(found[key].value - value) for key, value in PUBLISHED[name].items()}
    wide = {key: 1e-4 if key.startswith("FCD") else 1e-6 for key in apart}
    assert {key: value for key, value in apart.items() if value > wide[key]} == {}
    assert found["unique@1000"].population == (
        "valid, k=950" if name == "M" else "first 1,000 valid"
    )
    # The jackknife's error of FCD at 1,000 is on the safe side of the true one, .023.
    if name == "1":
        assert 0.02 < (found["FCD/Test"].standard_error or 0) < 0.08


def test_guacamols_score_falls_with_every_foreign_molecule(
    drawn: Callable[[int, int], list[str]],
) -> None:
    reference, ours = descriptors(drawn(2, 1000)), drawn(1, 1000)
    published = {200: 0.9470240851, 0: 0.9919058605, 50: 0.9857366671, 100: 0.9761234635}
    for count, value in list(published.items())[: size("foreign_molecules")]:
        mixed = [*ours[: 1000 - count], *nci(count)]
        assert distribution_score(reference, descriptors(mixed)) == pytest.approx(value, abs=1e-6)


def test_every_distance_rises_with_the_share_of_another_corpus(
    moses: MoleculeReference, drawn: Callable[[int, int], list[str]]
) -> None:
    count = size("swapped_molecules")
    ours, theirs = drawn(1, count), nci(count // 5)
    shares = (1, 2, 5, 10, 20) if count == 1000 else (20,)
    reference = MoleculeReference("Test", moses.sets[:1])
    rows = []
    for share in (0, *shares):
        swapped = count * share // 100
        mixed = MoleculeSet([*ours[: count - swapped], *theirs[:swapped]])
        found = moses_figures(mixed, reference, with_chemnet=True, with_filters=True)
        likeness = [1 - found[name].value for name in ("SNN/Test", "Frag/Test", "Filters")]
        rows.append([found["FCD/Test"].value, found["weight"].value, *likeness])
    assert (np.diff(rows, axis=0) > 0).all(), rows


TEST = ["CCO", "CCN", "c1ccccc1O", "CC(=O)Oc1ccccc1C(=O)O", "c1ccc(-c2ccccc2)cc1", "CCCC", "CCOC"]


def test_of_the_reference_itself_nothing_is_left_to_tell() -> None:
    found = benchmark(TEST, TEST, floor=0)
    assert found["valid"].value == found["SNN/Test"].value == 1
    assert [found[name].value for name in ("logP", "SA", "QED", "weight")] == [0, 0, 0, 0]
    assert [found[f"{name}/Test"].value for name in ("Frag", "Scaf")] == pytest.approx([1, 1])
    if "FCD/Test" in found:
        assert found["FCD/Test"].value == pytest.approx(0, abs=1e-6)


def test_texts_that_are_no_molecule_are_in_the_denominators() -> None:
    found = benchmark(["CCO", "OCC", "", "C1CC("], TEST, floor=0)
    assert (found["valid"].value, found["valid"].n) == (0.5, 4)
    assert (found["unique@1000"].value, found["unique@1000"].population) == (0.5, "valid, k=2")
    assert found["Quality"].n == 4
    assert math.isnan(found["Scaf/Test"].value), "no molecule has a scaffold"
    none = benchmark(["", "C("], TEST, floor=0)
    assert {name: figure.value for name, figure in none.items()} == {"valid": 0, "Quality": 0}


def test_repeats_count_and_order_does_not() -> None:
    many = [*TEST, *["CCO"] * 20]
    once, twice = (benchmark(texts, TEST[:4], floor=0) for texts in (many, many[::-1]))
    for name, figure in once.items():
        # Batches of the network are filled in the order of the texts, which moves the last digits of a float32.
        within = 1e-6 if name.startswith("FCD") else 1e-12
        assert figure.value == pytest.approx(twice[name].value, abs=within, nan_ok=True)
    # 1 - mean over all pairs: of 21 equal molecules among 27 most pairs are alike.
    assert once["IntDiv"].value < 0.4 < benchmark(TEST, TEST, floor=0)["IntDiv"].value


def test_floors_are_fresh_training_samples_of_as_many_molecules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    training = ["C" * k + tail for k in range(1, 12) for tail in ("O", "N", "C(=O)O")]
    found = benchmark(TEST, TEST, training=training, suites=("moses", "genmol"), floor=3)
    novelty = found["Novelty"]
    assert (novelty.floor, novelty.floor_sd) == (0, 0), "training molecules are not new"
    snn = found["SNN/Test"]
    assert snn.floor is not None
    assert snn.floor < snn.value == 1
    again = benchmark(TEST, TEST, training=training, suites=("moses", "genmol"), floor=3)
    assert again["SNN/Test"] == snn
    # There is no fresh sample of as many molecules as there are.
    alone = benchmark(TEST, TEST, training=training[:7], suites=("moses",), floor=3)
    assert alone["SNN/Test"].floor is None
    assert benchmark(TEST, TEST, suites=("moses",))["SNN/Test"].floor is None


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with three files of molecules."""
    (tmp_path / "mine.smi").write_text("CCO one\nOCC two\nC1CC(\n\nc1ccccc1\n")
    (tmp_path / "test.csv").write_text("smiles\n" + "\n".join(TEST) + "\n")
    (tmp_path / "train.smi").write_text("\n".join("C" * k + "O" for k in range(1, 9)) + "\n")
    return tmp_path


def _command(files: Path, *words: str) -> Sequence[str]:
    return ("diffusion", "benchmark", *words, "--store", str(files / "store"))


def test_the_verb_judges_a_file_against_another(files: Path, tasks: Tasks) -> None:
    mine, test = str(files / "mine.smi"), str(files / "test.csv")
    told = (mine, "--reference", test, "--train", str(files / "train.smi"), "--column=smiles")
    out = ("--out", str(files / "b.json"), "--out", str(files / "b.csv"))
    code, shown, err = tasks(*_command(files, *told, *out, "--suite=moses", "--floor=1"))
    assert code == 0, err
    assert "against test.csv: Test, 7 molecules" in shown
    document = json.loads((files / "b.json").read_text())
    figures = document["sets"][mine]
    assert figures["valid"]["value"] == 0.6, "the empty line is a text like any other"
    assert figures["Novelty"]["value"] == 0.5
    assert figures["Scaf/Test"]["value"] is None
    assert (files / "b.csv").read_text().splitlines()[0].startswith("molecules,figure,value,")
    # Side by side, of equal numbers only.
    code, shown, err = tasks(*_command(files, mine, test, "--reference", test, "--column=smiles"))
    assert (code, shown) == (2, "")
    assert "are not comparable; take as many of each (--num), or --allow-unequal" in err
    words = (mine, test, "--reference", test, "--column=smiles", "--num=5", "--json")
    code, shown, err = tasks(*_command(files, *words, "--suite=genmol"))
    assert code == 0, err
    assert {item["Quality"]["n"] for item in json.loads(shown)["sets"].values()} == {5}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("no.smi",), "no.smi"),
        (("mine.smi", "--reference=no.smi"), "--reference 'no.smi' is neither 'moses' nor a file"),
        (("mine.smi", "--reference=test.csv"), "is a table; --column NAME says where"),
        (("mine.smi", "--suite=mose"), "'moses'"),
        (("mine.smi", "--out=x.txt"), "must end in .json or .csv"),
        (("mine.smi", "--num=9"), "--num 9 is above the 5 lines of"),
        (("mine.smi", "--reference=none.smi"), "no molecule that RDKit accepts"),
        (("empty.smi",), "has no line"),
    ],
)
def test_what_cannot_be_honoured_is_one_sentence(
    words: Sequence[str], sentence: str, files: Path, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    (files / "none.smi").write_text("C1CC(\n")
    (files / "empty.smi").write_text("")
    code, shown, err = tasks(*_command(files, *words))
    assert code != 0
    assert shown == ""
    assert sentence in err
    assert "Traceback" not in err


def test_a_run_has_the_figures_of_its_samples(tmp_path: Path) -> None:
    ctx = MemoryContext(tmp_path)
    training = ["C" * k + tail for k in range(1, 12) for tail in ("O", "N", "C(=O)O")]
    corpus = Corpus("mine", training, [*TEST, *TEST], canonical=True)
    metrics, artifacts = benchmark_run(ctx, SmilesConfig(), ["CCO", "CCCF", "C(", "CCCS"], corpus)
    assert metrics["benchmark/snn"] < 1
    assert "benchmark/valid" not in metrics, "the run's own metrics have it"
    found = json.loads(artifacts["benchmark"].read_text())
    table, *charts = published(found)
    assert [row[0] for row in table.rows][:2] == ["valid", "unique@1000"]
    assert "floor" in table.columns
    assert len(charts) == 2
    assert published({}) == []
    # Without a molecule there is nothing to compare, and a repeat unit is no molecule.
    assert benchmark_run(ctx, SmilesConfig(), ["C("], corpus) == ({}, {})
