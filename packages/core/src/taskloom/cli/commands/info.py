"""`tasks info DOMAIN TASK`: what a task is, takes and needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from taskloom.cli.annotations import AsJson, ConfigFiles
from taskloom.cli.commands.info_template import toml_template, yaml_template
from taskloom.cli.offers import left_out, offered
from taskloom.cli.output import print_json
from taskloom.cli.task_command import Invocation
from taskloom.errors import UsageError
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
        render = toml_template if toml else yaml_template
        typer.echo(render(invocation.resolve(config).config, parameters), nl=False)
        return
    # What describes a task makes it; a template and a schema do not pay for that.
    from taskloom import describing

    loaded, is_asked = invocation.loaded, bool(invocation.values or config)
    facts = describing.facts_of(loaded)
    facts["can"], facts["describes"] = describing.described(
        loaded, lambda: invocation.resolve(config).config, is_asked=is_asked
    )
    if as_json:
        print_json(
            facts | {"parameters": [describing.row_of(parameter) for parameter in parameters]}
        )
    else:
        known = walk(loaded.config_class, invocation.chosen)
        _print(facts, parameters, {item.path: left_out(loaded, item) for item in known})


def _print(
    facts: dict[str, Any],
    parameters: list[Parameter],
    left: Mapping[str, Mapping[str, Sequence[str]]],
) -> None:
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
            for name, plays in left.get(parameter.path, {}).items():
                typer.echo(f"    {name} does not fit: it plays {', '.join(plays)}")
    command = f"{facts['domain']} {facts['task']}"
    typer.echo(f"\nEvery parameter:  tasks run {command} --help")
    typer.echo(f"A file to edit:   tasks info {command} --toml > config.toml")
