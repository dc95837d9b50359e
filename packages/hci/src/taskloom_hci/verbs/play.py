"""`tasks hci play`: be the user, in a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from taskloom_hci.verbs.game import game

if TYPE_CHECKING:
    from taskloom_hci.bundle.bundle import Bundle

WORDS_TO_STOP = {"q", "quit", "exit"}


def play(
    task: Annotated[str, typer.Argument(help="The task, such as `pointing`.")],
    param: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=VALUE", help="A parameter of the task."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Root of all random numbers.")] = 0,
    episodes: Annotated[int, typer.Option("--episodes", min=1, help="How many episodes.")] = 1,
) -> None:
    """Play a task yourself: you are the user, the assistant is the one of the task."""
    bundle = game(task, param or (), seed)
    try:
        for _ in range(episodes):
            if not _episode(bundle):
                typer.echo("stopped")
                return
    finally:
        bundle.close()


def _episode(bundle: Bundle) -> bool:
    """Play one episode with actions from the standard input; return whether it came to an end."""
    from taskloom_hci.errors import HciError

    bundle.reset(go_to=1)
    user = bundle.user
    if user is None:
        return False
    total = 0.0
    # What only the user knows is told to the person who is the user now.
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
        except (HciError, ValueError) as error:
            typer.echo(f"not possible: {error}")
            continue
        total += result.reward
    typer.echo(
        f"{'done' if bundle.is_done else 'cut off'} after {bundle.round_index + bundle.is_done} rounds, return {total:g}"
    )
    return True
