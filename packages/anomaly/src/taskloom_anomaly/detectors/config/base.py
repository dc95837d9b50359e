"""The base of every detector's config."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskloom import Component

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.base import AnyDetector, Need


class Detector(Component):
    """A detector by its parameters; `build()` imports the arithmetic.

    A subclass declares `kind` as a `Literal` of its registered name.
    """

    @property
    def needs(self) -> frozenset[Need]:
        """What the detector cannot do without; known before anything heavy is imported."""
        return frozenset({"activations", "trusted"})

    def build(self) -> AnyDetector:
        """Return the detector that these parameters describe."""
        raise NotImplementedError(f"The detector config '{type(self).__name__}' has no build().")
