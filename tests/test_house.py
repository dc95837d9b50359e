"""The rules of the layout, held as ratchets: a number here may fall, and never rises. See docs/design/one-house.md."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from taskloom.registry import FIRST_PARTY, find_domain, installed_domains, load_target

ROOT = Path(__file__).parents[1]
PACKAGES = {"taskloom": "core", **{f"taskloom_{domain}": domain for domain in FIRST_PARTY}}

# Rule 1. Only pairs that are one thing in two files, and core's config with the registry that opens its unions.
MOST_CIRCLES, LARGEST_CIRCLE = 3, 4
# Rule 3. The packages that every domain may have, and those of one domain; a new one needs a reason in one-house.md.
FILES = {"__init__", "domain", "task", "config", "driver", "errors", "metrics", "gym"}
ROOMS = {"tasks", "verbs", "report", "exports", "compat", "accelerated", "scaffold"}
OWN_ROOMS = {
    "anomaly": {"detection", "backends", "data", "statistics", "metrics"},
    "hci": {
        *(
            "games",
            "bundle",
            "state",
            "inference",
            "observation",
            "policies",
            "models",
            "motor",
            "batch",
        ),
        *("study", "recordings", "fitting", "bounds", "training", "layout"),
    },
    "diffusion": {
        *("model", "corpora", "training", "evaluation", "fragments", "chemistry", "guidance"),
    },
    "control": {"planning", "closed_loop", "mjcf", "bench", "live", "suites"},
}
# Rule 2. No path of imports leads from a problem to what solves it.
PROBLEMS = ("task", "games", "corpora", "mjcf")
SOLVERS = (
    "driver",
    "bench",
    "closed_loop",
    "live",
    "planning",
    "bundle",
    "training",
    "report",
    "verbs",
    "optimizers",
    "engines",
)
SOLVERS += (
    "detectors",
    "attacks",
    "users",
    "assistants",
    "samplers",
    "denoisers",
    "losses",
    "schedules",
)
# Rule 5.
HEAVY = [
    "scipy",
    "jaxtyping",
    "gymnasium",
    "torch",
    "jax",
    "flax",
    "mujoco",
    "numba",
    "lightning",
    "matplotlib",
]
# Function-level imports of our own modules, and definitions that nothing names.
MOST_LATE_IMPORTS = 199
MOST_UNUSED = 0
# Rule 10.
OPENING = re.compile(r"(What|Whatever|How|Where|Who|Whether|Which|Why|When|Says|Tells|Hands)\b")
PERSONS = re.compile(r"\b(nobody|somebody|whoever|anybody|everybody)\b", re.IGNORECASE)
# Rule 11.
NUMERICAL = {
    "anomaly": ("detectors", "statistics", "attacks"),
    "hci": ("models", "inference", "accelerated", "policies"),
    "diffusion": (
        "processes",
        "schedules",
        "losses",
        "samplers",
        "metrics",
        "evaluation",
        "accelerated",
    ),
    "control": ("optimizers", "planning", "engines"),
}


@dataclass
class Module:
    """One file of the packages.

    Attributes:
        path: The file.
        tree: Its syntax tree.
        imports: The modules of ours that it imports, wherever in the file, for types too.
        late: Those of them that a function imports, with the line.
        through: Packages of ours through whose `__init__` it imports a name.
    """

    path: Path
    tree: ast.Module
    imports: set[str] = field(default_factory=set)
    late: list[tuple[str, int]] = field(default_factory=list)
    through: set[str] = field(default_factory=set)

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"


@cache
def house() -> dict[str, Module]:
    """Return every module of the packages by its dotted name."""
    found: dict[str, Module] = {}
    for package, folder in PACKAGES.items():
        base = ROOT / "packages" / folder / "src"
        for path in sorted((base / package).rglob("*.py")):
            name = ".".join(path.relative_to(base).with_suffix("").parts).removesuffix(".__init__")
            found[name] = Module(path, ast.parse(path.read_text(encoding="utf-8")))
    for name, module in found.items():
        for target, line, is_late in _imports(module.tree, found):
            if target == name:
                continue
            if found[target].is_package:
                # A domain reads core's public page; any other page hides which module is meant.
                module.through |= {target} - {"taskloom"} if not module.is_package else set()
            else:
                module.imports.add(target)
            module.late += [(target, line)] if is_late else []
    return found


def _imports(tree: ast.AST, known: dict[str, Module]) -> Iterator[tuple[str, int, bool]]:
    def visit(node: ast.AST, is_late: bool) -> Iterator[tuple[str, int, bool]]:
        for child in ast.iter_child_nodes(node):
            names: list[str] = []
            if isinstance(child, ast.Import):
                names = [alias.name for alias in child.names]
            elif isinstance(child, ast.ImportFrom) and child.module and child.level == 0:
                whole = [f"{child.module}.{alias.name}" for alias in child.names]
                names = [name if name in known else child.module for name in whole]
            yield from ((name, child.lineno, is_late) for name in names if name in known)
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from visit(child, is_late or inside)

    yield from visit(tree, False)


def circles() -> list[list[str]]:
    """Return the strongly connected components of more than one file; packages' `__init__` are no nodes."""
    graph = {name: sorted(m.imports) for name, m in house().items() if not m.is_package}
    order: list[str] = []
    seen: set[str] = set()

    def walk(start: str, edges: dict[str, list[str]], out: list[str]) -> None:
        stack = [(start, iter(edges.get(start, ())))]
        seen.add(start)
        while stack:
            node, rest = stack[-1]
            following = next((item for item in rest if item in graph and item not in seen), None)
            if following is None:
                out.append(node)
                stack.pop()
            else:
                seen.add(following)
                stack.append((following, iter(edges.get(following, ()))))

    for name in graph:
        if name not in seen:
            walk(name, graph, order)
    reverse: dict[str, list[str]] = {}
    for name, targets in graph.items():
        for target in targets:
            reverse.setdefault(target, []).append(name)
    seen.clear()
    found = []
    for name in reversed(order):
        if name not in seen:
            part: list[str] = []
            walk(name, reverse, part)
            found += [sorted(part)] if len(part) > 1 else []
    return found


