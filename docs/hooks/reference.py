"""Pages of reference, made from the installed packages whenever the documentation is built.

mkdocs calls `on_files`; nothing generated is committed, so nothing can fall behind the code. Only names, configs and
docstrings are read: no back-end is imported.
"""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING

import taskloom
from taskloom.cli.table import COMMANDS, Command
from taskloom.params import walk
from taskloom.registry import component_refs, installed_domains, load_component, load_task, tasks_of

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from taskloom.params import Parameter

_MODULES = (
    "taskloom",
    "taskloom.report",
    "taskloom.report.charts",
    "taskloom.testing",
    "taskloom.errors",
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, as mkdocs asks for its files."""
    from mkdocs.structure.files import File

    for path, text in generated().items():
        files.append(File.generated(config, path, content=text))
    return files


def generated() -> dict[str, str]:
    """Return every generated page by its path."""
    return {
        "reference/commands.md": "\n".join(commands_page()),
        "reference/tasks.md": "\n".join(tasks_page()),
        "reference/api.md": "\n".join(api_page()),
    }


def commands_page() -> Iterator[str]:
    """Yield the page of commands: the help of each."""
    yield "# Commands\n"
    for words in _command_lines(COMMANDS):
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys; from taskloom.cli import main; sys.exit(main())",
                *words,
                "--help",
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        yield f"## tasks {' '.join(words)}\n\n```text\n{done.stdout.strip()}\n```\n"


def tasks_page() -> Iterator[str]:
    """Yield the page of tasks: the parameters of each, and of the components that each group offers."""
    yield "# Tasks and their parameters\n"
    for domain in installed_domains():
        yield f"## {domain.ref.name}\n\n{domain.ref.summary}\n"
        for entry in tasks_of(domain.ref.name):
            yield f"### {domain.ref.name} {entry.ref.name}\n\n{entry.ref.summary} Version {entry.ref.version}.\n"
            yield from _parameters(walk(load_task(entry).config_class))
        for group in domain.ref.components:
            yield f"### Group `{group}`\n"
            for ref in component_refs(group):
                yield f"#### {ref.name} {{ #{group.replace('.', '-')}-{ref.name} }}\n\n{ref.summary}\n"
                yield from _parameters(walk(load_component(group, ref.name)))


def api_page() -> Iterator[str]:
    """Yield the page of public names with their first paragraphs."""
    yield "# Python API\n"
    for module_name in _MODULES:
        module = import_module(module_name)
        yield f"## `{module_name}`\n\n{_first_paragraph(module)}\n"
        for name in _public(module_name):
            found = getattr(module, name)
            if inspect.isclass(found) or inspect.isfunction(found):
                yield f"### `{name}{_signature(found)}` {{ #{module_name}.{name} }}\n\n{_first_paragraph(found)}\n"


def _public(module_name: str) -> list[str]:
    module = import_module(module_name)
    if module is taskloom:
        return [name for name in taskloom.__all__ if not name.startswith("_")]
    is_package = hasattr(module, "__path__")
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and (
            value.__module__ == module_name
            or (is_package and value.__module__.startswith(module_name))
        )
    ]


def _parameters(parameters: list[Parameter]) -> Iterator[str]:
    shown = [parameter for parameter in parameters if parameter.path != "kind"]
    if not shown:
        return
    yield "| Parameter | Type | Default | Limits | Unit | |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for parameter in shown:
        limits = ", ".join(parameter.bounds)
        default = (
            ""
            if parameter.default is None
            else f"`{parameter.default}`"
            if parameter.default
            else ""
        )
        kind = parameter.type.replace("|", "\\|")
        yield f"| `--{parameter.path}` | {kind} | {default} | {limits} | {parameter.unit} | {parameter.help} |"
    yield ""


def _command_lines(
    commands: tuple[Command, ...], before: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    for command in commands:
        yield (*before, command.name)
        yield from _command_lines(command.commands, (*before, command.name))


def _first_paragraph(found: object) -> str:
    text = inspect.getdoc(found) or ""
    return " ".join(text.split("\n\n")[0].split())


def _signature(found: object) -> str:
    if inspect.isclass(found) or not callable(found):
        return ""
    parameters = inspect.signature(found).parameters
    return f"({', '.join(parameters)})"
