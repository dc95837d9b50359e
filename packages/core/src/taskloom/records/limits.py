"""Limits of what a run folder may hold. A record that passes them is damaged, and costs nothing but itself."""

from __future__ import annotations

DOCUMENT = 16 * 2**20
"""Size of `run.json`, `sweep.json`, `env.json` and of every other JSON document [bytes]."""
LINE = 2**20
"""Length of a line of `metrics.jsonl` and `log.jsonl` [bytes]; a longer one is skipped and counted."""
GAP = 64 * 2**20
"""Bytes without a line end after which the rest of a file is left alone."""
DEPTH = 100
"""Tables and lists inside each other."""
INTEGER = 2**63
"""Size of an integer."""
TEXT = 10_000
"""Length of a text [characters]."""
CONFIG_TEXT = 2**20
"""Length of a text that is a parameter [characters]: a prompt may be long, and is what the run computed with."""
NAME = 200
"""Length of the name of a metric [characters]."""
ARTIFACT = 256 * 2**20
"""Size of an artifact that is read whole [bytes]."""
UNIT_ROWS = 10**7
"""Rows of the arrays in `units.npz`."""
