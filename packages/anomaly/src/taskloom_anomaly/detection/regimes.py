"""Regimes: the data that a detector is allowed to see."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from taskloom_anomaly.config import Regime

_ALLOWED: dict[Regime, frozenset[str]] = {
    "auto": frozenset({"trusted", "untrusted", "anomaly_labels"}),
    "trusted": frozenset({"trusted"}),
    "trusted_untrusted": frozenset({"trusted", "untrusted"}),
    "untrusted": frozenset({"untrusted"}),
    "labelled": frozenset({"trusted", "untrusted", "anomaly_labels"}),
}


def regime_conflict(needs: AbstractSet[str], regime: Regime, has_untrusted: bool) -> str:
    """Return why a detector cannot work in a regime, or an empty string.

    Args:
        needs: What the detector cannot do without.
        regime: What it may see.
        has_untrusted: Whether the task has an untrusted mixture.
    """
    wanted = frozenset(needs) & {"trusted", "untrusted", "anomaly_labels"}
    denied = sorted(wanted - _ALLOWED[regime])
    if denied:
        allowed = [name for name, seen in _ALLOWED.items() if wanted <= seen]
        return (
            f"The detector needs {_listed(denied)}, which --regime={regime} denies it;"
            f" regimes that would do: {', '.join(allowed)}."
        )
    if "untrusted" in wanted and not has_untrusted:
        return "The detector needs untrusted data and the task has none; choose a detector that fits on trusted data."
    return ""


def _listed(names: list[str]) -> str:
    words = {"trusted": "trusted data", "untrusted": "untrusted data", "anomaly_labels": "labels"}
    return " and ".join(words[name] for name in names)
