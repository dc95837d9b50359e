"""`tasks new`: a plugin package with a test that passes, for a task, a component, or a domain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from taskloom.cli.table import COMMANDS
from taskloom.errors import UsageError
from taskloom.scaffold.kinds import (
    Blueprint,
    component_blueprint,
    domain_blueprint,
    task_blueprint,
)
from taskloom.scaffold.project import write_project


def new(
    what: Annotated[
        str,
        typer.Argument(
            metavar="DOMAIN", help="The domain of a new task; or `component`, or `domain`."
        ),
    ],
    name: Annotated[
        str, typer.Argument(help="The task's name; the kind `DOMAIN.KIND`; or the domain's name.")
    ],
    component: Annotated[
        str, typer.Argument(metavar="COMPONENT", help="The component's name.")
    ] = "",
    *,
    summary: Annotated[str, typer.Option("--summary", help="One sentence for listings.")] = "",
    source: Annotated[
        str,
        typer.Option(
            "--from", metavar="FILE", help="Make the task around a file, or around `module:Class`."
        ),
    ] = "",
    form: Annotated[
        str,
        typer.Option(
            "--form", metavar="FORM", help="The form of the task, where there are several."
        ),
    ] = "",
    into: Annotated[
        Path, typer.Option("--into", metavar="DIR", help="Make the package's folder in this one.")
    ] = Path(),
) -> None:
    """Make a plugin package with a passing test."""
    if form:
        if component or what in ("component", "domain"):
            raise UsageError("--form is that of a task: tasks new DOMAIN NAME --form=FORM")
        blueprint = task_blueprint(what, name, summary, source, form=form)
    else:
        blueprint = _blueprint(what, name, component, summary, source)
    folder = into / blueprint.values["module"]
    write_project(folder, [blueprint.templates], blueprint.values, blueprint.copied)
    typer.echo(str(folder))
    next_ = f"cd {folder} && pip install -e . && python -m pytest -q"
    typer.echo(f"next: {next_}, then: {blueprint.then}", err=True)


def _blueprint(what: str, name: str, component: str, summary: str, source: str) -> Blueprint:
    if what == "component":
        if not component or source:
            raise UsageError("a component is made by: tasks new component DOMAIN.KIND NAME")
        return component_blueprint(name, component, summary)
    if component:
        raise UsageError(f"'{component}' is one word too many; a task is: tasks new DOMAIN NAME")
    if what != "domain":
        return task_blueprint(what, name, summary, source)
    if source:
        raise UsageError("--from makes a task, not a domain")
    if name in {command.name for command in COMMANDS}:
        raise UsageError(f"'{name}' is a command of tasks, so no domain can have that name")
    return domain_blueprint(name, summary)
