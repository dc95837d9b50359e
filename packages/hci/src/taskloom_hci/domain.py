"""The manifest of the hci domain; imports nothing heavy."""

from __future__ import annotations

from taskloom.registry import DomainRef

DOMAIN = DomainRef(name="hci", summary="A task shared by a (simulated or real) user and an assistant.", extra="hci", tasks=())
