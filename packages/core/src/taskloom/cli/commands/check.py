"""`tasks check DOMAIN TASK`: construct the task and let it check itself; nothing is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import typer

from taskloom.cli.annotations import AsJson, ConfigFiles
from taskloom.cli.output import print_json
from taskloom.cli.task_command import Invocation
from taskloom.errors import CheckFailedError
from taskloom.params.layers import Resolved
from taskloom.task import Finding


def check(
    invocation: Invocation,
    *,
    config: ConfigFiles = [],  # noqa: B006 -- Typer only reads it
    as_json: AsJson = False,
) -> None:
    """Construct a task and let it check itself."""
    resolved = invocation.resolve(config)
    for note in resolved.notes:
        typer.echo(f"note: {note}", err=True)
    check_config(invocation, resolved, as_json=as_json)


def check_config(
    invocation: Invocation,
    resolved: Resolved,
    *,
    as_json: bool,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Print what a task finds of one config; as JSON with more beside it.

    Raises:
        CheckFailedError: It found an error.
    """
    from taskloom.lifecycle.lifecycle import check_task_instance

    findings = list(check_task_instance(invocation.loaded, resolved.config))
    entry = invocation.loaded.entry
    errors = [item for item in findings if item.level == "error"]
    if as_json:
        rows = [{"level": item.level, "message": item.message} for item in findings]
        document = {
            "domain": entry.domain,
            "task": entry.ref.name,
            "ok": not errors,
            "findings": rows,
            **more,
        }
        print_json(document)
    else:
        _print(f"{entry.domain} {entry.ref.name}", findings)
    if errors:
        raise CheckFailedError(
            f"{entry.domain} {entry.ref.name} would not run: {errors[0].message}"
        )


def _print(name: str, findings: Sequence[Finding]) -> None:
    for item in findings:
        typer.echo(f"{item.level}: {item.message}")
    if not any(item.level == "error" for item in findings):
        typer.echo(f"{name}: ok")
