"""The table of data is true of the installed packages, and names every package whose data the code reads."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "data-licences.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("|") and "`" in line
]
DATA = [row for row in ROWS if len(row) == 6]
MODELS = [row for row in ROWS if len(row) == 3]
# How the sources open data that a package brings.
READS = {
    r"load_(?:digits|breast_cancer|wine|sample_images)\(": "scikit-learn",
    r'resources\.files\("(\w+)\.data"\)': "",
    r'package_files\("([\w-]+)"': "",
    r'find_spec\("(river)"\)': "",
    r"RDConfig\.RDDataDir": "rdkit",
}


def stated_licence(package: str) -> set[str]:
    """Return how a package states its licence, in each of the places that metadata have for it."""
    found = distribution(package).metadata
    classifiers = [text.rpartition(" :: ")[2] for text in found.get_all("Classifier") or ()]
    lines = [found.get("License-Expression") or "", *(found.get("License") or "").splitlines()[:1]]
    return {text.strip() for text in (*lines, *classifiers) if text.strip()}


def name_of(cell: str) -> str:
    return cell.strip("`")


@pytest.mark.parametrize("package", sorted({name_of(row[2]) for row in DATA}))
def test_the_files_exist_and_the_package_states_the_licence(package: str) -> None:
    try:
        files = {str(path) for path in distribution(package).files or ()}
    except PackageNotFoundError:
        pytest.skip(f"{package} is not installed")
    for row in DATA:
        if name_of(row[2]) == package:
            assert set(re.findall(r"`([^`]+)`", row[3])) <= files, row[0]
            assert row[4] in stated_licence(package), row[0]
            assert row[5], row[0]


@pytest.mark.parametrize("row", MODELS, ids=lambda row: name_of(row[0]))
def test_a_package_of_models_states_the_licence(row: list[str]) -> None:
    try:
        assert row[2] in stated_licence(name_of(row[0]))
    except PackageNotFoundError:
        pytest.skip(f"{row[0]} is not installed")


def test_every_package_whose_data_are_read_is_in_the_table() -> None:
    read = set()
    for path in ROOT.glob("packages/*/src/**/*.py"):
        text = path.read_text(encoding="utf-8")
        for pattern, package in READS.items():
            read |= {package or name for name in re.findall(pattern, text)}
    assert read == {name_of(row[2]) for row in DATA}


def test_no_data_set_lies_in_the_repository() -> None:
    endings = (
        "*.csv",
        "*.csv.gz",
        "*.npz",
        "*.smi",
        "*.parquet",
        "*.stl",
        "*.obj",
        "*.safetensors",
    )
    found = [path for ending in endings for path in ROOT.glob(f"packages/*/src/**/{ending}")]
    assert found == []
