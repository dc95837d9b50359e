"""`tasks diffusion sample RUN`: new sequences from a trained model, as they were wished for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from taskloom.errors import UsageError
from taskloom.registry.isolate import load_target

from taskloom_diffusion.verbs.design_output import check_out, print_design, rows_of, write_table
from taskloom_diffusion.verbs.named_function import named_function
from taskloom_diffusion.verbs.options import AsJson, NumSamples, Overridden, Seed
from taskloom_diffusion.verbs.output import check_writable, print_generated, write_output

if TYPE_CHECKING:
    from taskloom.runs.run import Run

    from taskloom_diffusion.training.preparation import BoundCorpus


def _pairs(values: list[str] | None) -> dict[str, str]:
    """Return values by name: `--condition.logp=2.5` came as `logp=2.5`.

    Raises:
        UsageError: One has no name, or no value.
    """
    found: dict[str, str] = {}
    for text in values or []:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise UsageError(f"--condition {text}: write --condition.NAME=VALUE")
        if name in found:
            raise UsageError(f"--condition.{name} is given twice")
        found[name] = value
    return found


def sample(
    run: Run,
    task: BoundCorpus,
    *,
    num: NumSamples = 10,
    overridden: Overridden = None,
    length: Annotated[
        int, typer.Option(min=0, help="Length [tokens]; 0 draws from the corpus.")
    ] = 0,
    condition: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Condition to ask for: --condition.logp=2.5. Repeatable.")
    ] = None,
    outside: Annotated[
        Literal["refuse", "clip"], typer.Option(help="A number outside of what was trained: refused, or moved to the edge.")
    ] = "refuse",
    guidance: Annotated[
        Literal["", "cfg", "cbg", "cbg1"],
        typer.Option(help="cfg of a condition; cbg and cbg1 of a classifier: exact, or its gradient. Empty tells a condition and no more."),
    ] = "",
    scale: Annotated[
        float, typer.Option("--guidance.scale", min=0, help="Scale of the guidance: 0 is none, 1 the condition alone.")
    ] = 1.0,
    particles: Annotated[int, typer.Option(min=1, help="Weighted particles for each sequence.")] = 1,
    potential: Annotated[
        Literal["", "cfg", "likelihood", "reward"], typer.Option(help="By what particles are weighed, beside constraints.")
    ] = "",
    classifier: Annotated[Path | None, typer.Option(metavar="DIR", help="Classifier that 'tasks diffusion classifier' wrote.")] = None,
    target: Annotated[str, typer.Option(help="Class of it that is wanted.")] = "",
    reward: Annotated[str, typer.Option(metavar="FILE.py:NAME", help="Function of a text that is to be large.")] = "",
    reward_scale: Annotated[float, typer.Option("--reward.scale", help="Factor of the reward.")] = 1.0,
    constraint: Annotated[
        list[str] | None,
        typer.Option(help="smiles, contains:TEXT, not_contains:, starts_with:, ends_with:, count:TOKEN<=k, length:a-b, regex:. Repeatable."),
    ] = None,
    weighted: Annotated[bool, typer.Option("--weighted", help="Return every particle with its weight.")] = False,
    where: Annotated[str, typer.Option(help="Keep what has these properties: \"tpsa<90 and 200<weight<500\".")] = "",
    valid: Annotated[bool, typer.Option("--valid", help="Keep molecules alone.")] = False,
    unique: Annotated[bool, typer.Option("--unique", help="Keep the first of equal molecules.")] = False,
    max_draws: Annotated[int, typer.Option("--max_draws", min=0, help="Sequences drawn at most; 0 is 20 for each.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Write a table here (.csv), or molecules (.sdf).")] = None,
    seed: Seed = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Sequences in a batch.")] = 250,
    trajectory: Annotated[
        Path | None, typer.Option(help="Write the states of the first 4 sequences here (.json).")
    ] = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Generate sequences, one a line; with conditions, constraints and filters, those that were wished for."""
    del overridden
    check_writable("--trajectory", trajectory)
    check_out(out)
    asked = _pairs(condition)
    function = named_function("--reward", reward) if reward else None
    # torch is heavy.
    sample_lengths: Any = load_target("taskloom_diffusion.evaluation.sampling:sample_lengths")
    drawing_of: Any = load_target("taskloom_diffusion.guidance.designing:Drawing")
    design: Any = load_target("taskloom_diffusion.guidance.designing:design")
    wishes_of: Any = load_target("taskloom_diffusion.guidance.wishes:Wishes")
    model, sampler = run.load("model"), task.config.sampler
    if length > model.max_length:
        raise UsageError(f"--length {length} is above the model's max_length = {model.max_length}")
    kept, number = None, 0
    if classifier:
        class_of: Any = load_target("taskloom_diffusion.guidance.classifier:class_of")
        kept, number = class_of(classifier, target, model)
    wishes = wishes_of(
        asked,
        guidance,
        scale,
        particles,
        potential or ("reward" if function else ""),
        constraint or (),
        function,
        reward_scale,
        classifier=kept,
        target=number,
        weighted=weighted,
        where=where,
        valid=valid,
        unique=unique,
        max_draws=max_draws,
        outside=outside,
    )
    if not (wishes.steers or wishes.filters or out):
        made = sample_lengths(
            model,
            sampler,
            model.lengths(num, length or None, seed),
            seed=seed,
            batch_size=batch_size,
            record=4 if trajectory else 0,
        )
        if trajectory:
            names = model.tokenizer.tokens
            states = [[[names[i] for i in row] for row in s] for s in made.trajectory.tolist()]
            write_output("--trajectory", trajectory, json.dumps(states))
        print_generated("samples", made, sampler, seed, as_json=as_json)
        return
    if trajectory:
        raise UsageError("--trajectory is of plain samples; leave it out, or the wishes")
    drawing = drawing_of(model, model.lengths, sampler, length or None, seed, batch_size)
    found = design(drawing, num, wishes)
    known = _training_set(task) if out or as_json else set[str]()
    rows = rows_of(found, asked, known, seed)
    if out is not None:
        write_table(out, rows)
    if as_json:
        figures = {"samples": rows, "drawn": found.drawn, "notes": found.notes, "seed": seed}
        typer.echo(json.dumps(figures))
    elif out is None:
        for text in found.made.texts:
            typer.echo(text)
    print_design(found, asked, model.conditions)


def _training_set(task: BoundCorpus) -> set[str]:
    """Return the training sequences, by which something is new."""
    corpus: Any = task.task.load_corpus()
    return set(corpus.train)
