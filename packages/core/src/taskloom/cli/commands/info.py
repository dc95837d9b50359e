"""`tasks info DOMAIN TASK`: what a task is, takes and needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from taskloom.cli.annotations import AsJson, ConfigFiles
from taskloom.cli.offers import offered
from taskloom.cli.output import print_json
from taskloom.cli.task_command import Invocation
from taskloom.errors import ConfigError, TaskloomError, UsageError
from taskloom.params.schema import json_schema
from taskloom.params.tree import Parameter, walk


def info(
    invocation: Invocation,
    *,
    config: ConfigFiles = [],  # noqa: B006 -- Typer only reads it
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of the config.")
    ] = False,
    toml: Annotated[
        bool, typer.Option("--toml", help="Print a config file to edit, as TOML.")
    ] = False,
    yaml: Annotated[
        bool, typer.Option("--yaml", help="Print a config file to edit, as YAML.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a task is, takes and needs."""
    if schema + toml + yaml + as_json > 1:
        raise UsageError("--schema, --toml, --yaml and --json exclude each other")
    if schema:
        print_json(json_schema(invocation.loaded.config_class))
        return
    loaded = invocation.loaded
    parameters = [offered(loaded, item) for item in walk(loaded.config_class, invocation.chosen)]
    if toml or yaml:
        from taskloom.cli.commands.info_template import toml_template, yaml_template

        render = toml_template if toml else yaml_template
        typer.echo(render(invocation.resolve(config).config, parameters), nl=False)
        return
    facts = _facts(invocation)
    facts["can"], facts["describes"] = _described(invocation, config)
    if as_json:
        print_json(facts | {"parameters": [_as_json(parameter) for parameter in parameters]})
    else:
        _print(facts, parameters)


def _facts(invocation: Invocation) -> dict[str, Any]:
    from importlib.metadata import PackageNotFoundError, metadata

    entry = invocation.loaded.entry
    try:
        found = metadata(entry.distribution)
        version = found["Version"]
        licences = [*(found.get_all("License-Expression") or ()), *(found.get_all("License") or ())]
        needs = [text for text in found.get_all("Requires-Dist") or [] if "extra ==" not in text]
    except PackageNotFoundError:
        version, licences, needs = "", [], []
    return {
        "domain": entry.domain,
        "task": entry.ref.name,
        "summary": entry.ref.summary,
        "version": entry.ref.version,
        "distribution": f"{entry.distribution} {version}".strip(),
        "licence": licences[0] if licences else "",
        "source": entry.ref.target,
        "config": f"{invocation.loaded.config_class.__module__}:{invocation.loaded.config_class.__qualname__}",
        "needs": needs,
    }


def _described(invocation: Invocation, files: Sequence[Path]) -> tuple[list[str], dict[str, Any]]:
    """Return the abilities of the task and its own facts; of a task that cannot be made here there are none."""
    from taskloom.lifecycle.lifecycle import construct
    from taskloom.task import Checkable

    try:
        config = invocation.resolve(files).config
    except ConfigError:
        if invocation.values or files:
            raise
        return [], {}  # it has parameters without a default, and none was given
    try:
        bound = construct(invocation.loaded, config)
    except TaskloomError as error:
        return [], {"cannot be constructed": error.message}
    can = ["check itself"] * (bound.driver is not None or isinstance(bound.task, Checkable))
    can += ["resume"] * bound.can_resume()
    try:
        return can, bound.describe()
    except Exception as error:  # whatever a task's own description raises
        return can, {"cannot be described": f"{type(error).__name__}: {error}"}


def _as_json(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.path,
        "type": parameter.type,
        "default": parameter.default,
        "bounds": list(parameter.bounds),
        "unit": parameter.unit,
        "help": parameter.help,
        "choices": list(parameter.choices),
        "component": parameter.is_component,
    }


def _print(facts: dict[str, Any], parameters: list[Parameter]) -> None:
    typer.echo(f"{facts['domain']} {facts['task']}: {facts['summary']}\n")
    for name in ("version", "distribution", "licence", "source", "config"):
        if facts[name]:
            typer.echo(f"{name:<13} {facts[name]}")
    if facts["can"]:
        typer.echo(f"{'can':<13} {', '.join(facts['can'])}")
    for index, text in enumerate(facts["needs"]):
        typer.echo(f"{'' if index else 'needs':<13} {text}")
    if facts["describes"]:
        typer.echo("\nThe task says of itself:")
        for key, value in facts["describes"].items():
            typer.echo(f"  {key}: {value}")
    places = [parameter for parameter in parameters if parameter.is_component and parameter.choices]
    if places:
        typer.echo("\nComponents:")
        for parameter in places:
            typer.echo(
                f"  {parameter.path}: {', '.join(parameter.choices)}  (default {parameter.default})"
            )
    command = f"{facts['domain']} {facts['task']}"
    typer.echo(f"\nEvery parameter:  tasks run {command} --help")
    typer.echo(f"A file to edit:   tasks info {command} --toml > config.toml")
