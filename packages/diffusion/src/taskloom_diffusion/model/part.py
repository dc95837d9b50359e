"""Base of every kind of component: a part of a config that may refuse the rest of it."""

from __future__ import annotations

from typing import ClassVar, Protocol

from taskloom import Component, Config


class AbsorbingOrNot(Protocol):
    """A component whose noise may be the mask and nothing else."""

    @property
    def absorbing(self) -> bool:
        """Return whether noise is the mask and nothing else, or must be."""
        ...


class AbsorbingKind(Protocol):
    """A component whose class says that noise must be the mask."""

    absorbing: ClassVar[bool]


class Surroundings(Protocol):
    """The config around a component, as far as a component may look at it."""

    @property
    def process(self) -> AbsorbingOrNot:
        """The noising process."""
        ...

    @property
    def sampler(self) -> AbsorbingKind:
        """The sampler."""
        ...

    @property
    def block_size(self) -> int:
        """Tokens of a block; 0 is one block for the whole sequence."""
        ...


class DiffusionPart(Component):
    """A component of a diffusion config."""

    @classmethod
    def fits(cls, config_class: type[Config]) -> str:
        """Return why no config of this class can hold the component; empty if one can."""
        del config_class
        return ""

    def check(self, config: Surroundings) -> str:
        """Return why this config cannot hold the component; empty if it can."""
        return self.fits(type(config)) if isinstance(config, Config) else ""
