"""The manifest of the control domain; imports nothing heavy."""

from __future__ import annotations

from taskloom.registry import DomainRef

DOMAIN = DomainRef(name="control", summary="Plan with sampling-based model-predictive control on MuJoCo.", extra="control", tasks=())
