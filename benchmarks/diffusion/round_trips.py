"""Round trips of molecules with their marks: text -> tokens -> text, and one canonical form for every respelling.

    python benchmarks/diffusion/round_trips.py [--respellings N] [--canonical M] [WHEEL ...]

Reads NCI and WEHI, which ship with RDKit, and the tables inside of wheels that are given (`pip download --no-deps MoleculeACE qc-b3db`),
without installing them. Prints for each set how many molecules come back equal, with the others by name.
"""

from __future__ import annotations

import argparse
import csv
import io
import random
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from rdkit import Chem, RDConfig, rdBase
from taskloom_diffusion.corpora.molecular_form import Form, written
from taskloom_diffusion.tokenizers.symbols import fit_symbols

SAMPLE = 20_000


def shipped() -> Iterator[tuple[str, list[str]]]:
    """Yield the sets that ship with RDKit."""
    folder = Path(RDConfig.RDDataDir)
    lines = (folder / "NCI" / "first_5K.smi").read_text().splitlines()
    yield "NCI", [line.split()[0] for line in lines if line.strip()]
    rows = csv.reader((folder / "Pains" / "test_data" / "wehi_mols.csv").read_text().splitlines())
    yield "WEHI", [row[0] for row in rows if row]


def of_wheel(path: Path) -> tuple[str, list[str]]:
    """Return the molecules of every table inside of a wheel that has a column of SMILES."""
    found: dict[str, None] = {}
    with zipfile.ZipFile(path) as wheel:
        for name in wheel.namelist():
            if not name.endswith((".csv", ".tsv")):
                continue
            table = io.TextIOWrapper(wheel.open(name), "utf-8", errors="replace", newline="")
            rows = csv.DictReader(table, delimiter="\t" if name.endswith(".tsv") else ",")
            column = next((c for c in rows.fieldnames or () if c.lower() == "smiles"), None)
            if column is not None:
                found |= {row[column]: None for row in rows if row[column]}
    return path.name.split("-")[0], list(found)


def come_back(texts: Sequence[str]) -> list[str]:
    """Return the texts that are not themselves after they were cut into tokens and joined."""
    tokenizer = fit_symbols("smiles", texts)
    return [text for text in texts if tokenizer.decode(tokenizer.encode(text)) != text]


def respelt(molecule: Chem.Mol, stream: random.Random) -> str:
    """Return a random spelling of a molecule: other atoms first, branches in another order."""
    seed = stream.randrange(2**31)
    return str(Chem.MolToRandomSmilesVect(molecule, 1, randomSeed=seed)[0])


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("wheels", nargs="*", type=Path)
    parser.add_argument("--respellings", type=int, default=1_000_000)
    parser.add_argument(
        "--canonical",
        type=int,
        default=100_000,
        help="respellings whose canonical form is compared",
    )
    options = parser.parse_args()
    rdBase.DisableLog("rdApp.*")
    sets = [*shipped(), *map(of_wheel, options.wheels)]
    every: dict[str, None] = {}
    for name, texts in sets:
        began = time.process_time()
        found = [w for w in (written(text, Form()) for text in texts) if w]
        kept = list(dict.fromkeys(w.text for w in found))
        unstable = [w.text for w in found if not w.settled]
        lost = come_back(kept)
        marked = sum(any(c in text for c in "@/\\") for text in kept)
        print(
            f"{name}: {len(texts)} read, {len(texts) - len(found)} unparsable, {len(kept)} differ, {marked} with stereo marks; "
            f"{len(lost)} do not come back {lost[:5]}; {len(unstable)} unstable {unstable[:3]}; {time.process_time() - began:.0f} CPU-s",
            flush=True,
        )
        every |= dict.fromkeys(kept)
    stream = random.Random(0)
    chosen = stream.sample(list(every), min(SAMPLE, len(every)))
    molecules = [Chem.MolFromSmiles(text) for text in chosen]
    began, lost, other = time.process_time(), 0, 0
    named: list[str] = []
    apart: list[tuple[str, str]] = []
    done = 0
    while done < options.respellings:
        count = min(10_000, options.respellings - done)
        picked = [stream.randrange(len(chosen)) for _ in range(count)]
        spelt = [respelt(molecules[i], stream) for i in picked]
        back = come_back(spelt)
        lost += len(back)
        named += back[: max(0, 20 - len(named))]
        for i, text in list(zip(picked, spelt, strict=True))[: max(0, options.canonical - done)]:
            again = written(text, Form())
            if again is None or again.text != chosen[i]:
                other += 1
                if len(apart) < 20:
                    apart.append((chosen[i], text))
        done += count
    compared = min(options.canonical, done)
    print(
        f"{done} respellings of {len(chosen)}: {done - lost} come back ({1 - lost / done:.6f}) {named}; of {compared} compared, "
        f"{compared - other} have the canonical form of their molecule ({1 - other / max(compared, 1):.6f}); {time.process_time() - began:.0f} CPU-s"
    )
    for molecule, text in apart:
        print(f"  other canonical form: {molecule} from {text}")


if __name__ == "__main__":
    main()