def _place(name: str) -> list[str]:
    """Return the parts of a module's name below its package."""
    return name.split(".")[1:]


def test_few_circles_and_none_through_a_task() -> None:
    found = circles()
    assert len(found) <= MOST_CIRCLES, found
    assert max(map(len, found)) <= LARGEST_CIRCLE, found
    through = [
        name for circle in found for name in circle if _place(name)[0] in ("task", "tasks", "games")
    ]
    assert through == [] or all(name == "taskloom.task" for name in through)


def reached(start: str) -> set[str]:
    """Return every module that a module imports, directly or not."""
    seen, waiting = set[str](), [start]
    while waiting:
        new = {target for target in house()[waiting.pop()].imports if target not in seen}
        seen |= new
        waiting += sorted(new)
    return seen


@pytest.mark.parametrize("domain", FIRST_PARTY)
def test_a_problem_reaches_no_solver(domain: str) -> None:
    package = f"taskloom_{domain}"
    problems = [
        name for name in house() if name.startswith(f"{package}.") and _place(name)[0] in PROBLEMS
    ]
    found = {
        name: sorted(target for target in reached(name) if _is_solver(target)) for name in problems
    }
    assert {name: targets for name, targets in found.items() if targets} == {}


def _is_solver(name: str) -> bool:
    return name.startswith("taskloom_") and _place(name)[0] in SOLVERS


