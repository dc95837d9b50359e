"""The packages that `tasks new` makes: a task, a component, a domain."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from taskloom import __version__
from taskloom.errors import TaskloomError, UsageError
from taskloom.own import FIRST_PARTY
from taskloom.params.tree import NO_COMPONENT
from taskloom.registry.components import component_refs
from taskloom.registry.discovery import domain_names
from taskloom.registry.entries import DomainEntry
from taskloom.registry.resolve import find_domain, find_task
from taskloom.registry.suggest import did_you_mean
from taskloom.scaffold.project import HERE, UNSAFE, check_name, class_name_of, module_of, named
from taskloom.scaffold.use import command_with

_CLASS = "class"
# A task of one file is of the domain `file`, one of a notebook of `cell`; the others are words of `tasks new` itself.
_RESERVED = ("file", "cell", "component", "domain")


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A package to write.

    Attributes:
        templates: The folder of its templates.
        values: What stands for each `$name` in them.
        copied: Files that go into it as they are.
        then: The command that shows what was made.
    """

    templates: Path
    values: Mapping[str, str]
    copied: tuple[Path, ...] = field(default=())
    then: str = ""


def task_blueprint(domain: str, name: str, summary: str, source: str, form: str = "") -> Blueprint:
    """Return the package of a task in the form of its domain's protocol.

    Args:
        domain: The domain.
        name: The task's name.
        summary: One sentence.
        source: What the task is made around: `module:Class`, or a file; empty for none.
        form: Which of the forms that the domain writes around such a file; empty where there is but one.

    Raises:
        UsageError: The name is taken or none, or the domain makes no task around such a source.
    """
    home = find_domain(domain)
    check_name(name, "task")
    _refuse_taken(domain, name)
    values = named(name, module_of(domain, name), summary) | _requirement(home)
    values |= {
        "domain": domain,
        "group": "taskloom.tasks",
        "entry": f"{domain}.{name}",
    }
    then = f"tasks run {domain} {name} --help"
    if form:
        return _in_form(home, form, source, values, then)
    if not source:
        templates = _templates_of(home).get("task", HERE / "task")
        return _blueprint(templates, "task", values, then)
    module, colon, attribute = source.partition(":")
    if colon and attribute.isidentifier() and all(map(str.isidentifier, module.split("."))):
        values |= {"from_module": module, "from_name": attribute}
        return _blueprint(HERE / _CLASS, "task", values, then)
    return _around_file(home, Path(source), values, then)


def component_blueprint(place: str, name: str, summary: str) -> Blueprint:
    """Return the package of a component, by the domain's template or around the first component of its kind.

    Args:
        place: `DOMAIN.KIND`: `anomaly.detectors`.
        name: The component's name, which is its `kind`.
        summary: One sentence.

    Raises:
        UsageError: There is no such kind, or the name is taken or none.
    """
    domain, _, kind = place.partition(".")
    home = find_domain(domain)
    kinds = {group.rpartition(".")[2]: group for group in home.ref.components}
    if kind not in kinds:
        known = ", ".join(f"{domain}.{word}" for word in kinds) or "none"
        raise UsageError(
            f"'{place}' is no kind of component; there are: {known}", hint=did_you_mean(kind, kinds)
        )
    check_name(name, "component")
    group = kinds[kind]
    others = component_refs(group)
    if name == NO_COMPONENT:
        raise UsageError(f"'{name}' leaves a component out, so none can have that name")
    if name in [ref.name for ref in others]:
        raise UsageError(f"'{name}' is a component of '{group}' already")
    values = named(name, module_of(domain, name), summary) | _requirement(home)
    values |= {
        "domain": domain,
        "group": group,
        "entry": name,
    }
    then = command_with(domain, group, name)
    templates = _templates_of(home).get(kind)
    if templates is None:
        if not others:
            raise UsageError(f"'{group}' has neither a template nor a component to begin with")
        module, _, attribute = others[0].target.partition(":")
        values |= {"from_module": module, "from_name": attribute, "from_kind": others[0].name}
        templates = HERE / "component"
    return _blueprint(templates, "component", values, then)


