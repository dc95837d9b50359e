"""A shipped or plugged-in task of this domain from words of a command line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, get_type_hints

from taskloom.errors import CheckFailedError, UnknownNameError, UsageError
from taskloom.params import resolve

if TYPE_CHECKING:
    from taskloom_hci.bundle.bundle import Bundle


def game(task: str, parameters: Iterable[str], seed: int) -> Bundle:
    """Return the game of a task.

    Args:
        task: The task's name.
        parameters: `NAME=VALUE`, as for `tasks run`.
        seed: Root of all random numbers.

    Raises:
        UnknownNameError: If there is no such task.
        UsageError: If a parameter is not of that form or not accepted.
        CheckFailedError: If the task, the user and the assistant do not fit together.
    """
    # Only those who play need the game.
    from taskloom_hci.errors import HciError, UnknownKeyError
    from taskloom_hci.shipped import factory_of

    arguments: dict[str, str] = {}
    for text in parameters:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--param takes NAME=VALUE, not '{text}'.")
        arguments[name] = value
    try:
        factory: Any = factory_of(task)
    except UnknownKeyError as error:
        raise UnknownNameError(str(error)) from None
    config = resolve(get_type_hints(factory.__init__)["config"], arguments=arguments).config
    try:
        bundle: Bundle = factory(config).bundle(seed)
    except HciError as error:
        raise CheckFailedError(str(error)) from None
    return bundle
