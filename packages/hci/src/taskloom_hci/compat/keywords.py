"""Keywords of the seed system (CoopIHC): those it has are taken, those without a counterpart say so, and no other is swallowed."""

# ruff: noqa: ANN401 -- the signatures of the seed system

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from taskloom.registry.suggest import did_you_mean

from taskloom_hci.errors import HciError

T = TypeVar("T", bound=Callable[..., Any])


def seed_keywords(called: str = "", /, **without: str) -> Callable[[T], T]:
    """Return a decorator of a class or a function that names a keyword it does not know, with the nearest that it does.

    Args:
        called: Its name in the seed system, if it has another one here.
        without: Keywords of the seed that have no counterpart, and what there is instead.
    """

    def decorate(thing: T) -> T:
        title = called or thing.__name__
        made: Any = vars(thing)["__init__"] if isinstance(thing, type) else thing
        known = [
            name
            for name, one in inspect.signature(made).parameters.items()
            if one.kind in {one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY} and name != "self"
        ]

        @wraps(made)
        def checked(*args: Any, **given: Any) -> Any:
            for name in given:
                if name in without:
                    raise HciError(f"{title} has no '{name}' here: {without[name]}.")
                if name not in known:
                    near = did_you_mean(name, known)
                    raise TypeError(
                        f"{title} has no keyword '{name}'{f': {near}' if near else '.'}"
                    )
            return made(*args, **given)

        if isinstance(thing, type):
            setattr(thing, "__init__", checked)  # noqa: B010 -- a type checker forbids the plain form
        # A function is replaced by one with its signature, a class stays itself.
        return cast("T", thing if isinstance(thing, type) else checked)

    return decorate
