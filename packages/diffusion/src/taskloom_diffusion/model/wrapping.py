"""From an object that a user wrote to the part of a config that keeps it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from taskloom import Component
from taskloom.errors import ConfigError, UsageError
from taskloom.registry.components import load_components
from taskloom.registry.suggest import did_you_mean

from taskloom_diffusion.denoisers.own import OwnDenoiser
from taskloom_diffusion.losses.own import OwnLoss
from taskloom_diffusion.model.own import OwnPart, definition_of, give, own_fields
from taskloom_diffusion.model.own_optimizer import OwnOptimizer
from taskloom_diffusion.processes.own import OwnProcess
from taskloom_diffusion.samplers.own import OwnSampler
from taskloom_diffusion.schedules.own import OwnSchedule


@dataclass(frozen=True)
class _Kind:
    """Kind of part: the class that keeps it, its group, the methods that an object must have, and the word for it."""

    keeps: type[OwnPart]
    group: str
    methods: Mapping[str, str]
    word: str = ""


KINDS: Mapping[str, _Kind] = {
    "schedule": _Kind(OwnSchedule, "schedules", {"alpha": "alpha(t)", "dalpha": "dalpha(t)"}),
    "loss": _Kind(OwnLoss, "losses", {"per_row": "per_row(batch)"}),
    "sampler": _Kind(OwnSampler, "samplers", {"run": "run(generation)"}),
    "process": _Kind(OwnProcess, "processes", {"build": "build(vocabulary)"}),
    "denoiser": _Kind(OwnDenoiser, "denoisers", {"build": "build(vocab_size, max_length)"}),
    # The field of a config; no package registers any.
    "algorithm": _Kind(OwnOptimizer, "", {"__call__": "a call (groups)"}, "optimizer"),
}


def own(part: object) -> OwnPart:
    """Return an object of your own as a part of a config.

    A config class takes the object itself; values by path take this: `{"schedule": own(SquareRoot())}`.

    Args:
        part: A schedule, loss, sampler, process or denoiser, told by its methods; or what is called with groups of parameters and
            returns an optimizer.

    Raises:
        ConfigError: It has the methods of none, its class has no source, or a parameter of it is no plain data.

    Example:
        >>> from taskloom_diffusion import LinearSchedule
        >>> own(LinearSchedule()).qualname
        'LinearSchedule'
    """
    fitting = [name for name, kind in KINDS.items() if _has(part, kind)]
    if fitting != ["algorithm"]:
        # Much can be called, networks too.
        fitting = [name for name in fitting if name != "algorithm"]
    if len(fitting) > 1:
        # Both are built: a process for a vocabulary, a network for its size.
        takes = len(inspect.signature(part.build).parameters)  # type: ignore[attr-defined]  # both have it
        fitting = ["denoiser" if takes > 1 else "process"]
    if not fitting:
        calls = "; ".join(f"{name}: {', '.join(k.methods.values())}" for name, k in KINDS.items())
        raise ConfigError(f"{definition_of(part).__name__} has the methods of no part ({calls})")
    return kept(fitting[0], part)


def _has(part: object, kind: _Kind) -> bool:
    return all(callable(getattr(part, name, None)) for name in kind.methods)


def kept(name: str, part: object) -> OwnPart:
    """Return an object as a config keeps it.

    Raises:
        ConfigError: It lacks a method, its class has no source, or a parameter of it is no plain data.
    """
    kind = KINDS[name]
    fields: dict[str, Any] = dict(own_fields(part, kind.word or name, kind.methods))
    absorbing = bool(getattr(part, "absorbing", False))
    if name == "process":
        fields["masks"] = absorbing
    if name == "sampler":
        fields["masks_only"] = absorbing
        common = ("temperature", "top_p", "precision")
        fields |= {field: getattr(part, field) for field in common if hasattr(part, field)}
    return kind.keeps.model_validate(fields)


def with_own_parts(values: Any) -> Any:  # noqa: ANN401 -- whatever a config is made from
    """Return the values of a config with objects as it keeps them; what a package registers stays as it is."""
    if not isinstance(values, Mapping):
        return values
    found = {
        name: kept(name, value)
        for name, value in values.items()
        if name in KINDS and not isinstance(value, str | Mapping | OwnPart)
        if value is not None and not _is_registered(name, value)
    }
    return {**values, **found}


def _is_registered(name: str, value: object) -> bool:
    if not KINDS[name].group:
        return False
    members = load_components(f"taskloom_diffusion.{KINDS[name].group}")
    return isinstance(value, Component) and type(value) in members.values()


def give_parts(parts: Mapping[str, object]) -> None:
    """Let classes be found by what a record says of them: `load(path, schedule=SquareRoot())`.

    Raises:
        UsageError: There is no part of a name; the closest one is in the message.
    """
    for name, part in parts.items():
        if name not in KINDS:
            near = did_you_mean(name, KINDS)
            raise UsageError(f"'{name}' is none of {', '.join(KINDS)}{'; ' * bool(near)}{near}")
        give(definition_of(part))
