"""References that sets of molecules are compared with: MOSES' own, or any molecules."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b
from heapq import nsmallest
from pathlib import Path

import numpy as np

from taskloom_diffusion.chemistry.frechet import FrechetTarget, GaussianFit, moments
from taskloom_diffusion.chemistry.inert import Reader
from taskloom_diffusion.chemistry.molecule_set import MoleculeSet
from taskloom_diffusion.chemistry.nearest import Neighbours
from taskloom_diffusion.chemistry.shelf import Kept, kept, key_of
from taskloom_diffusion.corpora.molecules import package_files
from taskloom_diffusion.corpora.split import rank

_PROPERTIES = ("logP", "SA", "QED", "weight")
# GuacaMol compares with as many training molecules.
GUACAMOL_SIZE = 10_000
_DATA = "moses/dataset/data/"


@dataclass(frozen=True)
class ReferenceStatistics:
    """A reference set, as far as figures are made of it.

    Attributes:
        name: For names of figures: `Test` in `FCD/Test`.
        count: Number of molecules.
        bits: Packed Morgan fingerprints (M, 128), uint8.
        fragments: Counts of BRICS fragments.
        scaffolds: Counts of Murcko scaffolds.
        values: Properties by name (M,).
        moments: Of ChemNet's activations; None where there are no weights.
    """

    name: str
    count: int
    bits: np.ndarray
    fragments: Mapping[str, int]
    scaffolds: Mapping[str, int]
    values: Mapping[str, np.ndarray]
    moments: GaussianFit | None

    @cached_property
    def neighbours(self) -> Neighbours:
        """Fingerprints to look for neighbours in."""
        return Neighbours(np.unpackbits(self.bits, axis=1))

    @cached_property
    def target(self) -> FrechetTarget | None:
        """The reference of the Frechet distance."""
        return None if self.moments is None else FrechetTarget(self.moments)


@dataclass(frozen=True)
class TrainingMolecules:
    """The molecules that a model was trained on, as canonical SMILES.

    Attributes:
        key: What tells them apart.
        files: The package's file that holds them, a molecule a line behind a title, if they are in none of `texts`.
        texts: The molecules.
    """

    key: bytes
    texts: Sequence[str] = ()
    file: Path | None = None

    def __iter__(self) -> Iterator[str]:
        """Yield all of them, one after the other."""
        if self.file is None:
            yield from self.texts
        else:
            yield from first_column(self.file)

    def known(self, names: Iterable[str]) -> set[str]:
        """Return those of some canonical SMILES that are among them."""
        asked = set(names)
        return {text for text in self if text in asked}

    @cached_property
    def count(self) -> int:
        """Number of molecules."""
        return sum(1 for _ in self)

    def drawn(self, size: int, seed: int) -> list[str]:
        """Return a sample without replacement, all of them if there are no more."""
        picked = np.random.default_rng([7, seed]).choice(
            self.count, min(size, self.count), replace=False
        )
        places = {int(i): k for k, i in enumerate(picked)}
        found = [""] * len(places)
        for number, text in enumerate(self):
            if number in places:
                found[places[number]] = text
        return found

    def by_rank(self, size: int) -> list[str]:
        """Return those of the smallest ranks."""
        return nsmallest(size, self, key=rank)


@dataclass(frozen=True)
class MoleculeReference:
    """Molecules that others are compared with.

    Attributes:
        name: For people.
        sets: Test sets; properties are compared with the first.
        training: Of which novelty is told and floors are drawn; None where nothing was trained on.
    """

    name: str
    sets: tuple[ReferenceStatistics, ...]
    training: TrainingMolecules | None = None

    def key(self) -> bytes:
        """Return what tells a reference from others."""
        made = blake2b(digest_size=16)
        for item in self.sets:
            made.update(f"{item.name} {item.count}".encode() + item.bits.tobytes())
        made.update(self.training.key if self.training else b"")
        return made.digest()


def statistics_of(name: str, texts: Sequence[str], *, with_chemnet: bool) -> ReferenceStatistics:
    """Return what figures are made of, for any molecules; those that RDKit does not accept are left out.

    Args:
        name: For names of figures.
        texts: SMILES.
        with_chemnet: Whether the Frechet distance will be asked for.
    """
    found = MoleculeSet(texts)
    return ReferenceStatistics(
        name,
        len(found),
        np.packbits(found.bits, axis=1)[found.row],
        found.counted(found.fragments),
        found.counted(found.scaffolds),
        {key: values[found.row] for key, values in found.values.items()},
        moments(found.activations[found.row]) if with_chemnet and len(found) > 1 else None,
    )


@lru_cache(maxsize=1)
def moses_reference() -> MoleculeReference:
    """Return MOSES' Test and TestSF with the statistics that its package computed, and its training set.

    Raises:
        MissingExtraError: The package `molsets` is not installed.
    """
    files = {path.name: path for path in package_files("molsets", _DATA, "")}
    tests = (("Test", "test_stats.npz"), ("TestSF", "test_scaffolds_stats.npz"))
    sets = tuple(_published(name, files[file]) for name, file in tests)
    train = files["train.csv.gz"]
    return MoleculeReference("MOSES", sets, TrainingMolecules(key_of(train), file=train))


def _published(name: str, path: Path) -> ReferenceStatistics:
    stored = kept(f"moses_{name.lower()}", key_of(path), lambda: _convert(path))
    arrays, facts = stored.arrays, stored.facts
    return ReferenceStatistics(
        name,
        len(arrays["bits"]),
        arrays["bits"],
        facts["fragments"],
        facts["scaffolds"],
        {key: arrays[key] for key in _PROPERTIES},
        GaussianFit(len(arrays["bits"]), arrays["mean"].astype(np.float64), arrays["covariance"]),
    )


def _convert(path: Path) -> Kept:
    """Return the statistics of a file of MOSES: one array that holds a pickled dictionary, which is read as data."""
    with zipfile.ZipFile(path) as archive:
        raw = archive.read("stats.npy")
    # Behind eight bytes stand the length of numpy's header and the header.
    header = 10 + int.from_bytes(raw[8:10], "little")
    found = Reader().read(io.BytesIO(memoryview(raw)[header:]))
    arrays = {name: np.array(found[name]["values"]) for name in _PROPERTIES}
    arrays["bits"] = np.packbits(found["SNN"]["fps"], axis=1)
    arrays["mean"], arrays["covariance"] = found["FCD"]["mu"], found["FCD"]["sigma"]
    return Kept(arrays, {"fragments": found["Frag"]["frag"], "scaffolds": found["Scaf"]["scaf"]})


def first_column(path: Path) -> Iterator[str]:
    """Yield the first cell of each line of a compressed table, its title left out."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        next(stream)
        for line in stream:
            yield line.split(",", 1)[0].strip()


def training_of(texts: Sequence[str]) -> TrainingMolecules:
    """Return canonical SMILES as what was trained on."""
    made = blake2b(digest_size=16)
    for text in texts:
        made.update(text.encode("utf-8", "surrogatepass") + b"\n")
    return TrainingMolecules(made.digest(), texts)
