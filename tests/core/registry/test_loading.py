"""From a task's name to its factory and config class; components by group."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from taskloom import Config, Resumable, Task, registry
from taskloom.errors import PluginError, UnknownNameError, UsageError
from taskloom.registry.components import spelled_out
from taskloom.registry.factory import as_factory
from taskloom.registry.refs import TaskRef

HEAD = """
from __future__ import annotations
from typing import TYPE_CHECKING, Annotated, Generic, Literal, TypeVar
from taskloom import Component, Config, OneOf, Result
if TYPE_CHECKING:
    from taskloom import RunContext
class Walk(Config):
    steps: int = 3
"""


def load(
    install: Callable[..., Path], source: str, target: str = "walks:make"
) -> registry.LoadedTask:
    install("walks", f"[taskloom.tasks]\nhci.walk = {target}\n", walks=HEAD + source)
    return registry.load_task(registry.find_task("hci", "walk"))


GOOD = {
    "function": "def make(config: Walk): return config",
    "function with options": "def make(config: Walk, fast: bool = False, *args, **more): return config",
    "class": "class make:\n    def __init__(self, config: Walk) -> None: self.config = config",
    "annotation for type checkers beside it": "def make(config: Walk) -> RunContext: ...",
    "inherited constructor": (
        "class Base:\n    def __init__(self, config: Walk) -> None: ...\nclass make(Base): ..."
    ),
    "generic base": (
        "C = TypeVar('C', bound=Config)\nclass Base(Generic[C]):\n    def __init__(self, config: C) -> None: ...\n"
        "class make(Base[Walk]): ..."
    ),
    "generic base twice removed": (
        "C = TypeVar('C', bound=Config)\nclass Base(Generic[C]):\n    def __init__(self, config: C) -> None: ...\n"
        "class Middle(Base[C]): ...\nclass make(Middle[Walk]): ..."
    ),
    "nested": "class Home:\n    @staticmethod\n    def make(config: Walk): return config",
}


@pytest.mark.parametrize("kind", GOOD)
def test_a_factory_gives_its_config_class(install: Callable[..., Path], kind: str) -> None:
    loaded = load(install, GOOD[kind], "walks:Home.make" if kind == "nested" else "walks:make")
    assert loaded.config_class.__name__ == "Walk"
    assert issubclass(loaded.config_class, Config)


BAD = {
    "a string": ("make = 'walk'", "is of type str, not a class or function"),
    "two parameters": (
        "def make(a: Walk, b: int): ...",
        "exactly one parameter, its config; it requires a, b",
    ),
    "keyword only": ("def make(*, a: Walk): ...", "exactly one parameter"),
    "no annotation": ("def make(config): ...", "annotate its parameter 'config'"),
    "wrong annotation": (
        "def make(config: int): ...",
        "annotated with int, which is not a subclass of taskloom.Config",
    ),
    "unknown annotation": ("def make(config: RunContext): ...", "outside 'if TYPE_CHECKING'"),
    "abstract config": (
        "from abc import abstractmethod\nclass make(Config):\n    @abstractmethod\n    def run(self, ctx): ...",
        "an abstract class, without run",
    ),
    "raises": ("1 / 0\nmake = 1", "ZeroDivisionError: division by zero"),
    "exits": ("raise SystemExit('bye')\nmake = 1", "SystemExit: bye"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_task_is_refused_in_one_sentence(
    install: Callable[..., Path], kind: str
) -> None:
    source, sentence = BAD[kind]
    with pytest.raises(PluginError) as caught:
        load(install, source)
    assert sentence in caught.value.message
    assert caught.value.message.startswith("Task 'hci walk' (from walks) cannot be ")
    assert "\n" not in caught.value.message


def test_a_config_that_can_run_is_its_own_factory(install: Callable[..., Path]) -> None:
    loaded = load(
        install,
        "class make(Config):\n    steps: int = 3\n    def run(self, ctx): return Result({'n': self.steps})\n"
        "    def resume(self, ctx, checkpoint): return Result({'n': 0.0})",
    )
    config = loaded.config_class(steps=5)
    task = loaded.factory(config)
    assert isinstance(task, Task)
    assert isinstance(task, Resumable)
    assert task is config
    assert task.run(None).metrics == {"n": 5}  # type: ignore[arg-type]  # this task does not look at its context


def test_a_capability_that_a_config_lacks_is_not_claimed() -> None:
    class Bare(Config):
        def run(self, ctx: object) -> None: ...

    factory, config_class = as_factory(Bare, "it")
    assert config_class is Bare
    assert not isinstance(factory(Bare()), Resumable)


def test_an_entry_point_may_lead_to_a_reference_with_a_version(
    install: Callable[..., Path],
) -> None:
    loaded = load(
        install,
        "from taskloom import TaskRef\nREF = TaskRef('ignored', 'Walk far.', 'walks:make', 7)\n"
        "def make(config: Walk): ...",
        "walks:REF",
    )
    assert loaded.entry.ref == TaskRef("walk", "Walk far.", "walks:make", 7)


GROUP = """
from typing import Annotated, Literal
from taskloom import Component, Config, OneOf
class Gait(Component):
    '''How to walk.'''
