"""The contract of tasks: a task runs itself, or fits its domain's protocol and is run by its domain's driver."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import pytest
from taskloom import Config, registry
from taskloom.bound import bind
from taskloom.errors import PluginError
from taskloom.lifecycle.lifecycle import check_task_instance, continue_run, run_task
from taskloom.opening import open_run, open_task, task_of
from taskloom.registry import LoadedTask
from taskloom.registry.factory import as_factory
from taskloom.request import RunOptions
from taskloom.testing import check_task

Install = Callable[..., Path]

MANIFEST = """
from taskloom import DomainRef, TaskRef
NAMES = ("form", "own_config", "config_itself", "generic", "plain", "runs_itself", "nothing", "stranger", "no_base")
DOMAIN = DomainRef(
    name="yard", summary="Digging.", extra="", tasks=tuple(TaskRef(n, n + ".", "yard.tasks:" + n) for n in NAMES),
    protocol="yard.task:Digging", config="yard.task:DigConfig", driver="yard.driver",
)
"""

TASK = """
from abc import ABC, abstractmethod
from typing import Generic, TypeVar
from taskloom import Config
class DigConfig(Config):
    '''A dig.'''
    spades: int = 2
    '''Spades.'''
C = TypeVar("C", bound=Config)
class Digging(ABC, Generic[C]):
    @abstractmethod
    def depth(self): ...
    @abstractmethod
    def width(self): ...
    def cover(self): ...
"""

DRIVER = """
from taskloom import Finding, Result
def run(task, ctx, checkpoint):
    done = int((checkpoint / "done").read_text()) if checkpoint else 0
    for step in range(done, task.config.spades):
        ctx.log(step, depth=float(task.task.depth()))
        with ctx.checkpoint(step) as folder:
            (folder / "done").write_text(str(step + 1))
        if ctx.should_stop:
            break
    return Result({"depth": float(task.task.depth() * task.config.spades)}, summary="dug")
def check(task):
    yield Finding("info", f"{task.name} has {task.config.spades} spades")
def describe(task):
    return {"spades": task.config.spades}
def can_resume(task):
    return task.config.spades > 0
"""

TASKS = """
from taskloom import Finding, Result
from yard.task import DigConfig, Digging
class form(Digging[DigConfig]):
    def depth(self): return 3
    def width(self): return 1
    def check(self): return [Finding("warning", "the ground is wet")]
    def describe(self): return {"ground": "wet"}
class DeepConfig(DigConfig):
    '''A deep dig.'''
    depth: int = 5
    '''Depth.'''
def own_config(config: DeepConfig):
    task = form()
    task.depth = lambda: config.depth
    return task
class config_itself(DigConfig, Digging):
    '''A dig that is its own config.'''
    def depth(self): return self.spades
    def width(self): return 1
class generic(Digging[DeepConfig]):
    def depth(self): return 7
    def width(self): return 1
class plain(form):
    def __init__(self, ground="dry"): self.ground = ground
class runs_itself:
    def __init__(self, config: DigConfig): self.spades = config.spades
    def run(self, ctx): return Result({"spades": float(self.spades)}, summary="by hand")
class Nothing:
    def width(self): return 1
def nothing(config: DigConfig): return Nothing()
class OtherConfig(__import__("taskloom").Config):
    '''Of nothing.'''
def stranger(config: OtherConfig): return form()
class Whole:
    def depth(self): return 1
    def width(self): return 1
