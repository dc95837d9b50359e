"""Loading a file by its path, with what it imports from its folder, as Python would load it as a script.

A module is loaded anew when it, or a module beside it, has changed on disk: a prompt and a notebook outlive many edits.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

from taskloom.errors import PluginError, TaskloomError, UsageError
from taskloom.identity.code import forget_source, loaded_digest
from taskloom.identity.roots import base_of, module_files
from taskloom.registry.isolate import describe, guarded
from taskloom.registry.suggest import did_you_mean

_loading: ContextVar[str] = ContextVar("loading", default="")
_lock = threading.RLock()
_digests: dict[str, str] = {}
_bases: list[str] = []  # the newest first


class _Loader(SourceFileLoader):
    """Loader that compiles what lies there now: bytecode knows the time of its source to the second only."""

    def get_code(self, fullname: str) -> CodeType:
        """Return the code of the file, and remember which text it was."""
        path = self.get_filename(fullname)
        source = self.get_data(path)
        _digests[path] = _sha(source)
        code: CodeType = self.source_to_code(source, path)
        return code


class _Finder:
    """Finder of the modules in the folders of files that were given, for the front of `sys.meta_path`."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module of such a folder, to be compiled anew; None for every other."""
        places = [item for item in path or () if _base_above(item)] if path else list(_bases)
        spec = PathFinder.find_spec(name, places, target) if places else None
        if spec is None or type(spec.loader) is not SourceFileLoader or spec.origin is None:
            return None
        spec.loader = _Loader(name, spec.origin)
        return spec


def _base_above(folder: str) -> bool:
    return any(folder.startswith(f"{base}{os.sep}") for base in _bases)


def load_file(path: Path) -> ModuleType:
    """Return the module that a file holds, loaded anew if the file or a module beside it has changed.

    The folder of the file, or of its outermost package, goes to the front of `sys.path`, as when Python runs the file.

    Raises:
        UsageError: There is no such file, it raised something, or its name is that of another module.
    """
    place = Path(os.path.abspath(path))
    if not place.is_file():
        beside = sorted(item.name for item in place.parent.glob("*.py"))
        raise UsageError(f"There is no file {path}.", hint=did_you_mean(place.name, beside))
    main = sys.modules.get("__main__")
    if main is not None and os.path.abspath(getattr(main, "__file__", None) or "") == str(place):
        return main
    name, base = dotted(place)
    with _lock:
        known = sys.modules.get(name)
        if getattr(known, "__file__", None) == str(place) and known is not None:
            if not _has_changed(base):
                return known
            _forget(base)
        _make_way(name, place)
        return _loaded(name, place, base)


def refuse_while_loading() -> None:
    """Refuse a call at the top of a file that is loaded for its tasks: every worker would make it again.

    Raises:
        UsageError: So it is.
    """
    if file := _loading.get():
        raise UsageError(
            f"{file} runs tasks while it is loaded; put these calls behind: if __name__ == '__main__'."
        )


def dotted(place: Path) -> tuple[str, str]:
    """Return the dotted name of a file's module, and the folder that its name counts from."""
    parts, folder = [place.stem], place.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts), str(folder)


def _loaded(name: str, place: Path, base: str) -> ModuleType:
    if base not in sys.path:
        sys.path.insert(0, base)
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)
    _bases[:] = [base, *(item for item in _bases if item != base)]
    importlib.invalidate_caches()
    token = _loading.set(str(place))
    try:
        module = guarded(lambda: _executed(name, place), place.name)
    except PluginError as error:
        raise UsageError(_told(place, error.__cause__ or error)) from error.__cause__
    finally:
        _loading.reset(token)
    for _, file in _own(base):
        if file not in _digests and (text := _current(file)) is not None:
            _digests[file] = text
    return module


def _executed(name: str, place: Path) -> ModuleType:
    parent, _, last = name.rpartition(".")
    holder = importlib.import_module(parent) if parent else None
    spec = spec_from_file_location(name, place, loader=_Loader(name, str(place)))
    if spec is None or spec.loader is None:
        raise ImportError(f"no loader takes {place}")
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    if holder is not None:
        setattr(holder, last, module)
    return module


def _told(place: Path, error: BaseException) -> str:
    """Return the sentence about a file that cannot be loaded, with the line of it that raised."""
    if isinstance(error, TaskloomError):
        return error.message
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(place)
    ]
    line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None
    where = f" (line {line or lines[-1]})" if line or lines else ""
    return f"{place.name} cannot be loaded: {describe(error)}{where}."


def _make_way(name: str, place: Path) -> None:
    """Let go of a file of the same name in another folder.

    Raises:
        UsageError: The name is that of a module of Python, or of a library.
    """
    top = name.partition(".")[0]
    known = sys.modules.get(top)
    if known is not None and base_of(top)[0] in _bases:
        if getattr(sys.modules.get(name), "__file__", None) != str(place):
            _forget(base_of(top)[0])
        return
    is_same_package = known is not None and base_of(top)[0] == dotted(place)[1]
    if top in sys.stdlib_module_names or (known is not None and not is_same_package):
        raise UsageError(
            f"{place.name} cannot be loaded: Python has another module '{top}' already.",
            hint="give the file another name",
        )


def _own(base: str) -> Iterator[tuple[str, str]]:
    """Yield name and file of the imported modules that lie in a folder, or in a package in it."""
    for name, file in module_files(list(sys.modules)):
        if file.startswith(f"{base}{os.sep}") and base_of(name.partition(".")[0])[0] == base:
            yield name, file


def _has_changed(base: str) -> bool:
    return any(
        known is not None and known != _current(file)
        for _, file in _own(base)
        if (known := _digests.get(file) or loaded_digest(file)) is not None
    )


def _forget(base: str) -> None:
    for name, file in list(_own(base)):
        if name != "__main__":
            del sys.modules[name]
            _digests.pop(file, None)
            forget_source(file)


def _current(file: str) -> str | None:
    try:
        return _sha(Path(file).read_bytes())
    except OSError:
        return None


def _sha(source: bytes) -> str:
    return hashlib.sha256(source).hexdigest()
