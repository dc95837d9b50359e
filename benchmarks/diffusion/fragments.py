"""Decorations, extensions and linkers of test molecules' fragments, beside the plainest baseline.

    python benchmarks/diffusion/fragments.py --write FOLDER     # train.smi, validation.smi and test.smi out of MOSES
    cd FOLDER; tasks run diffusion file --config fragments.toml --path train.smi --validation validation.smi --test test.smi
    python benchmarks/diffusion/fragments.py RUN --sampler '{...}' --rows benchmarks/diffusion/fragments.jsonl
    python benchmarks/diffusion/fragments.py --rows ... --into docs/reference/diffusion-results.md      # writes the table, draws nothing

The configuration is that of `recipes/`. A sampler is chosen on templates `--of FOLDER/validation.smi`, which neither training nor a figure
uses. Files, because the task `moses` would cut its whole test set, at 1.6 ms a molecule.

The baseline fills each point with a training fragment, drawn by how often it came.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import taskloom as tl
from rdkit import Chem
from rdkit.Chem import QED
from taskloom_diffusion.corpora.molecules import moses_molecules
from taskloom_diffusion.corpora.split import SplitRule
from taskloom_diffusion.evaluation.kept_fragments import fragments_of
from taskloom_diffusion.evaluation.trained import TrainedModel, model_of_run
from taskloom_diffusion.fragments.cutting import closed, cut, links_of, renumbered
from taskloom_diffusion.fragments.filling import FilledRows, by_frequency
from taskloom_diffusion.fragments.fixed import fixed_part
from taskloom_diffusion.model.coercion import as_sampler
from taskloom_diffusion.tokenizers.symbols import split_smiles

sys.path.insert(0, str(Path(__file__).parents[1]))
from tables import put

# Each is read once in 1,250 steps of 128.
TRAINED, VALIDATED, TESTED = 160_000, 1_000, 2_000
TASKS = ("decorate", "extend", "link")


def write(folder: Path) -> None:
    """Write molecules of MOSES' own sets into three files, those of the smallest ranks of each set."""
    corpus = moses_molecules(TRAINED + VALIDATED, SplitRule(test=0.0))
    parts = {
        "train": corpus.train[:TRAINED],
        "validation": corpus.train[TRAINED:],
        "test": corpus.test[:TESTED],
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, texts in parts.items():
        lines = "".join(f"{text}\n" for text in texts)
        (folder / f"{name}.smi").write_text(lines, encoding="utf-8", newline="\n")


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


def figures(each: Sequence[FilledRows], known: set[str]) -> dict[str, float]:
    """Return the shares of what was asked for, of what was returned (`distinct`), and of drawn fragments (`new`)."""
    asked = sum(made.requested for made in each)
    smiles = [s for made in each for s in made.smiles]
    # Of the gap alone: what is fixed is no news.
    drawn = [split_smiles(row.text)[-row.gap :] for made in each for row in made.rows if row.gap]
    met = [
        "".join(renumbered(split_smiles(piece)))
        for tokens in drawn
        for piece in "".join(tokens).split(".")
    ]
    return {
        "asked": asked,
        "valid": sum(made.first_valid for made in each) / asked,
        "verified": sum(made.first_verified for made in each) / asked,
        "returned": len(smiles) / asked,
        "distinct": sum(made.distinct for made in each) / max(len(smiles), 1),
        "qed": sum(QED.qed(Chem.MolFromSmiles(s)) >= 0.6 for s in smiles) / asked,
        "new": sum(piece not in known for piece in met) / max(len(met), 1),
    }


def measure(given: argparse.Namespace) -> None:
    """Draw around the fragments of as many templates, and write a row for each task and way."""
    run = tl.open_run(given.run)
    model: TrainedModel = model_of_run(run)
    known = fragments_of(run)
    pieces = set(known.pieces)
    if given.of:
        texts = given.of.read_text(encoding="utf-8").split()
    else:
        lines = run.read("test_part").decode().split("\n")
        texts = [json.loads(line) for line in lines if line]
    sampler = as_sampler(json.loads(given.sampler)) if given.sampler else None

    def drawn(task: str, parts: Sequence[str], pairs: bool) -> FilledRows:
        draw: Callable[..., FilledRows] = model.link if task == "link" else model.decorate
        return draw(
            *parts, given.n, sampler=sampler, gap_length="histogram", pair_links=pairs, seed=1
        )

    def plain(parts: Sequence[str]) -> FilledRows:
        fixed = [fixed_part(part, "brics") for part in parts]
        both = fixed[0].and_then(fixed[1]) if len(fixed) > 1 else fixed[0]
        return by_frequency(lambda row, attempt: both, given.n, known.pieces, 1)

    ways = {
        "": lambda task, parts: drawn(task, parts, True),
        ", links not paired": lambda task, parts: drawn(task, parts, False),
        ", baseline": lambda task, parts: plain(parts),
    }
    for task in TASKS:
        chosen = list(templates(texts, task, given.templates))
        for words, way in ways.items():
            began = time.process_time()
            each = [way(task, parts) for parts in chosen]
            spent = round(time.process_time() - began, 1)
            row = {"what": f"{task}{words}", **figures(each, pieces), "cpu_s": spent}
            print(row, flush=True)
            if given.rows:
                with given.rows.open("a", encoding="utf-8", newline="\n") as file:
                    file.write(json.dumps(row) + "\n")


def table(path: Path) -> Iterator[str]:
    """Yield the rows of a file as a table of Markdown."""
    yield "| | first draw holds what was given | returned in 10 tries | distinct | QED >= 0.6 | drawn fragments that training has not |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
        cells = (f"{row[key]:.3f}" for key in ("verified", "returned", "distinct", "qed", "new"))
        yield f"| {row['what']} | {' | '.join(cells)} |"


def main() -> None:
    """Measure a run, or put the rows into a page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", nargs="?", default="", help="A finished run with fragments.")
    parser.add_argument("--templates", type=int, default=30)
    parser.add_argument("--n", type=int, default=10, help="Molecules of each template.")
    parser.add_argument("--of", type=Path, help="SMILES, instead of the run's test part.")
    parser.add_argument("--sampler", default="", help="As JSON, instead of the run's own.")
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--into", type=Path, help="A page to put the rows into, without drawing.")
    parser.add_argument("--write", type=Path, help="A folder to write the recipe's files into.")
    given = parser.parse_args()
    if given.write:
        write(given.write)
    elif given.into:
        put(given.into, "fragments", table(given.rows))
    else:
        measure(given)


if __name__ == "__main__":
    main()
