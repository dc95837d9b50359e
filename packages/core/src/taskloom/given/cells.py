"""Source of a class of a notebook, with everything of the session that it uses: nothing is pickled.

    source, reason = cell_source(Coin)

The text of a definition counts, not that of its cell: a call further down may change. Names that it uses are followed: functions
and classes of the session by their definitions, data by their values, modules by name. Any other object has no text.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import linecache
import math
import symtable
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any, get_origin

from pydantic import BaseModel

from taskloom.errors import PluginError
from taskloom.identity.canonical import canonical, ordered, text

UNKNOWN = "has no source"
_MAIN = "__main__"
_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...))
_FUTURE = "from __future__ import annotations"


def cell_source(found: object) -> tuple[str, str]:
    """Return the source of a class or function of a session, and why no later command may take a run of it for its answer.

    Args:
        found: The class or function.

    Returns:
        The source, in an order in which Python can run it, empty if it cannot be had; and the reason, or an empty text.
    """
    session = _Session(vars(sys.modules[_MAIN]))
    if not session.define(getattr(found, "__name__", ""), found):
        return "", UNKNOWN
    return session.source(), session.reason


class _Session:
    """Definitions of a session that one of them leads to.

    Args:
        names: The global names of the session.
    """

    def __init__(self, names: Mapping[str, object]) -> None:
        self._names = names
        self._cells = [item for item in list(_list(names.get("In"))) if isinstance(item, str)]
        self._lines: dict[str, str] = {}
        self._seen: set[str] = set()
        self.reason = ""

    def define(self, name: str, found: object) -> bool:
        """Take a definition in, behind those that it uses; return whether its source can be had."""
        self._seen.add(name)
        source = _definition(name, _texts(found)) or _definition(name, reversed(self._cells))
        if not source:
            return False
        self._follow(source)
        self._lines[name] = source
        return True

    def source(self) -> str:
        """Return everything that was taken in."""
        future = [_FUTURE] if "annotations" in self._names else []
        return "\n\n".join([*future, *self._lines.values()]) + "\n"

    def _follow(self, source: str) -> None:
        """Take in what a text uses of the session."""
        for used in sorted(_names_in(source)):
            is_known = used in self._seen or used not in self._names
            # A name of Python's own may be given another meaning.
            if not is_known and self._names[used] is not getattr(builtins, used, None):
                self._take(used, self._names[used])

    def _take(self, name: str, value: object) -> None:
        self._seen.add(name)
        line = _imported(name, value) or _written(name, value)
        if line:
            self._lines[name] = line
        elif not (_is_defined_here(value) and self._defined(name, value)) and not self._made(
            name, value
        ):
            self.reason = self.reason or f"uses `{name}`, an object of this session"

    def _defined(self, name: str, value: Any) -> bool:  # noqa: ANN401 -- a class or a function
        """Take in a class or function of the session, perhaps under a second name; return whether that can be done."""
        own = value.__name__
        if own == name or self._names.get(own) is not value:
            return self.define(name, value)
        if own not in self._seen and not self.define(own, value):
            return False
        self._lines[name] = f"{name} = {own}"
        return True

    def _made(self, name: str, value: object) -> bool:
        """Take in the assignment that made a value with a canonical form, or a lambda; return whether that can be done."""
        is_lambda = getattr(value, "__name__", "") == "<lambda>"
        form = "lambda" if is_lambda else _form(value)
        assigned = _assignment(name, _texts(value) if is_lambda else reversed(self._cells))
        if not form or not assigned:
            return False
        self._follow(assigned)
        # The value is part of the program: of two comments the one that differs would not count.
        self._lines[name] = assigned if is_lambda else f"{assigned}\n_form_of_{name} = {form!r}"
        return True


def _definition(name: str, cells: Iterable[str]) -> str:
    """Return the text of a class or function at the top of the first of some cells that defines it."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for cell in cells:
        for node in reversed(_parsed(cell)):
            if isinstance(node, kinds) and node.name == name:
                first = min([node.lineno, *(item.lineno for item in node.decorator_list)])
                return _between(cell, first, node.end_lineno)
    return ""


def _assignment(name: str, cells: Iterable[str]) -> str:
    """Return the newest assignment to a name at the top of a cell."""
    for cell in cells:
        for node in reversed(_parsed(cell)):
            targets = node.targets if isinstance(node, ast.Assign) else []
            targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                return _between(cell, node.lineno, node.end_lineno)
    return ""


