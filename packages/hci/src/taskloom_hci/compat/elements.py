"""Spaces and elements with the seed's keywords."""

# ruff: noqa: ANN401, N802 -- the signatures of the seed system

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.spaces import Discrete
from numpy.typing import ArrayLike, DTypeLike

from taskloom_hci.compat.keywords import seed_keywords
from taskloom_hci.errors import HciError
from taskloom_hci.state import elements
from taskloom_hci.state.elements import Element, Mode
from taskloom_hci.state.spaces import ElementSpace, numeric

_OWN_SEED = "all random numbers come from the seed of the game"
_RESERVED = "the seed system reserves it, and raises NotImplementedError"


@seed_keywords(seed=_OWN_SEED, _function=_RESERVED, contains="membership is that of NumPy")
def Space(
    *,
    low: ArrayLike | None = None,
    high: ArrayLike | None = None,
    array: ArrayLike | None = None,
    N: int | None = None,
    dtype: DTypeLike | None = None,
) -> ElementSpace:
    """Return the space between two bounds, or the category of an array 0, 1, ..., N - 1.

    Args:
        low: Lowest value; with `high`.
        high: Highest value.
        array: The members of a category.
        N: Reserved by the seed system, refused here.
        dtype: The type.

    Raises:
        HciError: If the members are not 0, 1, ..., N - 1, or neither form is asked for.
    """
    if N is not None:
        raise HciError(f"Space has no 'N' here: {_RESERVED}.")
    if low is not None and high is not None:
        return numeric(low, high, dtype=dtype)
    if array is None:
        raise HciError("A space needs 'low' and 'high', or an 'array' of members.")
    members = np.ravel(np.asarray(array))
    if not np.array_equal(members, np.arange(len(members))):
        raise HciError(
            f"A category is 0, 1, ..., N - 1 here, not {members.tolist()}: use its members as a table, and their numbers as the "
            "values."
        )
    return Discrete(len(members))


@seed_keywords(seed=_OWN_SEED, contains="membership is that of NumPy")
def CatSet(array: ArrayLike) -> ElementSpace:
    """Return the category of an array 0, 1, ..., N - 1; see `Space`."""
    return Space(array=array)


@seed_keywords(seed=_OWN_SEED)
def discrete_array_element(
    N: int | None = None,
    *,
    low: ArrayLike | None = None,
    high: ArrayLike | None = None,
    init: ArrayLike | None = None,
    shape: tuple[int, ...] | None = None,
    dtype: DTypeLike = np.int64,
    out_of_bounds_mode: Mode = "warning",
) -> Element:
    """Return an element of integers; see `state.elements.discrete_array_element`, where `N` is called `count`."""
    return elements.discrete_array_element(
        *(() if N is None else (N,)),
        low=low,
        high=high,
        init=init,
        shape=shape,
        dtype=dtype,
        out_of_bounds_mode=out_of_bounds_mode,
    )


@seed_keywords(seed=_OWN_SEED)
def array_element(
    shape: tuple[int, ...] | None = None,
    init: ArrayLike | None = None,
    *,
    low: ArrayLike = -np.inf,
    high: ArrayLike = np.inf,
    dtype: DTypeLike = np.float64,
    out_of_bounds_mode: Mode = "warning",
) -> Element:
    """Return an element of real numbers; see `state.elements.array_element`."""
    return elements.array_element(
        shape, init, low=low, high=high, dtype=dtype, out_of_bounds_mode=out_of_bounds_mode
    )


@seed_keywords(seed=_OWN_SEED, dtype="a category holds 64-bit integers")
def cat_element(N: int, init: int = 0, *, out_of_bounds_mode: Mode = "warning") -> Element:
    """Return an element of the category {0, ..., N - 1}."""
    return elements.cat_element(N, init, out_of_bounds_mode=out_of_bounds_mode)


def value_of(thing: Any) -> Any:
    """Return the first value of an element, and anything else as it is."""
    return thing.init if isinstance(thing, Element) else thing
