"""What is not on Linux, macOS and Windows alike is called in `taskloom.system` and nowhere else, in every package."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import lacking
import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(
    path
    for path in ROOT.glob("packages/*/src/**/*.py")
    if "taskloom/system/" not in path.as_posix()
)

MODULES = lacking.MODULES_OF_POSIX | lacking.MODULES_OF_WINDOWS
OS = (
    lacking.OS_NOT_ON_MAC
    | lacking.OS_NOT_ON_WINDOWS
    | lacking.OS_ON_WINDOWS_ALONE
    | lacking.OS_UNLIKE
)
SIGNAL = lacking.SIGNAL_NOT_ON_WINDOWS | lacking.SIGNAL_ON_WINDOWS_ALONE | lacking.SIGNAL_UNLIKE
OWNERS = {"os": OS, "signal": SIGNAL, "time": {"tzset", "clock_gettime", "pthread_getcpuclockid"}}
KEYWORDS = {
    *("creationflags", "dir_fd", "pass_fds", "preexec_fn", "process_group", "start_new_session"),
    *("src_dir_fd", "dst_dir_fd", "startupinfo", "umask"),
}
NAMES = OS | SIGNAL | {"prctl", "SO_REUSEADDR", "SO_REUSEPORT", "SO_EXCLUSIVEADDRUSE", "AF_UNIX"}
FOLDERS = ("/proc", "/dev/", "/sys/")


def unportable(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and name of each call that some system lacks, by whatever spelling."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = {alias.name.partition(".")[0] for alias in node.names} & MODULES
        elif isinstance(node, ast.ImportFrom):
            owner = str(node.module).partition(".")[0]
            told = {alias.name for alias in node.names}
            names = {owner} & MODULES | told & OWNERS.get(owner, set())
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            names = {node.attr} & (OWNERS.get(node.value.id, set()) | (NAMES - OS - SIGNAL))
        elif isinstance(node, ast.keyword):
            names = {str(node.arg)} & KEYWORDS
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # `getattr(os, "fork")` and paths.
            whole = {node.value} if len(node.value) > 4 else set()
            names = whole & (NAMES - {"alarm", "pause", "splice", "pread", "sync"})
            names |= {node.value} if node.value.startswith(FOLDERS) else set()
        else:
            continue
        for name in names:
            yield getattr(node, "lineno", getattr(getattr(node, "value", None), "lineno", 0)), name


@pytest.mark.parametrize(
    "code",
    [
        "import fcntl",
        "from os import fork",
        "os.sched_getaffinity(0)",
        "getattr(os, 'O_NOFOLLOW', 0)",
        "subprocess.Popen(x, start_new_session=True)",
        "open('/proc/self/mounts')",
        "signal.setitimer(signal.ITIMER_REAL, 1)",
    ],
)
def test_what_some_system_lacks_is_recognised(code: str) -> None:
    assert list(unportable(ast.parse(code)))


def test_what_some_system_lacks_is_called_in_one_place() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in SOURCES
        for line, name in unportable(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == [], "put the call into taskloom.system, with what stands in for it elsewhere"


def text_writes(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and name of each call that writes a text, and leaves line ends or the encoding to the system."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        modes = [item.value for item in node.args if isinstance(item, ast.Constant)]
        is_text = any(
            isinstance(mode, str) and re.fullmatch(r"[wxa]\+?t?|r\+t?", mode) for mode in modes
        )
        if name == "write_text" or (name in ("open", "fdopen") and is_text):
            missing = {"newline", "encoding"} - {keyword.arg for keyword in node.keywords}
            if missing:
                yield node.lineno, f"{name} without {' and '.join(sorted(missing))}"


def test_texts_are_written_alike_on_every_system() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in SOURCES
        for line, name in text_writes(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []
