"""Decorations, extensions and linkers of test molecules' fragments, beside the plainest baseline.

    python benchmarks/diffusion/fragments.py RUN [TEMPLATES] [MOLECULES OF EACH]

The baseline fills each point with a training fragment, drawn by how often it came.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator

from rdkit import Chem
from rdkit.Chem import QED
from taskloom.opening import open_run
from taskloom_diffusion.evaluation.kept_fragments import fragments_of
from taskloom_diffusion.evaluation.trained import model_of_run
from taskloom_diffusion.fragments.cutting import closed, cut, links_of, renumbered
from taskloom_diffusion.fragments.filling import FilledRows, by_frequency
from taskloom_diffusion.fragments.fixed import fixed_part
from taskloom_diffusion.tokenizers.symbols import split_smiles


def templates(texts: list[str], task: str, count: int) -> Iterator[tuple[str, ...]]:
    """Yield what is fixed of test molecules: their fragment of most links, one of one link, or two of one link."""
    found = 0
    for text in texts:
        pieces = cut(text).pieces
        ends = [p for p in pieces if len(links_of(p)) == 1 and len(p) > 8]
        if len(pieces) < 3 or (task != "decorate" and len(ends) < 2):
            continue
        chosen = {
            "decorate": [max(pieces, key=lambda p: (len(links_of(p)), len(p)))],
            "extend": ends[:1],
            "link": ends[:2],
        }[task]
        yield tuple(as_scaffold(piece) for piece in chosen)
        found += 1
        if found == count:
            return


def as_scaffold(piece: str) -> str:
    molecule = Chem.MolFromSmiles(closed(piece))
    for number, atom in enumerate((a for a in molecule.GetAtoms() if not a.GetAtomicNum()), 1):
        atom.SetIsotope(number)
    return Chem.MolToSmiles(molecule)


def told(name: str, each: list[FilledRows], known: set[str], seconds: float) -> None:
    asked = sum(made.requested for made in each)
    smiles = [s for made in each for s in made.smiles]
    new = met = 0
    for made in each:
        for row in made.rows:
            # Of the gap alone: what is fixed is no news.
            drawn = "".join(split_smiles(row.text)[-row.gap :] if row.gap else [])
            for piece in drawn.split(".") if drawn else []:
                alone = "".join(renumbered(split_smiles(piece)))
                met += 1
                new += alone not in known
    good = sum(QED.qed(Chem.MolFromSmiles(s)) >= 0.6 for s in smiles)
    print(
        f"{name:24} first draw valid {sum(m.first_valid for m in each) / asked:.3f}  verified "
        f"{sum(m.first_verified for m in each) / asked:.3f}  returned {len(smiles) / asked:.3f}  distinct "
        f"{sum(m.distinct for m in each) / max(len(smiles), 1):.3f}  QED >= .6 {good / asked:.3f}  new fragments "
        f"{new / max(met, 1):.3f}  {seconds:.0f} CPU-s",
        flush=True,
    )


def main(reference: str, count: int, num: int) -> None:
    run = open_run(reference)
    model, known = model_of_run(run), fragments_of(run)
    texts = [json.loads(line) for line in run.read("test_part").decode().split("\n") if line]
    for task in ("decorate", "extend", "link"):
        chosen = list(templates(texts, task, count))
        for pairs in (True, False):
            began, each = time.process_time(), []
            for parts in chosen:
                draw = model.link if task == "link" else model.decorate
                each.append(draw(*parts, num, gap_length="histogram", pair_links=pairs, seed=1))
            name = f"{task}, {'paired' if pairs else 'not paired'}"
            told(name, each, set(known.pieces), time.process_time() - began)
        began, each = time.process_time(), []
        for parts in chosen:
            fixed = [fixed_part(part, "brics") for part in parts]
            both = fixed[0].and_then(fixed[1]) if len(fixed) > 1 else fixed[0]
            each.append(by_frequency(lambda row, attempt, both=both: both, num, known.pieces, 1))
        told(f"{task}, baseline", each, set(known.pieces), time.process_time() - began)


if __name__ == "__main__":
    words = [*sys.argv[2:], "30", "10"]
    main(sys.argv[1], int(words[0]), int(words[1]))
