"""The spectral-signature detector's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from taskloom_anomaly.detectors.config.base import Detector

if TYPE_CHECKING:
    from taskloom_anomaly.detectors.base import Need, StreamingDetector


class Spectral(Detector):
    """Squared projection on the widest directions of the untrusted activations of a class; needs no trusted data."""

    kind: Literal["spectral"] = "spectral"
    classes: Literal["predicted", "label", "none"] = "predicted"
    """Which class an untrusted sample counts to: the predicted one, its label, which a poisoned sample shares with its
    target, or none, for networks that do not classify. A scored sample counts to the predicted one."""
    rank: Annotated[int, Field(ge=1)] = 1
    """Widest directions kept."""

    @property
    def needs(self) -> frozenset[Need]:
        """The untrusted split only, and the predicted classes where classes are told apart."""
        by_class = self.classes != "none"
        return frozenset({"activations", "untrusted", *(("logits",) if by_class else ())})

    def build(self) -> StreamingDetector:
        """Return the detector."""
        # Imported here because listing and --help must not import numpy.
        from taskloom_anomaly.detectors.spectral import build

        return build(self)
