"""For authors of tasks: the conformance suite, and a context for tests of one's own."""

from taskloom.lifecycle.scratch import ScratchContext as ScratchContext
from taskloom.testing.conformance import (
    ConformanceError as ConformanceError,
    check_task as check_task,
)

MemoryContext = ScratchContext
"""Name of the context in tests."""
