"""The public surface of core is one page: what may be imported from where, and that it is documented."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest
import taskloom

PUBLIC = {
    "taskloom": {
        "BoundTask", "Checkable", "Command", "Component", "ComponentRef", "Config", "Describable", "DomainRef", "Driver", "ExecutionOnly", "Finding",
        "InputPath", "JsonValue", "OneOf", "OutputPath", "Progress", "Report", "Resources", "Result", "Resumable", "Run", "RunContext", "RunOptions", "RunRef", "Runs", "Secret", "Study", "Sweep", "Task", "TaskFactory",
        "TaskInfo", "TaskRef", "Unit", "VerbRef", "derive_seed", "info", "list_tasks", "open_run", "open_task", "read_duration", "run", "runs", "study", "sweep", "task_of",
        "write_duration",
    },
    "taskloom.registry": {
        "Broken", "ComponentRef", "DomainEntry", "DomainRef", "FIRST_PARTY", "LoadedTask", "ShortNamesRef", "TaskEntry", "TaskRef",
        "VerbRef", "audit_plugins", "broken_components", "broken_plugins", "closest", "component_refs", "did_you_mean",
        "find_domain", "find_task", "freeze", "installed_domains", "load_component", "load_components", "load_target",
        "load_task", "refresh", "tasks_of",
    },
    "taskloom.report": {
        "Block", "Chart", "Facts", "Fold", "Heading", "Html", "Image", "Table", "Text", "write_comparison",
        "write_report",
    },
    "taskloom.report.charts": {"band", "bar", "heatmap", "histogram", "line", "scatter"},
}  # fmt: skip


def documented(module_name: str) -> set[str]:
    """Return the names that a package re-exports, or that a module defines."""
    module = importlib.import_module(module_name)
    submodules = {name for name, value in vars(module).items() if inspect.ismodule(value)}
    names = (
        {name for name in vars(module) if not name.startswith("_")} - submodules - {"annotations"}
    )
    if not hasattr(module, "__path__"):
        names = {
            name
            for name in names
            if getattr(getattr(module, name), "__module__", "") == module_name
        }
    return names


def test_the_top_level_names_are_the_documented_ones() -> None:
    assert set(taskloom.__all__) - {"__version__"} == PUBLIC["taskloom"]
    assert len(taskloom.__all__) <= 60
    assert set(dir(taskloom)) == set(taskloom.__all__)
    for name in PUBLIC["taskloom"]:
        assert getattr(taskloom, name) is not None


@pytest.mark.parametrize("module", sorted(set(PUBLIC) - {"taskloom"}))
def test_a_package_exports_the_documented_names(module: str) -> None:
    found = {name for name in documented(module) if name not in ("Callable", "Rows")}
    assert found == PUBLIC[module]


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        taskloom.Nothing  # noqa: B018 -- the access is the test


@pytest.mark.parametrize("module", sorted(PUBLIC))
def test_every_public_name_has_a_docstring(module: str) -> None:
    for name in PUBLIC[module]:
        found = getattr(importlib.import_module(module), name)
        if inspect.isclass(found) or inspect.isfunction(found):
            assert inspect.getdoc(found), f"{module}.{name}"


def test_importing_the_package_costs_no_pydantic() -> None:
    code = "import sys, taskloom, taskloom.registry; taskloom.Result, taskloom.TaskRef, taskloom.Run, taskloom.RunOptions; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_package_is_marked_as_typed() -> None:
    assert (Path(taskloom.__file__).parent / "py.typed").exists()
