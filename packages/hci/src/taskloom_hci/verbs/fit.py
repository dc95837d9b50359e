"""`tasks hci fit`: the parameters of a user model from recorded decisions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from taskloom.cli.annotations import StoreOption
from taskloom.errors import CheckFailedError, StoreError, UsageError
from taskloom.registry.isolate import load_target
from taskloom.report.write import require_extra
from taskloom.runs.run import open_run

from taskloom_hci.errors import HciError
from taskloom_hci.fitting.checks import Replicated
from taskloom_hci.fitting.decisions import decisions_of
from taskloom_hci.fitting.fitted import fitted_people, require_name, save_fit
from taskloom_hci.fitting.people import PeopleFit, fit_people, require_identified
from taskloom_hci.fitting.replays import played_again
from taskloom_hci.fitting.sources import model_class_of, read_rows, recorded_kind
from taskloom_hci.fitting.summary import CheckedFit, checked, compared, facts_of, words_of
from taskloom_hci.fitting.tables import parse_map
from taskloom_hci.models.parameters import LAPSE, UserParameter, parse_prior


def fit(
    data: Annotated[
        list[str],
        typer.Argument(metavar="DATA...", help="Runs, or files: .csv, .tsv, .npz, .jsonl."),
    ],
    *,
    user: Annotated[
        str, typer.Option("--user", help="Kinds of user to fit; by default that of the run.")
    ] = "",
    people: Annotated[
        Literal["separate", "pooled", "hierarchical"],
        typer.Option(help="Each person alone, all as one, or as members of a population."),
    ] = "separate",
    method: Annotated[
        Literal["auto", "grid", "nuts"], typer.Option(help="On a grid, or by NUTS (extra 'fit').")
    ] = "auto",
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", help="Source of a column of a table: action=choice:1>0,2>1."),
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option("--where", help="Rows of a table that count: cond==2.")
    ] = None,
    prior: Annotated[
        list[str] | None, typer.Option("--prior", help="Prior: error_rate=beta(1,19).")
    ] = None,
    lapse: Annotated[
        float, typer.Option(min=0, max=0.999, help="Probability of any action at all.")
    ] = 0.02,
    infer_lapse: Annotated[
        bool, typer.Option("--infer-lapse", help="Infer the lapse too.")
    ] = False,
    replays: Annotated[
        int, typer.Option(min=0, help="Times that the games of a run are played again; 0: never.")
    ] = 60,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="A file that ends with .npz, for users and assistants."),
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--page", help="A page with everything: a new .html file.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Root of the checks' random numbers.")] = 0,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail if a sampler is untrusted.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    store: StoreOption = None,
) -> None:
    """Fit a user model to recorded decisions, check the fit, and save it for users and assistants."""
    if out is not None:
        require_name(out)
    if page is not None:
        require_page(page)
    kinds = [kind for kind in user.split(",") if kind] or [recorded_kind(data[0], store)]
    if not kinds[0]:
        raise UsageError(f"'{data[0]}' does not say which user it is of: name one by --user.")
    if out is not None and len(kinds) > 1:
        raise UsageError(f"--out takes one fit; --user names {len(kinds)}.")
    found: list[CheckedFit] = []
    for kind in kinds:
        model_class = model_class_of(kind)
        parameters = with_priors(model_class.parameters, prior or [], infer_lapse=infer_lapse)
        rows = read_rows(
            data, model_class, sources=parse_map(mapping or []), conditions=where or [], store=store
        )
        decisions, model = decisions_of(rows, model_class)
        done = fit_people(
            decisions, model.lapsing(lapse), parameters, mode=people, method=method, seed=seed
        )
        require_identified(done)
        told = checked(kind, done, decisions, method=method, seed=seed)
        again = _again(data, store, kind, done, replays=replays, seed=seed)
        found.append(replace(told, replicated=(*told.replicated, *again)))
    apart = list(compared(found)) if len(found) > 1 else []
    lines = [line for done in found for line in words_of(done)] + apart
    if as_json:
        typer.echo(json.dumps([facts_of(done) for done in found], indent=2))
    else:
        typer.echo("\n".join(lines))
    if out is not None:
        save_fit(out, fitted_people(found[0].fit, kinds[0], seed), facts_of(found[0]))
        typer.echo(f"fit: {out} (and {out.with_suffix('.json').name})", err=as_json)
    if page is not None:
        draw: Any = load_target("taskloom_hci.report.fit:write_page")
        draw(page, [facts_of(done) for done in found], apart)
        typer.echo(f"page: {page}", err=as_json)
    untrusted = [kind for kind, done in zip(kinds, found, strict=True) if _untrusted(done)]
    if strict and untrusted:
        raise CheckFailedError(f"The samples of {', '.join(untrusted)} are untrusted; see above.")


def require_page(page: Path) -> None:
    """Raise unless a page can be written there.

    Raises:
        MissingExtraError: What draws pages is not installed.
        UsageError: It has another ending.
        StoreError: Its folder does not exist.
    """
    require_extra()
    if page.suffix != ".html":
        raise UsageError(f"--page takes a file that ends with .html, not '{page.name}'.")
    if not page.parent.is_dir():
        raise StoreError(f"The folder '{page.parent}' of --page does not exist.")


def with_priors(
    parameters: tuple[UserParameter, ...], words: list[str], *, infer_lapse: bool = False
) -> tuple[UserParameter, ...]:
    """Return parameters with the priors that words such as `error_rate=beta(1,19)` name.

    Raises:
        HciError: If one names no parameter or no prior.
    """
    every = {item.name: item for item in (*parameters, *((LAPSE,) if infer_lapse else ()))}
    for word in words:
        name, _, text = word.partition("=")
        if name not in every:
            raise HciError(f"--prior {word}: '{name}' is none of {', '.join(every)}.")
        every[name] = every[name].believing(parse_prior(text))
    return tuple(every.values())


def _again(
    data: list[str], store: Path | None, kind: str, done: PeopleFit, *, replays: int, seed: int
) -> list[Replicated]:
    """Return the statistics of the games of a run played again; none for tables, files and several people."""
    if len(data) > 1 or not recorded_kind(data[0], store) or len(done.people) > 1:
        return []
    run = open_run(data[0], store)
    belief, lapse = done.beliefs[0], done.model.lapse
    return played_again(run, kind, belief, lapse=lapse, repetitions=replays, seed=seed)


def _untrusted(done: CheckedFit) -> bool:
    return done.fit.trust is not None and bool(done.fit.trust.problems())
