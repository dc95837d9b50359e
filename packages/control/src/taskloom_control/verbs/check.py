"""`tasks control check`: look for mistakes in a task."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from taskloom.errors import CheckFailedError

if TYPE_CHECKING:
    from taskloom.bound import BoundTask

    from taskloom_control.config import ControlConfig
    from taskloom_control.task import ControlTask


def check(
    task: BoundTask[ControlTask[Any], ControlConfig],
    *,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look for mistakes in a task: shapes, numbers, order of rollouts, engines, determinism, gymnasium."""
    from taskloom_control.closed_loop.checks import all_findings  # MuJoCo is heavy

    findings = list(all_findings(task))
    if json_output:
        typer.echo(
            json.dumps([{"level": f.level, "message": f.message} for f in findings], indent=1)
        )
    else:
        for finding in findings:
            typer.echo(f"{finding.level}: {finding.message}")
    failed = sum(finding.level == "error" for finding in findings)
    if failed:
        name = task.name.partition("/")[2]
        raise CheckFailedError(f"The task '{name}' fails {failed} of {len(findings)} checks.")
