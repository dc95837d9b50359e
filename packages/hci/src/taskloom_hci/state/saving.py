"""States as JSON: values, spaces and modes, so that types and shapes come back as they were."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete

from taskloom_hci.state.elements import Element
from taskloom_hci.state.spaces import bounds, numeric
from taskloom_hci.state.state import State


def state_to_json(state: State) -> str:
    """Return a state as JSON."""
    return json.dumps(_to_plain(state))


def state_from_json(text: str) -> State:
    """Return the state that `state_to_json` wrote."""
    return _from_plain(json.loads(text))


def _to_plain(state: State) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key, value in state.items():
        if isinstance(value, State):
            plain[key] = {"state": _to_plain(value)}
            continue
        element = state.element(key)
        low, high = bounds(element.space)
        plain[key] = {
            "category": isinstance(element.space, Discrete),
            "dtype": np.dtype(element.space.dtype).name,
            "shape": list(element.space.shape or ()),
            "low": [str(bound) for bound in low.ravel().tolist()],
            "high": [str(bound) for bound in high.ravel().tolist()],
            "mode": element.mode,
            "init_dtype": np.asarray(value).dtype.name,
            "value": np.asarray(value).tolist(),
        }
    return plain


def _from_plain(plain: Mapping[str, Any]) -> State:
    state = State()
    for key, entry in plain.items():
        if "state" in entry:
            state[key] = _from_plain(entry["state"])
            continue
        kind = np.dtype(entry["dtype"])
        number = int if np.issubdtype(kind, np.integer) else float
        low, high = (
            np.array([number(bound) for bound in entry[side]], dtype=kind).reshape(entry["shape"])
            for side in ("low", "high")
        )
        space: Box | Discrete = numeric(low, high, dtype=kind)
        if entry["category"]:
            space = Discrete(int(high) - int(low) + 1, start=int(low))
        value = np.asarray(entry["value"], dtype=entry["init_dtype"])
        state[key] = Element(space, value, entry["mode"])
    return state
