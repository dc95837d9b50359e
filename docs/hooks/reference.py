"""Pages of reference, made from the installed packages whenever the documentation is built.

mkdocs calls `on_files`; nothing generated is committed, so nothing can fall behind the code. Only names, configs and
docstrings are read: no back-end is imported.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from taskloom.cli import main
from taskloom.cli.table import COMMANDS, Command
from taskloom.params import walk
from taskloom.registry import (
    FIRST_PARTY,
    component_refs,
    find_domain,
    load_component,
    load_task,
    tasks_of,
)

sys.path.insert(
    0, str(Path(__file__).parent)
)  # mkdocs loads a hook by its path; its neighbours are not on Python's

from notebooks import pages as notebook_pages

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from taskloom.params import Parameter

_MODULES = (
    "taskloom",
    "taskloom.params",
    "taskloom.runs",
    "taskloom.devices",
    "taskloom.report",
    "taskloom.report.charts",
    "taskloom.statistics",
    "taskloom.headline",
    "taskloom.outcome",
    "taskloom.wording",
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
    pages = {domain: "\n".join(tasks_page(domain)) for domain in FIRST_PARTY}
    return {
        "reference/commands.md": "\n".join(commands_page()),
        **{f"reference/{domain}.md": text for domain, text in pages.items()},
        "reference/api.md": "\n".join(api_page()),
        **notebook_pages(),
    }


def commands_page() -> Iterator[str]:
    """Yield the page of commands: the help of each."""
    yield "# Commands\n"
    for words in _command_lines(COMMANDS):
        # In this process: an interpreter for each of forty commands costs more than the rest of the site.
        with contextlib.redirect_stdout(io.StringIO()) as out:
            code = main([*words, "--help"])
        if code:
            raise SystemExit(f"tasks {' '.join(words)} --help ended with {code}")
        yield f"## tasks {' '.join(words)}\n\n```text\n{out.getvalue().strip()}\n```\n"


def tasks_page(domain: str) -> Iterator[str]:
    """Yield the page of a domain: the parameters of its tasks, and of the components that each group offers."""
    ref = find_domain(domain).ref
    yield f"# Tasks and components of {domain}\n\n{ref.summary}\n"
    for entry in tasks_of(domain):
        yield f"## {domain} {entry.ref.name}\n\n{entry.ref.summary} Version {entry.ref.version}.\n"
        yield from _parameters(walk(load_task(entry).config_class))
    for group in ref.components:
        yield f"## Group `{group}`\n"
        for component in component_refs(group):
            anchor = f"{group.replace('.', '-')}-{component.name}"
            yield f"### {component.name} {{ #{anchor} }}\n\n{component.summary}\n"
            yield from _parameters(walk(load_component(group, component.name)))


def api_page() -> Iterator[str]:
    """Yield the page of public names: a line of mkdocstrings for each, which reads the sources and imports nothing."""
    yield "# Python API\n"
    for module_name in _MODULES:
        module = import_module(module_name)
        yield f"## `{module_name}`\n\n{_first_paragraph(module)}\n"
        for name in _public(module_name):
            found = getattr(module, name)
            # `taskloom.runs` is a module that can be called.
            place = f"{module_name}.listing.runs" if inspect.ismodule(found) else ""
            if place or inspect.isclass(found) or inspect.isfunction(found):
                yield f"::: {place or f'{module_name}.{name}'}\n"


def _public(module_name: str) -> list[str]:
    module = import_module(module_name)
    if hasattr(module, "__all__"):
        return [name for name in module.__all__ if not name.startswith("_")]
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
    yield "| Parameter | Default | What it is |"
    yield "| --- | --- | --- |"
    for parameter in shown:
        # Spaces around the bars let a long choice wrap; the backslash keeps them out of the table's own.
        kind = parameter.type.replace("|", " \\| ")
        unit = f"[{parameter.unit}]" if parameter.unit else ""
        facts = ", ".join(fact for fact in (kind, *parameter.bounds, unit) if fact)
        # A bracket would begin the name of another page.
        text = f"{parameter.help} *{facts}*".strip().replace("[", "\\[")
        default = f"`{parameter.default}`" if parameter.default else ""
        yield f"| `--{parameter.path}` | {default} | {text} |"
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
