"""What the verbs share: a run's model, its problem, and options that choose a component."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError
from taskloom.errors import ConfigError, RunCorruptError, UsageError
from taskloom.registry import did_you_mean, load_component

if TYPE_CHECKING:
    from taskloom_diffusion.model.diffusion_model import DiffusionModel
    from taskloom_diffusion.task import DiffusionProblem

T = TypeVar("T")


@dataclass(frozen=True)
class Trained:
    """A finished run's model.

    Attributes:
        task: The model, in evaluation mode.
        facts: What it was saved with.
        problem: The task that was run, with its config.
    """

    task: DiffusionModel
    facts: dict[str, Any]
    problem: DiffusionProblem[Any]


def open_trained(reference: str, store: Path | None) -> Trained:
    """Return the model of a run given by id, prefix, `@last` or folder."""
    from taskloom.runs import open_run

    run = open_run(reference, store)
    if run.domain != "diffusion":
        raise UsageError(f"run {run.id} is of the domain '{run.domain}', not 'diffusion'")
    if "model" not in run.artifacts:
        raise RunCorruptError(
            f"run {run.id} ({run.status}) has no trained model; resume it with 'tasks resume {run.id}'"
        )
    # torch is imported only once there is a model to load.
    from taskloom_diffusion.training.checkpoint import load_model

    task, facts = load_model(run.artifacts["model"].parent)
    return Trained(task, facts, _problem(run))


def _problem(run: Any) -> DiffusionProblem[Any]:  # noqa: ANN401 -- taskloom.runs.Run
    from taskloom.registry import find_task, load_task

    loaded = load_task(find_task(run.domain, run.task))
    config = loaded.config_class.model_validate(dict(run.config))
    problem: DiffusionProblem[Any] = loaded.factory(config)  # type: ignore[assignment]  # this domain knows its own tasks
    return problem


def choose(group: str, name: str, settings: Sequence[str], default: T, option: str = "--with") -> T:
    """Return the component called `name` with `key=value` settings; the default with settings if no name is given.

    Args:
        group: The group of components.
        name: One of them, or nothing.
        settings: What to change about it.
        default: The component that is meant by no name.
        option: How the settings are given on the command line.

    Raises:
        UsageError: A setting has no value, or the component has no such setting.
        ConfigError: A value is not allowed.
    """
    kind = name or str(getattr(default, "kind", ""))
    component: Any = load_component(group, kind)
    given: dict[str, Any] = {}
    for setting in settings:
        key, found, value = setting.partition("=")
        if not found:
            raise UsageError(
                f"'{option} {setting}' must be name=value, such as {option} num_calls=16"
            )
        given[key] = _value(value)
    allowed = [field for field in component.model_fields if field != "kind"]
    for key in given:
        if key not in allowed:
            raise UsageError(
                f"'{kind}' has no setting '{key}'; it has {', '.join(allowed) or 'none'}",
                hint=did_you_mean(key, allowed),
            )
    same: Any = default
    fields = same.model_dump(mode="json") if type(default) is component else {}
    try:
        chosen: T = component.model_validate({**fields, **given})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(p) for p in first["loc"])
        sentence = first["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
        sentence = sentence.partition(", unable to parse")[0]
        if not place:
            raise ConfigError(f"{kind}: {sentence}") from None
        raise ConfigError(f"{option} {place}={first['input']}: {kind}.{place} {sentence}") from None
    return chosen


def _value(text: str) -> Any:  # noqa: ANN401 -- any JSON value
    try:
        return json.loads(text)
    except ValueError:
        return text
