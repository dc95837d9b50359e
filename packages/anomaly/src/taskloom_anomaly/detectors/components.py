"""The detectors by name, for the manifest: group `taskloom_anomaly.detectors`. Imports nothing heavy."""

from __future__ import annotations

from typing import Final

from taskloom import ComponentRef

GROUP: Final = "taskloom_anomaly.detectors"

_SUMMARIES: Final = {
    "mahalanobis:Mahalanobis": "Mahalanobis distance to the trusted activations: global, class-conditional, relative or diagonal.",
}


def _ref(target: str, summary: str) -> ComponentRef:
    module, _, class_name = target.partition(":")
    return ComponentRef(module, summary, f"taskloom_anomaly.detectors.config.{module}:{class_name}")


COMPONENTS: Final[tuple[ComponentRef, ...]] = tuple(
    _ref(target, summary) for target, summary in _SUMMARIES.items()
)
