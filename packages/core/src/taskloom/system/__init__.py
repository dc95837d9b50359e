"""The one place for calls that are not on Linux, macOS and Windows alike, each with what stands in for it elsewhere.

`files`: opening without following links, durable and patient renames, names that every system takes. `machine`: host,
processors, memory, mounts. `processes`: fork or spawn, groups and sessions, signals, time limits. A test looks for such calls
in every other module.
"""
