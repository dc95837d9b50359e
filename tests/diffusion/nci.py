"""Molecules of the tests of fragments: a few that have links of each sort, and a part of RDKit's NCI set."""

from __future__ import annotations

from pathlib import Path

from rdkit import RDConfig

MOLECULES = [
    "CC(=O)Nc1ccc(O)cc1",
    "CCOC(=O)c1ccccc1NC(=O)C",
    "CCN(CC)CC",
    "CCOCC",
    "CC(C)NC(=O)c1ccccc1",
]


def nci(count: int) -> list[str]:
    """Return about so many molecules, from all over the file."""
    path = Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi"
    lines = path.read_text().splitlines()[:: max(5000 // count, 1)]
    return [line.split()[0] for line in lines]
