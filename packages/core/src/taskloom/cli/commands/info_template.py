"""A config file to edit: every parameter with its value, and above it its sentence, type, unit and bounds."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from taskloom.config import Config
from taskloom.params.files import to_toml
from taskloom.params.tree import Parameter


def toml_template(config: Config, parameters: Sequence[Parameter]) -> str:
    """Return the config as commented TOML."""
    import tomllib

    import tomli_w

    comments = _comments(parameters)

    def write(table: dict[str, Any], prefix: str) -> list[str]:
        lines: list[str] = []
        nested = [
            name
            for name, value in table.items()
            if isinstance(value, dict) and f"{prefix}{name}" not in leaves
        ]
        for name, value in table.items():
            if name not in nested:
                lines += [f"# {line}" for line in comments.get(f"{prefix}{name}", ())]
                # A table of a leaf's own would take in all that follows it, so it stands on the line.
                text = tomli_w.dumps({name: "" if isinstance(value, dict) else value})
                lines.append(
                    f"{text.partition(' = ')[0]} = {_on_a_line(value)}"
                    if isinstance(value, dict)
                    else _inline(text, name, value)
                )
        for name in nested:
            path = f"{prefix}{name}"
            lines += ["", *(f"# {line}" for line in comments.get(path, ())), f"[{path}]"]
            lines += write(table[name], f"{path}.")
        return lines

    leaves = {parameter.path for parameter in parameters if not parameter.is_component}
    return "\n".join(write(tomllib.loads(to_toml(config)), "")) + "\n"


def yaml_template(config: Config, parameters: Sequence[Parameter]) -> str:
    """Return the config as commented YAML; values are JSON, which YAML reads and no version of it misreads."""
    import tomllib

    comments = _comments(parameters)
    leaves = {parameter.path for parameter in parameters if not parameter.is_component}

    def write(table: dict[str, Any], prefix: str, indent: str) -> list[str]:
        lines: list[str] = []
        for name, value in table.items():
            path = f"{prefix}{name}"
            lines += [f"{indent}# {line}" for line in comments.get(path, ())]
            if isinstance(value, dict) and path not in leaves:
                lines += [f"{indent}{name}:", *write(value, f"{path}.", f"{indent}  ")]
            else:
                lines.append(f"{indent}{name}: {_PAIR.sub(_whole, json.dumps(value))}")
        return lines

    return "\n".join(write(tomllib.loads(to_toml(config)), "", "")) + "\n"


# YAML knows no pairs of surrogates, which JSON writes a character beyond the first 65,536 as.
_PAIR = re.compile(r"\\ud([89ab][0-9a-f]{2})\\ud([c-f][0-9a-f]{2})")


def _whole(found: re.Match[str]) -> str:
    """Return YAML's escape of a character that JSON writes as two."""
    high, low = int(found[1], 16) - 0x800, int(found[2], 16) - 0xC00
    return f"\\U{0x10000 + (high << 10) + low:08x}"


def _comments(parameters: Sequence[Parameter]) -> dict[str, list[str]]:
    """Return the comment lines of every parameter; a component's choice stands above its `kind`."""
    found: dict[str, list[str]] = {}
    for parameter in parameters:
        about = [parameter.type, *parameter.bounds]
        if parameter.choices:
            about = [" | ".join(parameter.choices), *parameter.bounds]
        if parameter.unit:
            about.append(f"in {parameter.unit}")
        found[parameter.path] = [line for line in (parameter.help, f"({', '.join(about)})") if line]
    return found


def _on_a_line(value: object) -> str:
    """Return a value of a config as TOML without line breaks."""
    import tomli_w

    if isinstance(value, dict):
        items = (f"{_quoted(name)} = {_on_a_line(item)}" for name, item in value.items())
        return f"{{{', '.join(items)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_on_a_line, value))}]"
    return tomli_w.dumps({"x": value}).partition(" = ")[2].rstrip("\n")


def _quoted(name: str) -> str:
    """Return a key in quotes, which every text is a key in."""
    return json.dumps(name, ensure_ascii=False).replace("\x7f", "\\u007f")


def _inline(text: str, name: str, value: object) -> str:
    """Keep short lists on one line."""
    if isinstance(value, list) and not any(isinstance(item, dict | list | str) for item in value):
        items = (line.strip().rstrip(",") for line in text.splitlines()[1:-1])
        return f"{text.partition(' = ')[0]} = [{', '.join(items)}]" if value else f"{name} = []"
    return text.rstrip("\n")
