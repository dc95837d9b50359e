"""Short names of detectors: `sklearn:IsolationForest` and `pyod:ECOD` of the libraries, `mahalanobis:mixture` a mode with OAS shrinkage."""

from __future__ import annotations

from collections.abc import Mapping

from taskloom.registry.components import component_refs, load_component

from taskloom_anomaly.detectors.base import GROUP

_LIBRARIES = ("sklearn", "pyod")


def spelled_out(name: str) -> dict[str, object] | None:
    """Return the `kind` and the parameters that a short name stands for, the others at the detector's own defaults; None if it is none.

    Whether there is such a mode or class is for the detector to say.
    """
    head, colon, rest = name.partition(":")
    known = {ref.name for ref in component_refs(GROUP)}
    if not colon or name in known:
        return None
    if head in _LIBRARIES:
        return {"kind": "library", "class_name": name}
    if head not in known or "mode" not in load_component(GROUP, head).model_fields:
        return None
    # Modes by class have few samples a class: the distance is shrunk in all of them.
    shrinkage = {"shrinkage": "oas"} if head == "mahalanobis" else {}
    return {"kind": head, "mode": rest, **shrinkage}


def values_of(given: str | Mapping[str, object]) -> dict[str, object]:
    """Return the `kind` and the parameters of a detector by its name, a short one or that of its class, or by a table with one.

    Args:
        given: The name, or a table of which `kind` is the name; what else it says stands above what the name says.
    """
    table: dict[str, object] = {"kind": given} if isinstance(given, str) else dict(given)
    name = table.get("kind")
    short = spelled_out(name) if isinstance(name, str) else None
    return table if short is None else {**short, **table, "kind": short["kind"]}