class Slow(Gait):
    kind: Literal["slow"] = "slow"
class Fast(Gait):
    kind: Literal["fast"] = "fast"
    speed: float = 2.0
class Walk(Config):
    gait: Annotated[Gait, OneOf("lab.gaits")] = Slow()
def make(config: Walk): ...
"""
LAB = """
from taskloom.registry import ComponentRef, DomainRef, TaskRef
DOMAIN = DomainRef("lab", "Experiments.", "", (TaskRef("walk", "Walk.", "lab.walk:make"),),
    components={"lab.gaits": (ComponentRef("slow", "Slowly.", "lab.walk:Slow"),)})
"""


@pytest.fixture
def lab(install: Callable[..., Path]) -> Callable[..., Path]:
    install(
        "lab",
        "[taskloom.domains]\nlab = lab.domain:DOMAIN\n",
        lab__domain=LAB,
        lab__walk=GROUP,
        lab____init__="",
    )
    return install


def test_a_plugin_opens_the_union_of_a_domain(lab: Callable[..., Path]) -> None:
    lab("fast-gait", "[lab.gaits]\nfast = lab.walk:Fast\n")
    config_class = registry.load_task(registry.find_task("lab", "walk")).config_class
    assert [ref.name for ref in registry.component_refs("lab.gaits")] == ["slow", "fast"]
    config: Any = config_class.model_validate({"gait": {"kind": "fast", "speed": 3}})
    assert config.gait.speed == 3.0
    with pytest.raises(ValidationError, match="'slow', 'fast'"):
        config_class.model_validate({"gait": {"kind": "flying"}})


def test_component_names_are_told_without_importing_the_components(
    lab: Callable[..., Path],
) -> None:
    assert [(ref.name, ref.summary) for ref in registry.component_refs("lab.gaits")] == [
        ("slow", "Slowly.")
    ]
    assert "lab.walk" not in sys.modules


SHORT = """
from dataclasses import replace
from taskloom.errors import UsageError
from taskloom.registry import ShortNamesRef
DOMAIN = replace(DOMAIN, short_names={"lab.gaits": ShortNamesRef("lab.domain:spelled", ("slow:HOW",))})
def spelled(name):
    if name == "slow:refused":
        raise UsageError("There is no such slowness.")
    return {"slow:good": {"kind": "slow"}, "slow:text": "slow", "slow:kindless": {}}[name] if ":" in name else None