@pytest.mark.parametrize("domain", FIRST_PARTY)
def test_a_domain_has_the_rooms_of_the_house(domain: str) -> None:
    base = ROOT / "packages" / domain / "src" / f"taskloom_{domain}"
    kinds = {group.rpartition(".")[2] for group in find_domain(domain).ref.components}
    files = {path.stem for path in base.glob("*.py")}
    rooms = {path.name for path in base.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert files - FILES == set()
    assert rooms - ROOMS - OWN_ROOMS[domain] - kinds == set()
    assert {"tasks", "verbs", "report", "compat", *kinds} - rooms == set()
    assert [kind for kind in sorted(kinds) if not (base / kind / "base.py").is_file()] == []


def test_no_class_name_is_defined_twice() -> None:
    names = Counter(
        node.name
        for module in house().values()
        for node in module.tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in names.items() if count > 1] == []


COMPONENTS = [
    pytest.param(group, item, id=f"{group}.{item.name}")
    for entry in installed_domains()
    if entry.ref.name in FIRST_PARTY
    for group, items in entry.ref.components.items()
    for item in items
]


@pytest.mark.parametrize(("group", "item"), COMPONENTS)
def test_the_manifest_says_the_first_line_of_a_component(group: str, item: object) -> None:
    found = load_target(item.target)  # type: ignore[attr-defined]
    first = (found.__doc__ or "").strip().partition("\n")[0]
    assert item.summary == first, f"paste into the manifest of {group}: {first!r}"  # type: ignore[attr-defined]


def test_tasks_configs_and_components_import_nothing_heavy() -> None:
    names = [
        name
        for entry in installed_domains()
        if entry.ref.name in FIRST_PARTY
        for name in house()
        if name.startswith(f"taskloom_{entry.ref.name}.")
        and (
            _place(name)[0] in ("tasks", "config", "domain")
            or name
            in {item.target.partition(":")[0] for g in entry.ref.components.values() for item in g}
        )
    ]
    code = f"import sys, importlib\nfor name in {names!r}: importlib.import_module(name)\n"
    code += f"print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_no_file_imports_a_name_through_a_package() -> None:
    assert {name: sorted(m.through) for name, m in house().items() if m.through} == {}


def test_function_level_imports_of_our_own_modules_only_fall() -> None:
    late = [(name, *item) for name, module in house().items() for item in module.late]
    assert len(late) <= MOST_LATE_IMPORTS


def test_every_definition_is_named_somewhere() -> None:
    """Tests do not count as use; what an `__init__` or a manifest lists does."""
    words = Counter(
        word
        for module in house().values()
        for word in re.findall(r"\w+", module.path.read_text(encoding="utf-8"))
    )
    unused = [
        f"{name}:{node.name}"
        for name, module in house().items()
        for node in module.tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and words[node.name] < 2
        if not node.name.startswith("__")
    ]
    assert len(unused) <= MOST_UNUSED, unused


def test_silenced_checks_say_why() -> None:
    bare = [
        f"{name}:{number}"
        for name, module in house().items()
        for number, line in enumerate(module.path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"# noqa(: [A-Z0-9, ]+)?$", line)
    ]
    assert bare == []


def _docstrings() -> Iterator[tuple[str, str]]:
    for name, module in house().items():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node)
                if text:
                    yield f"{name}:{getattr(node, 'name', '')}", text
            if isinstance(node, ast.Module | ast.ClassDef):
                # The sentence under a field is its help on the command line.
                for field_, after in pairwise(node.body):
                    if isinstance(field_, ast.Assign | ast.AnnAssign) and (text := _text(after)):
                        yield f"{name}:{field_.lineno}", text


def _text(statement: ast.stmt) -> str:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return str(value.value) if isinstance(value, ast.Constant) else ""


def test_docstrings_begin_with_a_verb_or_a_noun_phrase() -> None:
    texts = list(_docstrings())
    bad = [(where, text.partition("\n")[0]) for where, text in texts if OPENING.match(text)]
    assert bad == []


def test_docstrings_name_who_is_meant() -> None:
    text = " ".join(text for _, text in _docstrings())
    assert len(PERSONS.findall(text)) <= 0.2 * len(text.split()) / 1000, PERSONS.findall(text)


@pytest.mark.parametrize(("domain", "folder"), [(d, f) for d, fs in NUMERICAL.items() for f in fs])
def test_numerical_code_says_why(domain: str, folder: str) -> None:
    """At least one comment for every twenty lines of code, docstrings apart."""
    code = comments = 0
    for name, module in house().items():
        if name.startswith(f"taskloom_{domain}.{folder}."):
            lines, said = _code_and_comments(module)
            code, comments = code + lines, comments + said
    assert comments * 20 >= code, f"{comments} comments in {code} lines"


def _code_and_comments(module: Module) -> tuple[int, int]:
    prose = {
        line
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    code, comments = set[int](), 0
    layout = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    for token in tokenize.generate_tokens(io.StringIO(module.path.read_text("utf-8")).readline):
        if token.type == tokenize.COMMENT:
            # Words for a linter, and which library is heavy, explain no number.
            comments += not re.match(r"#\s*(type:|noqa|pyright:|fmt:|.*heavy)", token.string)
        elif token.type not in layout:
            code |= set(range(token.start[0], token.end[0] + 1))
    return len(code - prose), comments
