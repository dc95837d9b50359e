"""The sink keeps the contract: every line in order, no step twice."""

from csv_sink import open_sink
from taskloom.testing import check_sink


def test_csv_sink_keeps_the_contract() -> None:
    check_sink(open_sink)