def _parsed(cell: str) -> list[ast.stmt]:
    try:
        return ast.parse(cell).body
    except (SyntaxError, ValueError):  # a cell of another language, or half a cell
        return []


def _between(cell: str, first: int, last: int | None) -> str:
    return "\n".join(line.rstrip() for line in cell.splitlines()[first - 1 : last])


def _texts(found: object) -> Iterator[str]:
    """Yield the cells in which the methods of a class, or a function, were written.

    A method that a base or a library put into the class leads to a text that does not define the class.
    """
    # A copy: pydantic changes the table of a class while it is looked at.
    held = list(vars(found).values()) if isinstance(found, type) else [found]
    for item in held:
        function = getattr(item, "fget", None) or getattr(item, "__func__", None) or item
        code = getattr(inspect.unwrap(function) if callable(function) else None, "__code__", None)
        if code is not None:
            yield "".join(linecache.getlines(code.co_filename))


def _names_in(source: str) -> set[str]:
    """Return the global names that a definition uses: in its bodies, its bases and its annotations."""
    found: set[str] = set()

    def visit(table: symtable.SymbolTable) -> None:
        for symbol in table.get_symbols():
            is_top = table.get_type() == "module"
            if symbol.is_global() or (is_top and symbol.is_referenced()):
                found.add(symbol.get_name())
        for inner in table.get_children():
            visit(inner)

    visit(symtable.symtable(source, "cell", "exec"))
    for node in ast.walk(ast.parse(source)):
        parts = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        for part in (item for item in parts if isinstance(item, ast.AST)):
            found |= {inner.id for inner in _annotated(part) if isinstance(inner, ast.Name)}
    return found


def _annotated(part: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of an annotation, those of a quoted one included."""
    for node in ast.walk(part):
        yield node
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for statement in _parsed(node.value):
                yield from ast.walk(statement)


def _imported(name: str, value: object) -> str:
    """Return the line that imports what can be imported; an empty text for everything else."""
    if isinstance(value, ModuleType):
        is_plain = value.__name__ == name
        return f"import {value.__name__}" if is_plain else f"import {value.__name__} as {name}"
    module = getattr(value, "__module__", None)
    home = sys.modules.get(module) if isinstance(module, str) else None
    if home is None or module == _MAIN or isinstance(value, BaseModel):
        return ""
    for attribute in ("__name__", "_name"):
        known = getattr(value, attribute, None)
        if isinstance(known, str) and getattr(home, known, None) is value:
            return f"from {module} import {known}" + ("" if known == name else f" as {name}")
    return ""


def _written(name: str, value: object) -> str:
    """Return the line that gives a name plain data; an empty text for everything else."""
    written = _literal(value)
    return f"{name} = {written}" if written else ""


def _literal(value: object) -> str:
    """Return plain data as Python writes it, in one way only; an empty text for everything else."""
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if type(value) in _PLAIN:
        return repr(value)
    if type(value) in (set, frozenset):
        parts = [_literal(item) for item in _sorted(value)]
        return f"{type(value).__name__}([{', '.join(parts)}])" if all(parts) else ""
    if type(value) is dict:
        pairs = [(_literal(key), _literal(item)) for key, item in value.items()]
        inner = ", ".join(f"{key}: {item}" for key, item in pairs)
        return f"{{{inner}}}" if all(key and item for key, item in pairs) else ""
    if type(value) in (list, tuple):
        parts = [_literal(item) for item in _list(value)]
        inner = ", ".join(parts) + ("," if type(value) is tuple and len(parts) == 1 else "")
        ends = "[]" if type(value) is list else "()"
        return f"{ends[0]}{inner}{ends[1]}" if all(parts) else ""
    return ""


def _sorted(value: Any) -> list[object]:  # noqa: ANN401 -- any set
    try:
        return ordered(value)
    except PluginError:
        return [object()]  # which has no text either


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _is_defined_here(value: object) -> bool:
    """Return whether a value is a class or a function of the session; also one that a decorator such as `lru_cache` wraps."""
    wrapped = vars(value).get("__wrapped__") if hasattr(value, "__dict__") else None
    is_definition = isinstance(value, type) or inspect.isfunction(value)
    is_definition = is_definition or inspect.isfunction(wrapped)
    return is_definition and getattr(value, "__module__", None) == _MAIN


def _form(value: object) -> str:
    """Return the canonical text of a value that an expression made: a component, a path, a date, an annotated type."""
    if get_origin(value) is not None:
        written = repr(value)
        return "" if " at 0x" in written else written
    try:
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        return f"{kind} {text(canonical(value))}"
    except PluginError:
        return ""
