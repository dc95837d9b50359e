"""Who opens files: the reader of records alone opens those of a run folder, and every other module says what it opens."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = ROOT / "packages" / "core" / "src" / "taskloom"
READER = ("records/", "system/")
# What the others open. A new line here needs a reason, and it is none of a run folder.
OTHERS = {
    "arrays.py": "files of arrays that a domain names, and the one it writes",
    "cli/commands/doctor_checks.py": "the start-up files of the user's shell",
    "cli/commands/doctor_store.py": "a trial file of its own",
    "cli/commands/new.py": "what it writes for a new task",
    "cli/streams.py": "the null device",
    "given/files.py": "files of Python that a person names",
    "identity/code.py": "modules that are imported",
    "identity/filecache.py": "inputs that a config names",
    "identity/packages.py": "metadata of installed distributions, and a cache of the store",
    "identity/roots.py": "metadata of installed distributions",
    "identity/verify.py": "modules that are imported",
    "identity/why.py": "modules that are imported, and the store's copies of them",
    "lifecycle/descriptors.py": "the null device",
    "lifecycle/output_file.py": "what the run prints, to write it",
    "lifecycle/terminal.py": "a stream that is open already",
    "params/files.py": "config files that a person names",
    "placement/spawn.py": "what the run prints, to write it",
    "placement/zygote.py": "what the run prints, to write it, and the null device",
    "registry/quarantine.py": "a stream that is open already",
    "registry/installed.py": "metadata of installed distributions",
    "report/page.py": "its own style sheet",
    "runs/checkpoints.py": "the manifest, to write it",
    "runs/database.py": "the index",
    "runs/heartbeats.py": "the cache of heartbeats",
    "runs/claims.py": "claims of a store, which are no runs",
    "runs/holders.py": "locks",
    "runs/locks.py": "locks",
    "runs/writer.py": "what it writes",
    "scaffold/project.py": "templates, and what it writes from them",
    "secrets/digests.py": "the user's key",
    "secrets/references.py": "files that a secret is read from",
    "testing/walk.py": "a checkpoint of the task that it is",
    "runs/kept.py": "the store's cache of thinned metric lines, which is made anew at any doubt",
}
CALLS = {"read_text", "read_bytes", "open_plain", "open_regular", "fdopen"}
MODES = re.compile(r"[rwax][bt+]*")
# A path of a run that another module would open by itself.
OF_A_RUN = re.compile(r"\brun\.(dir|artifacts|layout)\b|\blayout\.(?!dir\b)\w+")


def opens(tree: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls that open a file."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name):
            # Functions of that name read text, or are the reader's; methods open a path.
            is_open = called.id in ("open", *CALLS - {"read_bytes", "read_text"})
        elif isinstance(called, ast.Attribute):
            first = node.args[0] if node.args else None
            has_mode = isinstance(first, ast.Constant) and MODES.fullmatch(str(first.value))
            is_system = ast.unparse(called) in ("os.open", "io.open")
            is_open = (
                called.attr in CALLS or is_system or (called.attr == "open" and bool(has_mode))
            )
        else:
            is_open = False
        if is_open:
            yield node


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("open('x')", 1),
        ("path.open('rb')", 1),
        ("os.open(path, 0)", 1),
        ("path.read_text()", 1),
        ("trial.open()", 0),
        ("open_file(run.dir, 'log.jsonl')", 0),
    ],
)
def test_what_opens_a_file_is_recognised(code: str, count: int) -> None:
    assert len(list(opens(ast.parse(code)))) == count


def test_core_opens_files_of_a_run_in_the_reader_alone() -> None:
    found = {
        name
        for path in CORE.rglob("*.py")
        if not (name := path.relative_to(CORE).as_posix()).startswith(READER)
        if list(opens(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert found - OTHERS.keys() == set(), "read a run's file with taskloom.records"


def test_no_domain_opens_a_file_of_a_run_by_its_path() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{call.lineno}: {ast.unparse(call)}"
        for path in sorted(ROOT.glob("packages/*/src/**/*.py"))
        for call in opens(ast.parse(path.read_text(encoding="utf-8")))
        if "/records/" not in path.as_posix() and OF_A_RUN.search(ast.unparse(call))
    ]
    assert found == [], "read it with `run.read(name)` or taskloom.records"