def no_base(config: DigConfig): return Whole()
"""


@pytest.fixture
def yard(install: Install) -> Callable[[str], LoadedTask]:
    """Return a function that loads a task of a domain whose tasks are run by a driver."""
    install(
        "yard",
        "[taskloom.domains]\nyard = yard.domain:DOMAIN\n",
        yard____init__="",
        yard__domain=MANIFEST,
        yard__task=TASK,
        yard__driver=DRIVER,
        yard__tasks=TASKS,
    )
    return lambda name: registry.load_task(registry.find_task("yard", name))


@pytest.mark.parametrize(
    ("name", "depth"),
    [("form", 6), ("own_config", 10), ("config_itself", 4), ("generic", 14), ("plain", 6)],
)
def test_every_form_of_a_task_is_run_by_the_driver(
    yard: Callable[[str], LoadedTask], tmp_path: Path, name: str, depth: float
) -> None:
    loaded = yard(name)
    run = run_task(loaded, loaded.config_class(), RunOptions(store=tmp_path, quiet=True))
    assert (run.status, run.metrics["depth"]) == ("finished", depth)


def test_a_generic_base_names_the_config(yard: Callable[[str], LoadedTask]) -> None:
    assert yard("generic").config_class.__name__ == "DeepConfig"
    assert yard("form").config_class.__name__ == "DigConfig"


def test_a_config_is_found_through_two_generic_bases() -> None:
    class First(Config):
        """The bound."""

    class Second(First):
        """The config of the subclass."""

    outer, inner = TypeVar("outer", bound=Config), TypeVar("inner", bound=First)

    class Base(Generic[outer]):
        def __init__(self, config: outer) -> None: ...

    class Middle(Base[inner], Generic[inner]): ...

    class Mine(Middle[Second]): ...

    Base.__init__.__annotations__["config"] = outer
    assert as_factory(Mine, "it")[1] is Second
    assert as_factory(Middle, "it")[1] is First


def test_a_task_with_run_runs_itself_and_has_no_driver(
    yard: Callable[[str], LoadedTask], tmp_path: Path
) -> None:
    loaded = yard("runs_itself")
    assert bind(loaded, loaded.config_class()).driver is None
    assert (
        run_task(loaded, loaded.config_class(), RunOptions(store=tmp_path, quiet=True)).summary
        == "by hand"
    )


def test_the_driver_speaks_first_and_the_task_adds(yard: Callable[[str], LoadedTask]) -> None:
    loaded = yard("form")
    bound = bind(loaded, loaded.config_class())
    assert [item.message for item in bound.check()] == [
        "yard/form has 2 spades",
        "the ground is wet",
    ]
    assert bound.describe() == {"spades": 2, "ground": "wet"}


def test_a_copy_is_another_task_with_the_same_config(yard: Callable[[str], LoadedTask]) -> None:
    loaded = yard("plain")
    bound = bind(loaded, loaded.config_class())
    assert type(bound.copy()) is type(bound.task)
    assert bound.copy() is not bound.task


REFUSED = {
    "nothing": "'yard nothing' is no task of the domain 'yard': it is a Nothing, and it lacks depth.",
    "no_base": "'yard no_base' is no task of the domain 'yard': it is a Whole, and it lacks the base class Digging.",
    "stranger": (
        "'yard stranger' asks for a OtherConfig, which is no DigConfig: the components of the domain 'yard' have no place in it."
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_task_of_the_domain_is_refused_with_what_it_lacks(
    yard: Callable[[str], LoadedTask], tmp_path: Path, name: str
) -> None:
    loaded = yard(name)
    with pytest.raises(PluginError) as caught:
        run_task(loaded, loaded.config_class(), RunOptions(store=tmp_path, quiet=True))
    assert caught.value.message == REFUSED[name]
    assert int(caught.value.exit_code) == 4
    found = check_task_instance(loaded, loaded.config_class())
    assert [(item.level, item.message) for item in found] == [("error", REFUSED[name])]


def test_the_driver_resumes_and_ends_where_an_undisturbed_run_ends(
    yard: Callable[[str], LoadedTask], tmp_path: Path
) -> None:
    loaded = yard("form")
    config = loaded.config_class(spades=9)
    whole = run_task(loaded, config, RunOptions(store=tmp_path / "whole", quiet=True))
    run = run_task(loaded, config, RunOptions(store=tmp_path / "cut", quiet=True))
    record = run.layout.record.read_text().replace('"status": "finished"', '"status": "stopped"')
    run.layout.record.write_text(record)
    again = continue_run(loaded, run.layout, quiet=True)
    assert (again.status, again.record.attempts) == ("finished", 2)
    assert dict(again.metrics) == dict(whole.metrics)


def test_opening_by_name_takes_values_and_no_environment(
    yard: Callable[[str], LoadedTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    del yard
    monkeypatch.setenv("TASKS__SPADES", "11")
    assert open_task("yard/form", spades=3).config.spades == 3  # type: ignore[attr-defined]
    assert open_task("yard/own_config", {"depth": 8}).task.depth() == 8
    assert open_task("yard/form").config.spades == 2  # type: ignore[attr-defined]


def test_the_task_of_a_run_has_the_recorded_config_whatever_the_environment_says(
    yard: Callable[[str], LoadedTask], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = yard("form")
    run = run_task(loaded, loaded.config_class(spades=4), RunOptions(store=tmp_path, quiet=True))
    monkeypatch.setenv("TASKS__SPADES", "11")
    assert task_of(open_run(run.id, tmp_path)).config.spades == 4  # type: ignore[attr-defined]


def test_the_conformance_suite_binds_a_class_that_is_not_registered(
    yard: Callable[[str], LoadedTask],
) -> None:
    import sys

    yard("form")
    made = sys.modules["yard.tasks"].plain
    passed = check_task(made, domain="yard", spades=3)
    assert "a resumed run ends like an uninterrupted one" in passed or len(passed) >= 15
