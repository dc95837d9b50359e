"""`tasks list`: domains and tasks, one line each, broken plugins included.

Reads names and manifests only, and is called before Typer is imported.
"""

from __future__ import annotations

import sys
from typing import Any

from taskloom.cli.output import print_json
from taskloom.registry.discovery import broken_plugins, installed_domains, tasks_of
from taskloom.registry.resolve import find_domain


def list_tasks(domain: str | None = None, as_json: bool = False) -> None:
    """Print the domains and their tasks.

    Args:
        domain: Only this one.
        as_json: Print one JSON document.
    """
    entries = [find_domain(domain)] if domain else installed_domains()
    tasks = {entry.ref.name: tasks_of(entry.ref.name) for entry in entries}
    broken = [item for item in broken_plugins() if domain in (None, item.name.partition(".")[0])]
    if as_json:
        document = {
            "domains": [_domain(entry, tasks[entry.ref.name]) for entry in entries],
            "broken": [
                {"name": item.name, "distribution": item.distribution, "error": item.error}
                for item in broken
            ],
        }
        print_json(document)
        return
    names = [task.ref.name for found in tasks.values() for task in found]
    width = max((len(name) for name in [*names, *tasks]), default=0) + 2
    lines = []
    for entry in entries:
        lines.append(f"{entry.ref.name:<{width + 2}}{entry.ref.summary}")
        lines += [f"  {task.ref.name:<{width}}{task.ref.summary}" for task in tasks[entry.ref.name]]
    lines += [
        f"{item.name}  broken ({item.distribution}): {' '.join(item.error.split())}"
        for item in broken
    ]
    if not lines:
        lines = ["No domain is installed: pip install 'taskloom[anomaly]', for one."]
    sys.stdout.write("\n".join(lines) + "\n")


def _domain(entry: Any, tasks: list[Any]) -> dict[str, Any]:  # noqa: ANN401 -- Typer's own classes
    ref = entry.ref
    return {
        "name": ref.name,
        "summary": ref.summary,
        "distribution": entry.distribution,
        "tasks": [
            {
                "name": task.ref.name,
                "summary": task.ref.summary,
                "version": task.ref.version,
                "distribution": task.distribution,
            }
            for task in tasks
        ],
        "verbs": [{"name": verb.name, "summary": verb.summary} for verb in ref.verbs],
    }
