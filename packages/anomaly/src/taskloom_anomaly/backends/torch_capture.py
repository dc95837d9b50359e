"""One pass of a torch module with hooks: copies of what its modules are given and return, by name.

A copy is made in the hook, because the next module may write over the memory; unwatched modules have no hook. The module is left
as it was: its training modes, its hooks and torch's random state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, reduce
from typing import Any, TypeAlias

import torch

from taskloom_anomaly.backends.names import CallPlace, parts_of, place_of


class _AllSeenError(Exception):
    """Raised inside a forward pass to end it: every wanted activation is known."""


@dataclass
class Pass:
    """The result of one pass.

    Attributes:
        output: What the network returned; None if the pass was ended early.
        seen: Copies of activations by name, in the order in which they came to be.
        finished: Paths of the modules that returned, in that order.
        age: How many modules had returned when an activation came to be.
    """

    output: Any = None
    seen: dict[str, torch.Tensor] = field(default_factory=dict)
    finished: list[str] = field(default_factory=list)
    age: dict[str, int] = field(default_factory=dict)


def is_floating(value: object) -> bool:
    """Return whether a value is a floating tensor with an axis of samples and one more."""
    return isinstance(value, torch.Tensor) and value.is_floating_point() and value.ndim >= 2


@contextmanager
def evaluating(module: torch.nn.Module) -> Iterator[None]:
    """Hold a module in evaluation mode, and put every mode and torch's random state back."""
    training = [part for part in module.modules() if part.training]
    state = torch.random.get_rng_state()
    try:
        for part in training:
            part.training = False
        yield
    finally:
        for part in training:
            part.training = True
        torch.random.set_rng_state(state)


def run(
    module: torch.nn.Module,
    call: Callable[[torch.nn.Module], Any],
    wanted: Sequence[str] | None,
    *,
    stop: bool = False,
) -> Pass:
    """Run a module with hooks.

    Args:
        module: The network.
        call: Calls it with its inputs.
        wanted: Names of activations that are kept; None keeps all.
        stop: Whether the pass ends as soon as all of `wanted` are known.
    """
    found = Pass()
    if wanted is None:
        parts = {path: part for path, part in module.named_modules() if path}
        asked: Mapping[str, CallsOf | None] = dict.fromkeys(parts)
    else:
        # Not a walk over the whole network, which takes longer than the hooks.
        asked = _by_module(tuple(wanted))
        parts = {path: reduce(getattr, path.split("."), module) for path in asked}
    count = len(frozenset(wanted or ())) if stop else 0
    hooks = []
    for path, part in parts.items():
        hooks += _watch(part, path, found, asked[path], count)
    try:
        with torch.no_grad(), evaluating(module):
            found.output = call(module)
    except _AllSeenError:
        pass
    finally:
        for hook in hooks:
            hook.remove()
    return found


CallsOf: TypeAlias = "Mapping[tuple[int, bool], Mapping[str, str]]"
"""The names that are wanted of a module by their suffixes, for each call by its number and whether it is what enters it."""


# Every pass asks for the same names again.
@lru_cache(maxsize=64)
def _by_module(wanted: tuple[str, ...]) -> Mapping[str, CallsOf]:
    """Return the names that are wanted of each module; nothing is wanted of the network itself."""
    found: dict[str, dict[tuple[int, bool], dict[str, str]]] = {}
    for name in wanted:
        place = place_of(name)
        if place.path:
            own = found.setdefault(place.path, {}).setdefault((place.call, place.entering), {})
            own[name.removeprefix(place.name)] = name
    return found


def _watch(
    part: torch.nn.Module, path: str, found: Pass, asked: CallsOf | None, count: int
) -> list[torch.utils.hooks.RemovableHandle]:
    """Put hooks on a module, and return them.

    Args:
        part: The module.
        path: Its path.
        found: What the hooks write to.
        asked: What is wanted of it; None for all.
        count: Number of activations after which the pass ends; 0 lets it run on.
    """
    # Calls that have begun; a module may call itself.
    begun: list[int] = []
    calls = 0

    def keep(number: int, value: Any, *, entering: bool) -> None:  # noqa: ANN401 -- a module may return anything
        own = None if asked is None else asked.get((number, entering), {})
        if own is None:
            place = CallPlace(path, number, entering).name
            for suffix, tensor in parts_of(value, is_floating):
                found.seen[place + suffix] = tensor.detach().clone()
                found.age[place + suffix] = len(found.finished)
        elif own:
            for suffix, tensor in parts_of(value, is_floating):
                if suffix in own:
                    found.seen[own[suffix]] = tensor.detach().clone()
        if count and len(found.seen) == count:
            raise _AllSeenError

    def begin(*_: object) -> None:
        nonlocal calls
        calls += 1
        begun.append(calls)

    def before(module: torch.nn.Module, arguments: Any, keywords: Any) -> None:  # noqa: ANN401 -- modules take and return anything
        begin(module)
        keep(calls, [*arguments, *keywords.values()], entering=True)

    def after(module: torch.nn.Module, arguments: Any, output: Any) -> None:  # noqa: ANN401 -- modules take and return anything
        del module, arguments
        if asked is None:
            found.finished.append(path)
        keep(begun.pop(), output, entering=False)

    # What enters a module is looked at only where it is asked for.
    if asked is None or any(entering for _, entering in asked):
        first = part.register_forward_pre_hook(before, with_kwargs=True)
    else:
        first = part.register_forward_pre_hook(begin)
    return [first, part.register_forward_hook(after)]