def domain_blueprint(name: str, summary: str) -> Blueprint:
    """Return the package of a domain.

    Raises:
        UsageError: The name is taken, or none.
    """
    check_name(name, "domain")
    if name in domain_names() or name in FIRST_PARTY:
        raise UsageError(f"the domain '{name}' exists already")
    if name in _RESERVED:
        raise UsageError(f"'{name}' is a word of taskloom's own, so no domain can have that name")
    module = module_of("taskloom", name)
    values = named(name, module, summary) | {
        "requires": f"taskloom-core>={__version__}",
        "group": "taskloom.domains",
        "entry": name,
        "target": f"{module}.domain:DOMAIN",
        "class_name": class_name_of(name, HERE / "domain"),
    }
    return Blueprint(HERE / "domain", values, then=f"tasks list {name}")


def _in_form(
    home: DomainEntry, form: str, source: str, values: dict[str, str], then: str
) -> Blueprint:
    """Return the package of a task in one of the forms of a domain, around a file or the domain's example of one.

    Raises:
        UsageError: The domain has no such form, or does not write it around such a file.
    """
    templates = _templates_of(home)
    forms = {word.partition("-")[2]: word for word in templates if "-" in word}
    if form not in forms:
        known = ", ".join(forms) or "none"
        raise UsageError(
            f"the domain '{home.ref.name}' has no form '{form}' of a task; there are: {known}",
            hint=did_you_mean(form, forms),
        )
    folder = templates[forms[form]]
    suffix = forms[form].partition("-")[0]
    path = Path(source) if source else folder.with_name(f"example.{suffix}")
    if path.suffix.lower() != f".{suffix}":
        raise UsageError(f"the form '{form}' is written around a .{suffix} file, not '{path}'")
    return _around_file(home, path, values, then, folder)


def _around_file(
    home: DomainEntry,
    path: Path,
    values: dict[str, str],
    then: str,
    folder: Path | None = None,
) -> Blueprint:
    suffix = path.suffix.lower().lstrip(".")
    templates = _templates_of(home)
    forms = [word.partition("-")[2] for word in templates if word.startswith(f"{suffix}-")]
    if folder is None and forms:
        raise UsageError(
            f"a task around '{path.name}' has one of these forms: {', '.join(forms)}; choose it with --form"
        )
    if folder is None and suffix not in templates:
        known = "".join(f", or a .{word} file" for word in templates if _is_suffix(word, home))
        raise UsageError(
            f"the domain '{home.ref.name}' makes no task from '{path}'; it takes module:Class{known}"
        )
    if not path.is_file():
        raise UsageError(f"there is no file '{path}'")
    values |= {"file": path.name, "column": _first_column(path) if suffix == "csv" else ""}
    if UNSAFE.search(values["file"] + values["column"]):
        raise UsageError(f"rename '{path.name}' or its first column: a quotation mark ends a text")
    return _blueprint(folder or templates[suffix], "task", values, then, (path,))


def _blueprint(
    templates: Path, module: str, values: dict[str, str], then: str, copied: tuple[Path, ...] = ()
) -> Blueprint:
    """Return the package whose class stands in the module `module`."""
    class_name = class_name_of(values["name"], templates)
    values |= {"class_name": class_name, "target": f"{values['module']}.{module}:{class_name}"}
    return Blueprint(templates, values, copied, then)


def _first_column(path: Path) -> str:
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as lines:
        return next(iter(next(csv.reader(lines), [])), "")


def _is_suffix(word: str, home: DomainEntry) -> bool:
    kinds = [group.rpartition(".")[2] for group in home.ref.components]
    return word != "task" and "-" not in word and word not in kinds


def _templates_of(home: DomainEntry) -> dict[str, Path]:
    """Return the domain's folders of templates by name: `task`, each kind of component, and suffixes of files."""
    package, _, folder = home.ref.scaffold.partition("/")
    spec = find_spec(package) if package else None
    if spec is None or not spec.origin:
        return {}
    root = Path(spec.origin).parent / folder
    return {path.name: path for path in sorted(root.iterdir()) if path.is_dir()}


def _requirement(home: DomainEntry) -> dict[str, str]:
    try:
        return {"requires": f"{home.distribution}>={version(home.distribution)}"}
    except PackageNotFoundError:  # a folder on the path that no installer put there
        return {"requires": f"taskloom-core>={__version__}"}


def _refuse_taken(domain: str, name: str) -> None:
    try:
        found = find_task(domain, name)
    except TaskloomError:
        return
    raise UsageError(f"'{domain} {name}' exists already, in {found.distribution}")
