"""For authors of plugins: one conformance suite for each sort, and pieces for tests of one's own."""

from taskloom.lifecycle.scratch import ScratchContext as ScratchContext
from taskloom.testing.component_checks import check_component as check_component
from taskloom.testing.conformance import check_task as check_task
from taskloom.testing.executor_checks import check_executor as check_executor
from taskloom.testing.once import run_once as run_once
from taskloom.testing.report import ConformanceError as ConformanceError
from taskloom.testing.sink_checks import check_sink as check_sink

MemoryContext = ScratchContext
"""Name of the context in tests."""
