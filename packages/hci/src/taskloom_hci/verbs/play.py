"""`tasks hci play`: be the user, in a terminal or in a browser."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from taskloom.bound import BoundTask

if TYPE_CHECKING:
    from taskloom_hci.bundle.bundle import Bundle
    from taskloom_hci.config import HciConfig
    from taskloom_hci.task import InteractionTask

WORDS_TO_STOP = {"q", "quit", "exit"}


def play(
    task: BoundTask[InteractionTask, HciConfig],
    *,
    games: Annotated[int, typer.Option("--games", min=1, help="Games to play.")] = 1,
    browser: Annotated[
        bool, typer.Option("--browser", help="Play in a browser of this machine; it is a run.")
    ] = False,
    show_belief: Annotated[
        bool, typer.Option("--show-belief", help="In a browser: show what the assistant believes.")
    ] = False,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port on 127.0.0.1.")] = 0,
    store: Annotated[
        Path | None, typer.Option("--store", help="Run store (else TASKS_STORE, else ./runs).")
    ] = None,
) -> None:
    """Play a task yourself: you are the user, the assistant is the one of the task."""
    if browser:
        from taskloom_hci.study.play import play_in_browser  # gymnasium is heavy

        name = task.name.partition("/")[2]
        run = play_in_browser(name, task.config, games, belief=show_belief, port=port, store=store)
        typer.echo(f"{run.id}: {run.record.summary}")
        return
    from taskloom_hci.driver import pair  # gymnasium is heavy

    bundle = pair(task.task, task.config, task.config.seed)
    try:
        for _ in range(games):
            if not _game(bundle):
                typer.echo("stopped")
                return
    finally:
        bundle.close()


def _game(bundle: Bundle) -> bool:
    """Play one episode with actions from the standard input; return whether it came to an end."""
    bundle.reset(go_to=1)
    user = bundle.user
    if user is None:
        return False
    total = 0.0
    # The person at the terminal is the user now, so the user's secrets are theirs.
    secret = ", ".join(f"{name} = {value}" for name, value in user.state.items())
    typer.echo(f"you know: {secret or 'nothing but what you see'}")
    typer.echo(f"actions: {user.policy.element.space}; q stops")
    while not bundle.over:
        typer.echo(bundle.render())
        line = sys.stdin.readline()
        if not line or line.strip().lower() in WORDS_TO_STOP:
            return False
        try:
            result = bundle.step(
                user_action=[float(word) for word in line.replace(",", " ").split()], go_to=1
            )
        except ValueError as error:  # no number, or none that fits the game
            typer.echo(f"not possible: {error}")
            continue
        total += result.reward
    typer.echo(
        f"{'done' if bundle.is_done else 'cut off'} after {bundle.round_index + bundle.is_done} rounds, return {total:g}"
    )
    return True
