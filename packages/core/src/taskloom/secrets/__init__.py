"""Secrets of a config: read from where they lie, kept in memory, written nowhere.

A field of type `SecretStr` or `SecretBytes` is given as a reference (`env:NAME`, `file:PATH`), which records keep and which is
read again on resume, or plainly, and then its value is in no record. `digests`: the keyed digest that stands for a value in an
identity. `redaction`: searching what is written for values. `fields`: references in configs. `vault`: values on their way from
the command to the process that runs the task.
"""
