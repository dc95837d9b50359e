"""Manifest of a domain, without importing anything heavy: names, sentences, and the places of the code.

A manifest is one module with one `DomainRef` in it. `tasks list` and `tasks --help` import manifests and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class TaskRef:
    """A task by name.

    Attributes:
        name: The task's name inside its domain: `backdoor`.
        summary: One sentence for listings.
        target: Where the factory is: `"package.module:attribute"`. It is a callable with one parameter annotated with its
            config, one without a required parameter, or a config class that is its own task.
        version: Part of a run's identity; raise it when the task's meaning changes.
        needs: Modules of other packages that it cannot be made without. It is listed only where all of them are installed; they
            are looked for, never imported.
        install: What installs them, after `pip install`: `'lab[dogs]'`.
    """

    name: str
    summary: str
    target: str
    version: int = 1
    needs: tuple[str, ...] = ()
    install: str = ""


@dataclass(frozen=True, slots=True)
class ComponentRef:
    """A component by name.

    Attributes:
        name: What the user writes: `--detector=<name>`; equal to the class's `kind`.
        summary: One sentence for listings.
        target: The component's class: `"package.module:Class"`.
        plays: The tasks that it fits, where a listing must know them without opening the file; empty: it is asked.
    """

    name: str
    summary: str
    target: str
    plays: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ShortNamesRef:
    """Further names of a group's components, each for a component and some of its values.

    Attributes:
        target: A function from a name that no component has to the `kind` and the values that it stands for, or to None:
            `"package.module:function"`. It is asked wherever a component is chosen by name.
        forms: How such names look, for help and refusals: `("sklearn:CLASS",)`.
    """

    target: str
    forms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VerbRef:
    """A verb under the domain's name: `tasks control replay RUN`.

    Attributes:
        name: The verb.
        summary: One sentence for listings.
        target: A function whose signature Typer understands; imported only when the verb is called.
        on: `task`: the function receives a `BoundTask` first, and the command has every parameter of the task as an option.
            `run`: it receives a `Run` and then, if its second parameter is called `task`, the run's `BoundTask` with the recorded
            config. Empty: its parameters are all that the command has. Parameters between these and `*` are arguments.
        overrides: Fields of the recorded config that a verb on a run offers as options: `("sampler",)`.
        for_run: The function of a verb on a task where a run is named in the task's place; as for `run` above. Empty: it has none.
        folders: Whether a verb on a run also takes a folder that is no run, such as one that another verb has written: it then
            receives its `Path` in place of the `Run`, and opens what it needs by itself.
        named: Options of a verb on a run whose values have names: `--condition.logp=2.5` is `--condition=logp=2.5`.
    """

    name: str
    summary: str
    target: str
    on: Literal["", "task", "run"] = ""
    overrides: tuple[str, ...] = ()
    folders: bool = False
    for_run: str = ""
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DomainRef:
    """The manifest of a domain.

    Attributes:
        name: The domain's name: `anomaly`.
        summary: One sentence for listings.
        extra: The extra of the `taskloom` distribution that installs it; empty for a third party's domain.
        tasks: The domain's own tasks; plugins add more through the entry-point group `taskloom.tasks`.
        components: The domain's own components by group name; plugins add more through entry points of that group.
        short_names: Further names of the components of a group, by group name.
        verbs: Verbs under the domain's name.
        report: `"package.module:function"`, a function from a `taskloom.runs.Run` to a list of report blocks; or empty.
        compare: `"package.module:function"`, a function from at most eight runs of one task, by name, to a list of report blocks
            that set them on shared axes; or empty.
        samples: `"package.module:function"`, a function from a run to `taskloom.report.samples.SampleTable`, for the viewer; or empty.
        protocol: `"package.module:Class"`, a protocol or an abstract class that a task must fit if it does not run itself.
        config: `"package.module:Class"`, the config of a task whose factory asks for none.
        driver: `"package.driver"`, a module with the four functions of `taskloom.bound.Driver`; it runs the tasks that fit.
        metrics: Names of the metrics that its driver reports, `*` for what depends on the task: `("auroc/fused", "auroc/*")`; a
            search for another is refused before its first trial. Empty: they are known after it.
        lead: Names of the metrics that a terminal shows first while a run goes on: the headline's, and what stands for it until then.
        loaders: A function from a `taskloom.runs.Run` for each name that `Run.load` can load: `{"detector": "package.module:function"}`.
        scaffold: `"package/folder"`, with templates for `tasks new` in folders called `task`, as a kind of component, or as the
            suffix of a file that a task can be made around.
        uncounted: Modules of its package that compute nothing: a run is not repeated because one of them was edited.
    """

    name: str
    summary: str
    extra: str
    tasks: tuple[TaskRef, ...]
    components: Mapping[str, tuple[ComponentRef, ...]] = field(default_factory=dict)
    short_names: Mapping[str, ShortNamesRef] = field(default_factory=dict)
    verbs: tuple[VerbRef, ...] = ()
    report: str = ""
    compare: str = ""
    samples: str = ""
    protocol: str = ""
    config: str = ""
    driver: str = ""
    metrics: tuple[str, ...] = ()
    lead: tuple[str, ...] = ()
    loaders: Mapping[str, str] = field(default_factory=dict)
    scaffold: str = ""
    uncounted: tuple[str, ...] = ("report", "verbs", "exports", "domain")
