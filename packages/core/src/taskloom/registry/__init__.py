"""Names first, import later: domains, tasks and components by name."""

from __future__ import annotations

from taskloom.registry.refs import ComponentRef as ComponentRef
from taskloom.registry.refs import DomainRef as DomainRef
from taskloom.registry.refs import TaskRef as TaskRef
from taskloom.registry.refs import VerbRef as VerbRef
