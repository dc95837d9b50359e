"""`tasks diffusion benchmark FILE|RUN`: the figures of MOSES, GuacaMol and GenMol of any set of molecules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from taskloom.cli.annotations import StoreOption
from taskloom.errors import UsageError
from taskloom.registry.isolate import load_target

from taskloom_diffusion.verbs.options import AsJson, Seed
from taskloom_diffusion.verbs.output import check_writable, write_output

_ENDINGS = (".json", ".csv")


def benchmark(
    molecules: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE|RUN...",
            help="Files of SMILES, in any format that the task 'file' reads, or runs; several stand side by side.",
        ),
    ],
    *,
    reference: Annotated[
        str,
        typer.Option(
            help="moses, or a file of SMILES; if not given, a run's own test part, and MOSES for files."
        ),
    ] = "",
    train: Annotated[
        Path | None,
        typer.Option(
            help="With --reference PATH: what was trained on, for novelty, GuacaMol and floors."
        ),
    ] = None,
    column: Annotated[str, typer.Option(help="Column of tables, or field of JSON Lines.")] = "",
    suite: Annotated[str, typer.Option(help="Figures, of moses,guacamol,genmol.")] = "",
    num: Annotated[
        int,
        typer.Option(
            min=0, help="Molecules: as many lines by lot, new samples of a run; 0 takes all."
        ),
    ] = 0,
    floor: Annotated[
        int, typer.Option(min=0, help="Training samples of the same size that floors are of.")
    ] = 5,
    allow_unequal: Annotated[
        bool,
        typer.Option(
            "--allow-unequal", help="Set FCD of different numbers of molecules side by side."
        ),
    ] = False,
    out: Annotated[
        list[Path] | None,
        typer.Option(help="Write the figures here: .json or .csv; may be given twice."),
    ] = None,
    seed: Seed = 0,
    store: StoreOption = None,
    as_json: AsJson = False,
) -> None:
    """Judge molecules by published figures, each with its error and beside what fresh training samples score."""
    for path in out or ():
        if path.suffix not in _ENDINGS:
            raise UsageError(f"--out '{path}' must end in .json or .csv")
        check_writable("--out", path)
    # RDKit and torch are heavy.
    parts: Any = load_target("taskloom_diffusion.chemistry.benchmarking:check_suites")
    chosen = [word for word in suite.split(",") if word] or ["moses", "guacamol", "genmol"]
    parts(chosen)
    make: Any = load_target("taskloom_diffusion.verbs.comparands:Comparands")
    sets = make(store, column, num, seed)
    texts = {name: sets.texts(name) for name in dict.fromkeys(molecules)}
    counts = {name: len(found) for name, found in texts.items()}
    if len(set(counts.values())) > 1 and not allow_unequal:
        told = ", ".join(f"{count:,} of '{name}'" for name, count in counts.items())
        raise UsageError(
            f"FCD falls with the number of molecules, so {told} are not comparable; take as many of each (--num), or --allow-unequal"
        )
    against = sets.reference(reference, train, molecules)
    judge: Any = load_target("taskloom_diffusion.verbs.comparands:benchmarked")
    if floor and against.training is not None:
        typer.echo(
            f"floors: {floor} fresh training samples of the same size, kept for the next time",
            err=True,
        )
    figures = judge(texts, against, chosen, floor)
    document = _document(figures, against)
    for note in [*sets.notes, *document["notes"]]:
        typer.echo(note, err=True)
    write: Any = load_target("taskloom_diffusion.chemistry.table:figures_csv")
    for path in out or ():
        whole = json.dumps(document, indent=1) + "\n" if path.suffix == ".json" else write(figures)
        write_output("--out", path, whole)
    if as_json:
        typer.echo(json.dumps(document))
        return
    show: Any = load_target("taskloom_diffusion.chemistry.table:figure_lines")
    told = " and ".join(f"{item.name}, {item.count:,} molecules" for item in against.sets)
    typer.echo(f"against {against.name}: {told}")
    for line in show(figures):
        typer.echo(line)


def _document(figures: Any, against: Any) -> dict[str, Any]:  # noqa: ANN401 -- their classes need RDKit
    describe: Any = load_target("taskloom_diffusion.evaluation.benchmarked:described")
    able: Any = load_target("taskloom_diffusion.chemistry.benchmarking:data_packages")
    found = {name: describe(of_set, against, able()) for name, of_set in figures.items()}
    (first, *_) = found.values()
    sets = {name: item["figures"] for name, item in found.items()}
    return {
        **{key: first[key] for key in ("format", "reference", "packages", "notes")},
        "sets": sets,
    }
