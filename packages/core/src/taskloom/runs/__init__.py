"""Runs on disk: the folder is the record, and everything else can be rebuilt from it."""

from taskloom.runs.layout import (
    RunLayout as RunLayout,
    default_store as default_store,
    inside as inside,
    new_id as new_id,
)
from taskloom.runs.record import Failure as Failure, RunRecord as RunRecord
from taskloom.runs.run import (
    Run as Run,
    find_run as find_run,
    list_runs as list_runs,
    open_run as open_run,
    scan as scan,
)
