"""For authors of tasks: the conformance suite, and a context for tests of one's own."""

from taskloom.testing.conformance import (
    ConformanceError as ConformanceError,
    check_task as check_task,
)
from taskloom.testing.memory import MemoryContext as MemoryContext
