"""The manifest of the anomaly domain; imports nothing heavy."""

from __future__ import annotations

from taskloom.registry import DomainRef

DOMAIN = DomainRef(name="anomaly", summary="Find inputs on which a trained network works by an abnormal mechanism.", extra="anomaly", tasks=())
