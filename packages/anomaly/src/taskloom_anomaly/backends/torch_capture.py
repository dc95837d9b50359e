"""One pass of a torch module with hooks: copies of what its modules are given and return, by name.

A copy is made in the hook, because the next module may write over the memory; unwatched modules have no hook. The module is left
as it was: its training modes, its hooks and torch's random state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

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
    names = None if wanted is None else frozenset(wanted)
    if wanted is None:
        parts = dict(module.named_modules())
    else:
        # Not a walk over the whole network, which takes longer than the hooks.
        paths = dict.fromkeys(place_of(name).path for name in wanted)
        parts = {path: module.get_submodule(path) for path in paths}
    hooks = []
    for path, part in parts.items():
        if path:
            hooks += _watch(part, path, found, names, stop)
    try:
        with torch.no_grad(), evaluating(module):
            found.output = call(module)
    except _AllSeenError:
        pass
    finally:
        for hook in hooks:
            hook.remove()
    return found


def _watch(
    part: torch.nn.Module, path: str, found: Pass, names: frozenset[str] | None, stop: bool
) -> list[torch.utils.hooks.RemovableHandle]:
    # Calls that have begun; a module may call itself.
    begun: list[int] = []
    calls = 0

    def keep(place: CallPlace, value: Any) -> None:  # noqa: ANN401 -- a module may return anything
        for suffix, tensor in parts_of(value, is_floating):
            name = place.name + suffix
            if names is None or name in names:
                found.seen[name] = tensor.detach().clone()
                found.age[name] = len(found.finished)
        if stop and names is not None and len(found.seen) == len(names):
            raise _AllSeenError

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1
        begun.append(calls)

    def before(module: torch.nn.Module, arguments: Any, keywords: Any) -> None:  # noqa: ANN401 -- modules take and return anything
        count(module)
        keep(CallPlace(path, calls, entering=True), [*arguments, *keywords.values()])

    def after(module: torch.nn.Module, arguments: Any, output: Any) -> None:  # noqa: ANN401 -- modules take and return anything
        del module, arguments
        found.finished.append(path)
        keep(CallPlace(path, begun.pop()), output)

    # What enters a module is looked at only where it is asked for.
    if names is None or any(place_of(name).entering for name in names):
        first = part.register_forward_pre_hook(before, with_kwargs=True)
    else:
        first = part.register_forward_pre_hook(count)
    return [first, part.register_forward_hook(after)]
