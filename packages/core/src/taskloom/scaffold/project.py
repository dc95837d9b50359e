"""Writing a plugin package from templates: all files, or none."""

from __future__ import annotations

import keyword
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from string import Template

from taskloom.errors import UsageError
from taskloom.registry.installed import distributions

HERE = Path(__file__).parent
"""Folder of the templates that belong to no domain."""

_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
UNSAFE = re.compile(r'["\\\x00-\x1f\x7f]')
"""Characters that would end the text that they are written into, in TOML or in Python."""
_LONGEST = 60
_PLACE = "__module__"


def check_name(name: str, what: str) -> None:
    """Refuse what is no name.

    Raises:
        UsageError: It is none.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or len(name) > _LONGEST:
        rule = "lower-case letters and digits, in words joined by - or _, beginning with a letter, no keyword"
        raise UsageError(f"'{name}' is no name for a {what}: it must be {rule}")


def named(name: str, module: str, summary: str) -> dict[str, str]:
    """Return the values that every template knows.

    Args:
        name: What is made, as the user calls it.
        module: The Python package that it is made in.
        summary: One sentence about it; one of its name if empty.

    Raises:
        UsageError: The sentence would end the string it is written into, or a module or a distribution of that name is installed.
    """
    if UNSAFE.search(summary):
        raise UsageError("--summary may hold no quotation mark, backslash or line break")
    installed = find_spec(module)
    if installed is not None and installed.origin:  # a mere folder on the path has none
        raise UsageError(f"a module '{module}' is installed already; choose another name")
    distribution = module.replace("_", "-")
    if distribution in [known.name for known in distributions()]:
        raise UsageError(
            f"a distribution '{distribution}' is installed already; choose another name"
        )
    words = re.split(r"[-_]", name)
    return {
        "name": name,
        "module": module,
        "distribution": distribution,
        "summary": summary or f"{' '.join(words).capitalize()}.",
    }


def class_name_of(name: str, templates: Path) -> str:
    """Return the name of a class: one that is no keyword and hides nothing that its templates use."""
    found = "".join(word.capitalize() for word in re.split(r"[-_]", name))
    texts = "\n".join(path.read_text(encoding="utf-8") for path in templates.rglob("*.py.txt"))
    while keyword.iskeyword(found) or re.search(rf"(?<![\w$$]){found}(Config)?\b", texts):
        found = f"My{found}"
    return found


def module_of(*words: str) -> str:
    """Return the name of the Python package for some names together."""
    return "_".join(words).replace("-", "_")


def write_project(
    folder: Path, templates: Sequence[Path], values: Mapping[str, str], copied: Sequence[Path] = ()
) -> None:
    """Write all files, or none: they are made beside and moved into place.

    Args:
        folder: The package's folder, which must not exist.
        templates: Folders of templates: `NAME.txt` becomes `NAME`, in the same folder; `__module__` stands for the module.
        values: What stands for each `$name` in a template.
        copied: Files that go into the module as they are.

    Raises:
        UsageError: The folder exists, or cannot be made.
    """
    if folder.exists():
        raise UsageError(f"'{folder}' exists already")
    texts = _filled(HERE / "pyproject.toml.txt", "pyproject.toml", values)
    texts |= _filled(HERE / "init.py.txt", f"{_PLACE}/__init__.py", values)
    for root in templates:
        for path in sorted(root.rglob("*.txt")):
            texts |= _filled(path, path.relative_to(root).as_posix().removesuffix(".txt"), values)
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{values['module']}-", dir=folder.parent))
        try:
            for name, text in texts.items():
                place = temporary / name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text, encoding="utf-8", newline="\n")
            for source in copied:
                shutil.copyfile(source, temporary / values["module"] / source.name)
            temporary.chmod(0o777 & ~_umask())
            os.rename(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise UsageError(f"'{folder}' cannot be made: {error.strerror}") from None


def _filled(template: Path, name: str, values: Mapping[str, str]) -> dict[str, str]:
    text = Template(template.read_text(encoding="utf-8")).substitute(values)
    # Once: a domain's own templates have such a place too, which theirs fill.
    return {name.replace(_PLACE, values["module"], 1): text}


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
