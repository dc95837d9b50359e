"""The executor keeps the contract: it places, watches, cancels, and goes on after a worker was killed."""

from nice_executor import open_executor
from taskloom.testing import check_executor


def test_nice_executor_keeps_the_contract() -> None:
    check_executor(open_executor)