"""


def test_short_names_of_a_third_party_are_its_own_fault(
    install: Callable[..., Path],
) -> None:
    manifest = "[taskloom.domains]\nlab = lab.domain:DOMAIN\n"
    install("lab", manifest, lab__domain=LAB + SHORT, lab____init__="")
    assert spelled_out("lab.gaits", "slow:good") == {"kind": "slow"}
    assert spelled_out("lab.gaits", "fast") is None
    with pytest.raises(UsageError, match="no such slowness"):
        spelled_out("lab.gaits", "slow:refused")
    for name, told in {
        "slow:other": "KeyError: 'slow:other' for 'slow:other'",
        "slow:text": "returns a str for 'slow:text', not a component's values",
        "slow:kindless": "returns a mapping without a kind for",
    }.items():
        with pytest.raises(
            PluginError, match=rf"'lab.gaits' \(from lab\) cannot be used: .*{told}"
        ):
            spelled_out("lab.gaits", name)


def test_a_broken_component_leaves_the_others(lab: Callable[..., Path]) -> None:
    lab(
        "bad-gait",
        "[lab.gaits]\nlimping = limping:Limping\nrolling = lab.walk:Walk\nfast = lab.walk:Slow\n",
        limping="1/0",
    )
    assert list(registry.load_components("lab.gaits")) == ["slow"]
    for name, sentence in [
        ("limping", "ZeroDivisionError"),
        ("rolling", "needs the field kind"),
        ("fast", r'kind: Literal\["fast"\]'),
    ]:
        with pytest.raises(PluginError, match=sentence):
            registry.load_component("lab.gaits", name)
    found = {broken.name for broken in registry.audit_plugins() if broken.name.startswith("lab.")}
    assert found == {"lab.gaits.limping", "lab.gaits.rolling", "lab.gaits.fast"}


def test_a_component_of_two_distributions_is_refused_by_both_names(
    lab: Callable[..., Path],
) -> None:
    lab("other-gait", "[lab.gaits]\nslow = lab.walk:Fast\n")
    assert registry.component_refs("lab.gaits") == []
    assert registry.broken_components("lab.gaits")[0].distribution == "lab and other-gait"
    with pytest.raises(PluginError, match="both 'lab' and 'other-gait'"):
        registry.load_component("lab.gaits", "slow")


def test_an_unknown_component_gets_the_names_and_a_suggestion(lab: Callable[..., Path]) -> None:
    with pytest.raises(
        UnknownNameError, match=r"no 'slwo' in the group 'lab.gaits'; allowed: slow"
    ) as caught:
        registry.load_component("lab.gaits", "slwo")
    assert caught.value.hint == "did you mean 'slow'?"


def test_the_audit_finds_what_a_listing_does_not_import(install: Callable[..., Path]) -> None:
    install("walks", "[taskloom.tasks]\nhci.walk = walks:make\n", walks="make = 1\n1 / 0")
    assert [b for b in registry.broken_plugins() if b.name == "hci.walk"] == []
    assert "ZeroDivisionError" in {b.name: b.error for b in registry.audit_plugins()}["hci.walk"]


def test_a_frozen_process_sees_no_later_plugin(tmp_path: Path) -> None:
    code = (
        "import sys; from taskloom import registry; registry.freeze(); sys.path.insert(0, sys.argv[1]); registry.refresh();"
        "print('late' in [task.ref.name for task in registry.tasks_of('hci')])"
    )
    info = tmp_path / "late-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[taskloom.tasks]\nhci.late = json:loads\n")
    frozen = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True
    )
    thawed = subprocess.run(
        [
            sys.executable,
            "-c",
            code.replace("registry.freeze()", "registry.tasks_of('hci')"),
            tmp_path,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (frozen.stdout, thawed.stdout) == ("False\n", "True\n")


def test_listing_imports_no_back_end_and_no_pydantic() -> None:
    code = (
        "import sys; from taskloom import registry\n"
        "for domain in registry.installed_domains(): registry.tasks_of(domain.ref.name)\n"
        "registry.broken_plugins()\n"
        "print(*sorted(set('torch jax flax mujoco lightning gymnasium numpy rich pydantic typer yaml'.split())"
        " & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "\n"
