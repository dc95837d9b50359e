"""The manifest of the diffusion domain; imports nothing heavy."""

from __future__ import annotations

from taskloom.registry import DomainRef

DOMAIN = DomainRef(name="diffusion", summary="Train and sample discrete diffusion models of sequences.", extra="diffusion", tasks=())
