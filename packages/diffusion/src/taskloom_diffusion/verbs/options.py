"""Options that several verbs share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer
from taskloom.errors import UsageError
from taskloom.registry.components import load_component
from taskloom.registry.suggest import did_you_mean

if TYPE_CHECKING:
    from taskloom_diffusion.time_samplers.base import TimeSampler

NumSamples: TypeAlias = Annotated[int, typer.Option("--num", min=1, help="Sequences.")]
Seed: TypeAlias = Annotated[int, typer.Option(min=0, help="Root of the random streams.")]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Levels: TypeAlias = Annotated[
    str, typer.Option("--time-sampler", help="Levels of the bound; those of least variance if empty. Biased ones are refused.")
]  # fmt: skip


def _uncut(value: str) -> str:
    """Refuse another word than the two that there are.

    Raises:
        UsageError: The closest one is in the message.
    """
    if value not in UNCUT:
        near = did_you_mean(value, UNCUT)
        raise UsageError(
            f"--uncut '{value}' is neither leave_out nor refuse{'; ' * bool(near)}{near}"
        )
    return value


UNCUT = ("leave_out", "refuse")
Uncut: TypeAlias = Annotated[
    str, typer.Option(callback=_uncut, help="Lines that the model has no tokens for: leave_out, or refuse.")
]  # fmt: skip


def _overridden(context: typer.Context, value: list[str] | None) -> list[str]:
    """Refuse the old spelling, and return the parameters of the record that the command line sets.

    Raises:
        UsageError: `--with` was used; the message has today's spelling.
    """
    if value:
        now = " ".join(f"--sampler.{setting}" for setting in value)
        raise UsageError(f"'--with {value[0]}' is now spelt '{now}'.")
    invocation = getattr(context.command, "invocation", None)  # a command that has no run has none
    return [] if invocation is None else list(invocation.values)


Overridden: TypeAlias = Annotated[
    list[str] | None, typer.Option("--with", hidden=True, callback=_overridden)
]
"""Paths of the recorded parameters that the command line sets. The option that carries them is the old spelling of
`--sampler.name=value`, which is refused: a verb sees the resolved config only, not who had the last word on a value."""


def is_set(field: str, overridden: list[str] | None) -> bool:
    """Return whether the command line sets a field of the config, or a part of it."""
    return any(path == field or path.startswith(f"{field}.") for path in overridden or ())


def levels_called(name: str) -> TimeSampler | None:
    """Return the time sampler of a name; None for no name.

    Raises:
        UnknownNameError: There is none of this name.
    """
    if not name:
        return None
    component: Any = load_component("taskloom_diffusion.time_samplers", name)
    made: TimeSampler = component()
    return made
