"""One run, from its config to its report: the one path that every run follows."""

from taskloom.lifecycle.lifecycle import (
    check_task_instance as check_task_instance,
    continue_run as continue_run,
    run_task as run_task,
)
