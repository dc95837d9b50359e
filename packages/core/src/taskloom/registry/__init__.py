"""Names first, import later: domains, tasks and components by name.

Importing this package imports neither pydantic nor any plugin. `installed_domains` and `tasks_of` import manifests;
`load_task` and `load_component` import the one thing that is asked for; a plugin that fails is a `Broken`, or a
`PluginError` where it was asked for by name.
"""

from __future__ import annotations

from taskloom.own import FIRST_PARTY as FIRST_PARTY
from taskloom.registry.audit import audit_plugins as audit_plugins
from taskloom.registry.components import (
    broken_components as broken_components,
    component_refs as component_refs,
    load_component as load_component,
    load_components as load_components,
    refresh as refresh,
)
from taskloom.registry.discovery import (
    broken_plugins as broken_plugins,
    freeze as freeze,
    installed_domains as installed_domains,
    tasks_of as tasks_of,
)
from taskloom.registry.entries import (
    Broken as Broken,
    DomainEntry as DomainEntry,
    LoadedTask as LoadedTask,
    TaskEntry as TaskEntry,
)
from taskloom.registry.isolate import load_target as load_target
from taskloom.registry.refs import (
    ComponentRef as ComponentRef,
    DomainRef as DomainRef,
    ShortNamesRef as ShortNamesRef,
    TaskRef as TaskRef,
    VerbRef as VerbRef,
)
from taskloom.registry.resolve import (
    find_domain as find_domain,
    find_task as find_task,
    load_task as load_task,
)
from taskloom.registry.suggest import closest as closest, did_you_mean as did_you_mean
