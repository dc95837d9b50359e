"""What a reader of the code may rely on, over every file of the project."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tokenize
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOMAINS = ("anomaly", "hci", "diffusion", "control")
LIMIT = 400
# Names that say nothing about what is inside.
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "misc", "manager", "managers"}
# Executing or unpickling what was read; `torch.load` stands apart below.
DANGEROUS = {"eval", "exec", "compile"}


def _tracked() -> list[Path]:
    # Files that are not committed yet count as well: a mistake should show before it is committed.
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in done.stdout.splitlines() if (ROOT / name).is_file()]


TRACKED = _tracked()
PYTHON = [path for path in TRACKED if path.suffix == ".py"]
SOURCES = [
    path for path in PYTHON if "packages" in path.relative_to(ROOT).parts and "src" in path.parts
]


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _trees(paths: list[Path]) -> list[tuple[str, ast.Module]]:
    return [(_name(path), ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


def _dotted(node: ast.expr) -> str:
    """Return `a.b.c` for names and attributes, as `ast.unparse` would in fifty times the time; empty for all else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return ".".join(reversed([*names, node.id])) if isinstance(node, ast.Name) else ""


def test_no_file_is_longer_than_400_lines() -> None:
    long = {
        _name(path): count
        for path in PYTHON
        if (count := len(path.read_text().splitlines())) > LIMIT
    }
    assert long == {}


def test_code_is_ascii() -> None:
    """Mathematics may stand in docstrings and comments; names and strings keep to ASCII."""
    found = []
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        if text.isascii():
            continue
        prose = {
            node.lineno for node in map(_docstring, ast.walk(ast.parse(text))) if node is not None
        }
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            is_prose = token.type == tokenize.COMMENT or token.start[0] in prose
            if not token.string.isascii() and not is_prose:
                found.append(f"{_name(path)}:{token.start[0]}: {token.string[:40]}")
    assert found == []


def _docstring(node: ast.AST) -> ast.expr | None:
    """Return a string that stands alone: a docstring, or the sentence under a field."""
    is_prose = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return node.value if isinstance(node, ast.Expr) and is_prose else None


def test_no_module_has_an_empty_name() -> None:
    assert [_name(path) for path in SOURCES if path.stem in EMPTY_NAMES] == []


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_imports_no_other_domain(domain: str) -> None:
    others = {f"taskloom_{other}" for other in DOMAINS if other != domain}
    package = ROOT / "packages" / domain / "src"
    found = []
    for name, tree in _trees([path for path in SOURCES if path.is_relative_to(package)]):
        found += [(name, module) for module in _imports(tree) if module.partition(".")[0] in others]
    assert found == []


def test_core_imports_no_domain_and_no_back_end() -> None:
    forbidden = {f"taskloom_{domain}" for domain in DOMAINS} | set(
        ["torch", "jax", "flax", "mujoco", "lightning", "gymnasium", "numpy", "scipy", "matplotlib"]
    )
    package = ROOT / "packages" / "core" / "src"
    found = []
    for name, tree in _trees([path for path in SOURCES if path.is_relative_to(package)]):
        found += [
            (name, module)
            for module in _imports(tree)
            # The one place of core that writes and reads arrays imports numpy in its functions.
            if module.partition(".")[0] in forbidden and not name.endswith("taskloom/arrays.py")
        ]
    assert found == []


@cache
def _calls() -> list[tuple[str, list[str], list[tuple[str, str]]]]:
    """Return what every file imports, and what it calls by name, with the call itself where it may unpickle."""
    return [
        (
            name,
            _imports(tree),
            [
                (called, ast.unparse(node) if called.endswith(".load") else "")
                for node in ast.walk(tree)
                if isinstance(node, ast.Call) and (called := _dotted(node.func))
            ],
        )
        for name, tree in _trees(SOURCES)
    ]


def test_nothing_is_unpickled_or_evaluated() -> None:
    found = []
    for name, modules, calls in _calls():
        found += [
            (name, module)
            for module in modules
            if module.partition(".")[0] in ("pickle", "cloudpickle", "dill", "shelve", "marshal")
        ]
        for called, whole in calls:
            if called in DANGEROUS:
                found.append((name, called))
            if called == "torch.load" and "weights_only=True" not in whole:
                found.append((name, called))
            if called in ("np.load", "numpy.load") and "allow_pickle=True" in whole:
                found.append((name, called))
    assert found == []


def test_nothing_reads_global_random_state() -> None:
    """Randomness comes from generators that are passed on, never from the modules' hidden state."""
    numpy = re.compile(
        r"(np|numpy)\.random\.(?!default_rng|Generator|SeedSequence|PCG64|Philox|BitGenerator)\w+"
    )
    standard = re.compile(r"random\.(?!Random|SystemRandom)\w+")
    found = [
        (name, called)
        for name, modules, calls in _calls()
        # judo's tasks draw from the global state; it is seeded around their calls and put back
        if not name.endswith("compat/judo/forms.py")
        for called, _ in calls
        if numpy.fullmatch(called) or ("random" in modules and standard.fullmatch(called))
    ]
    assert found == []


def test_ignores_are_explained() -> None:
    """`# type: ignore[code]`, `# noqa: CODE` and `# pyright: ignore` name what they ignore, and say why."""
    vague = re.compile(r"#\s*type:\s*ignore(?!\[)|#\s*noqa(?!:)|#\s*pyright:\s*ignore(?!\[)")
    unexplained = re.compile(r"#\s*type:\s*ignore\[[\w, -]+\]\s*$")
    found = []
    for path in SOURCES:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if vague.search(line) or unexplained.search(line):
                found.append(f"{_name(path)}:{number}: {line.strip()}")
    assert found == []


def test_committed_text_names_no_place_of_a_machine() -> None:
    words = [
        re.compile(rf"(?<![\w.])/{place}\b")
        for place in ("work/" + "main", "work/" + "shared", "root/" + ".pyenv")
    ]
    found = []
    for path in TRACKED:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [(_name(path), word.pattern) for word in words if word.search(text)]
    assert found == []


def _imports(tree: ast.Module) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.append(node.module)
    return found
