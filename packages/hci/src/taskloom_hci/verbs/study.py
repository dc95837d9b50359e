"""`tasks hci study FILE.toml`: people play in a browser, and what they do is a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from taskloom.api import run as run_task
from taskloom.errors import UsageError
from taskloom.request import RunOptions
from taskloom.runs.run import Run

from taskloom_hci.study.config import SimulationPart, StudyConfig
from taskloom_hci.study.file import read_study, settings_of
from taskloom_hci.study.going_on import has_finished, require_same_code
from taskloom_hci.study.noted import digest_of
from taskloom_hci.study.serving import require_extra


def study(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The study: a file in TOML, YAML or JSON.")
    ],
    *,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")
    ] = 0,
    store: Annotated[
        Path | None, typer.Option("--store", help="Run store (else TASKS_STORE, else ./runs).")
    ] = None,
    freeze: Annotated[
        bool, typer.Option("--freeze", help="Visits count from now on; before, they are pilots.")
    ] = False,
    links: Annotated[
        int, typer.Option("--links", min=0, max=10_000, help="Addresses for one visit each.")
    ] = 0,
    origin: Annotated[
        str, typer.Option("--origin", help="Address of a proxy in front, https://...")
    ] = "",
    durable: Annotated[
        str, typer.Option("--durable", help="fsync or write: what an answered event survives.")
    ] = "fsync",
    simulate: Annotated[
        int, typer.Option("--simulate", min=0, help="Simulated participants instead of people.")
    ] = 0,
    user: Annotated[
        str, typer.Option("--user", help="The user that simulated participants are.")
    ] = "",
    fit: Annotated[
        Path | None, typer.Option("--fit", help="A fit, whose people simulated participants are.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read the file, tell what would be served, and end.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Begin anew although the study has finished.")
    ] = False,
    accept_code: Annotated[
        bool, typer.Option("--accept-code", help="Go on although the code has changed.")
    ] = False,
) -> None:
    """Serve a study to this machine's browser until its people are done; the same command goes on after an interruption."""
    if origin and not origin.startswith(("https://", "http://")):
        raise UsageError(f"--origin is an address that begins with https://, not '{origin}'.")
    if durable not in ("fsync", "write"):
        raise UsageError(f"--durable is fsync or write, not '{durable}'.")
    config = read_study(file)
    if simulate:
        config = with_participants(config, simulate, simulated_user(user, fit))
    elif user or fit is not None:
        raise UsageError("--user and --fit are for simulated participants: add --simulate N.")
    require_extra()
    if dry_run:
        typer.echo(
            f"{len(config.condition)} conditions for {config.study.people} people, digest {digest_of(config)}"
        )
        return
    config = config.model_copy(
        update={
            "port": port,
            "links": links,
            "origin": origin.rstrip("/"),
            "durable": durable,
            "freeze": freeze,
        }
    )
    run = serve(config, store=store, force=force, accept_code=accept_code)
    typer.echo(f"{run.id}: {run.record.summary}" if run.record.summary else run.id)


def serve(
    config: StudyConfig,
    *,
    store: Path | None,
    force: bool = False,
    accept_code: bool = False,
    again: bool = False,
) -> Run:
    """Serve a study as a run, and return the run when it is over.

    Args:
        config: The study.
        store: The run store.
        force: Begin anew whatever there is.
        accept_code: Go on with a study although the code has changed.
        again: Begin anew where a run has finished; without it that is refused.
    """
    force = force or (again and has_finished(config, store))
    if not force:
        require_same_code(config, store, accept=accept_code)
    # What it prints holds the keys of the page, which no file may keep.
    options = RunOptions(store=store, force=force, accept_changes=accept_code, capture="no")
    return run_task("hci/study", config, options=options)


def simulated_user(kind: str, fit: Path | None) -> dict[str, Any]:
    """Return the user that is meant by a kind or by a fit; empty if by none of them.

    Raises:
        UsageError: Both are given.
    """
    if kind and fit is not None:
        raise UsageError(
            "--user names a kind of user and --fit people of a fit: leave one of them out."
        )
    if fit is not None:
        return {"kind": "fitted", "file": str(fit.absolute())}
    return {"kind": kind} if kind else {}


def with_participants(config: StudyConfig, people: int, user: dict[str, Any]) -> StudyConfig:
    """Return a study that simulated participants take part in: it is another than that of people."""
    if user:
        with_user(config, user)
    told = json.dumps(user) if user else ""
    return config.model_copy(update={"simulation": SimulationPart(people=people, user=told)})


def with_user(config: StudyConfig, user: dict[str, Any]) -> StudyConfig:
    """Return a study with another simulated user in every condition; people of a fit play all games of a condition.

    Raises:
        TaskloomError: There is no such user, or it does not play a task of the study.
    """
    parts = []
    for part in config.condition:
        own = {**user, "games_per_person": part.episodes} if user["kind"] == "fitted" else user
        values = {**json.loads(part.settings), "user": own}
        parts.append(part.model_copy(update={"settings": settings_of(part.task, values)[0]}))
    return config.model_copy(update={"condition": tuple(parts)})
