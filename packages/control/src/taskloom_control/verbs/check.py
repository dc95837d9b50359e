"""`tasks control check`: look for mistakes in a task."""

from __future__ import annotations

import json
from typing import Annotated, Any, cast

import typer
from taskloom.errors import CheckFailedError, UsageError
from taskloom.opening import open_task


def check(
    task: Annotated[str, typer.Argument(help="Name of a control task, shipped or of a plugin.")],
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look for mistakes in a task: shapes, numbers, order of rollouts, engines, determinism, gymnasium."""
    from taskloom_control.closed_loop.checks import all_findings  # MuJoCo is heavy

    bound = open_task(f"control/{task}")
    if bound.driver is None:
        raise UsageError(f"The task '{task}' runs itself, so there is nothing here to check.")
    findings = list(all_findings(cast("Any", bound)))
    if json_output:
        typer.echo(
            json.dumps([{"level": f.level, "message": f.message} for f in findings], indent=1)
        )
    else:
        for finding in findings:
            typer.echo(f"{finding.level}: {finding.message}")
    failed = sum(finding.level == "error" for finding in findings)
    if failed:
        raise CheckFailedError(f"The task '{task}' fails {failed} of {len(findings)} checks.")
