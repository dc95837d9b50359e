"""Examples in help and in the interface are of the documentation too: they say something about runs that there are."""

from __future__ import annotations

import re

import pytest
from taskloom.registry import find_domain
from taskloom.runs.query import EXAMPLE, parse_filter


def test_the_example_of_a_filter_finds_runs_of_a_shipped_task() -> None:
    (metric,) = re.findall(r"metrics\.(\S+)", EXAMPLE)
    assert metric in find_domain("anomaly").ref.metrics
    holds = parse_filter(EXAMPLE)
    assert holds({"status": "finished", "metrics": {metric: 0.985}})
    assert not holds({"status": "finished", "metrics": {metric: 0.5}})
    assert not holds({"status": "failed", "metrics": {metric: 0.985}})


@pytest.mark.parametrize(
    "text", ["(" * 3000, "not " * 5000 + "status = x", "status = x and " * 2000]
)
def test_a_filter_beyond_reason_is_refused(text: str) -> None:
    from taskloom.errors import UsageError

    with pytest.raises(UsageError):
        parse_filter(text)
