"""`tasks new DOMAIN NAME`: a plugin package of three files, with a test that passes."""

from __future__ import annotations

import keyword
import os
import re
import shutil
import tempfile
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from taskloom import __version__
from taskloom.errors import TaskloomError, UsageError
from taskloom.registry.resolve import find_domain, find_task

_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
_UNSAFE = re.compile(r'["\\\x00-\x1f\x7f]')
_LONGEST = 60


def new(
    domain: Annotated[str, typer.Argument(help="The domain that the task belongs to.")],
    name: Annotated[str, typer.Argument(help="The task's name.")],
    summary: Annotated[str, typer.Option("--summary", help="One sentence for listings.")] = "",
    into: Annotated[
        Path, typer.Option("--into", metavar="DIR", help="Make the package's folder in this one.")
    ] = Path(),
) -> None:
    """Make a plugin package for one task, with a passing test."""
    find_domain(domain)
    _check_name(domain, name)
    module = f"{domain}_{name}".replace("-", "_")
    if find_spec(module) is not None:
        raise UsageError(f"a module '{module}' is installed already; choose another name")
    words = re.split(r"[-_]", name)
    values = {
        "distribution": module.replace("_", "-"),
        "domain": domain,
        "task": name,
        "module": module,
        "class_name": "".join(word.capitalize() for word in words),
        "summary": _sentence(summary or f"{' '.join(words).capitalize()}."),
        "version": __version__,
    }
    folder = into / module
    _write(folder, values)
    typer.echo(str(folder))
    typer.echo(f"next: cd {folder} && pip install -e . && python -m pytest -q", err=True)
    typer.echo(f"then: tasks run {domain} {name} --help", err=True)


def _check_name(domain: str, name: str) -> None:
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or len(name) > _LONGEST:
        rule = "lower-case letters and digits, in words joined by - or _, beginning with a letter"
        raise UsageError(f"'{name}' is no name for a task: it must be {rule}")
    try:
        found = find_task(domain, name)
    except TaskloomError:
        return
    raise UsageError(f"'{domain} {name}' exists already, in {found.distribution}")


def _sentence(text: str) -> str:
    """Refuse what would end the string that the sentence is written into, in TOML or in Python."""
    if _UNSAFE.search(text):
        raise UsageError("--summary may hold no quotation mark, backslash or line break")
    return text


def _write(folder: Path, values: dict[str, str]) -> None:
    """Write all files, or none: they are made beside and moved into place."""
    if folder.exists():
        raise UsageError(f"'{folder}' exists already")
    module, templates = values["module"], files("taskloom") / "scaffold"
    names = {
        "pyproject.toml": "pyproject.toml.txt",
        f"{module}.py": "task.py.txt",
        f"test_{module}.py": "test_task.py.txt",
    }
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{module}-", dir=folder.parent))
        try:
            for name, template in names.items():
                text = Template((templates / template).read_text(encoding="utf-8"))
                (temporary / name).write_text(text.substitute(values), encoding="utf-8")
            temporary.chmod(0o777 & ~_umask())
            os.rename(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise UsageError(f"'{folder}' cannot be made: {error.strerror}") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
