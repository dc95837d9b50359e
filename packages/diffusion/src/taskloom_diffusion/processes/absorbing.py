"""Noise that is the mask, by its two names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from taskloom_diffusion.processes.base import Process

if TYPE_CHECKING:
    from taskloom_diffusion.model.protocols import NoisingProcess, Vocabulary


class Absorbing(Process):
    """Tokens that fall into the mask and stay there.

    D3PM's absorbing noise (Austin et al. 2021), and that of MDLM and MD4.
    """

    kind: Literal["absorbing"] = "absorbing"

    @property
    def absorbing(self) -> bool:
        return True

    def build(self, vocabulary: Vocabulary) -> NoisingProcess:
        return _masking(vocabulary)


class ExcitedState(Process):
    """PolyDiff's name for absorbing noise."""

    kind: Literal["excited_state"] = "excited_state"

    @property
    def absorbing(self) -> bool:
        return True

    def build(self, vocabulary: Vocabulary) -> NoisingProcess:
        return _masking(vocabulary)


def _masking(vocabulary: Vocabulary) -> NoisingProcess:
    from taskloom_diffusion.processes.absorbing_torch import AbsorbingProcess  # torch is heavy

    return AbsorbingProcess(vocabulary)
