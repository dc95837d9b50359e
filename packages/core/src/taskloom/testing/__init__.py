"""For authors of tasks: the conformance suite, and a context for tests of one's own."""

from taskloom.lifecycle.scratch import ScratchContext as ScratchContext
from taskloom.testing.conformance import (
    ConformanceError as ConformanceError,
    check_task as check_task,
)
from taskloom.testing.once import run_once as run_once

MemoryContext = ScratchContext
"""Name of the context in tests."""
