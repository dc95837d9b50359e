"""Filters and orders: what they mean, and that bad ones are refused in a sentence."""

import contextlib

import pytest
from hypothesis import given, strategies as st
from taskloom.errors import UsageError
from taskloom.runs.query import absent_fields, parse_filter, sort_documents, value_at

RUN = {
    "id": "r",
    "status": "finished",
    "tags": ["good", "paper 1"],
    "duration": 12.5,
    "summary": "at 0.97",
    "metrics": {
        "auroc/dense_0": 0.9,
        "loss": "NaN",
        "far": "Infinity",
        "fpr@0.95": 0.1,
        "a.b": 2.0,
    },
    "config": {
        "seed": 3,
        "detector": {"kind": "que", "rank": 4},
        "polls": True,
        "note": "x = 1",
        "none": None,
    },
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("metrics.auroc/dense_0 > 0.85", True),
        ("metrics.auroc/dense_0>0.9", False),
        ("metrics.auroc/dense_0 >= .9", True),
        ("metrics.fpr@0.95 < 0.2", True),
        ("metrics.a.b = 2", True),
        ("metrics.loss > 0 or metrics.loss <= 0", False),
        ("metrics.far > 1e308", True),
        ("metrics.absent < 1", False),
        ("metrics.absent != 1", True),
        ("not metrics.absent = 1", True),
        ("config.seed = 3", True),
        ("config.seed == 3.0", True),
        ("config.seed != 3", False),
        ("config.detector.kind = que and config.detector.rank > 3", True),
        ("config.detector.kind = que and (config.detector.rank > 4 or status = finished)", True),
        ("config.polls = true", True),
        ('config.note = "x = 1"', True),
        ("tags = good", True),
        ("tags = 'paper 1'", True),
        ("tags ~ paper", True),
        ("tags ~ absent", False),
        ("summary ~ 0.9", True),
        ("status > a", True),
        ("duration < 1 OR duration > 12", True),
        ("status = failed or status = stopped or not status = finished", False),
        ("config.none = none", False),
    ],
)
def test_filter_means(text: str, expected: bool) -> None:
    assert parse_filter(text)(RUN) is expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "status",
        "status =",
        "= 3",
        "status = finished and",
        "(status = a",
        "status = a)",
        "status = a b",
        "a = 1",
        "metrics = 1",
        "seed = 3",
        "metrics.x > 'open",
        "status ! a",
        "__class__ = 1",
        "id.__len__ = 1",
    ],
)
def test_bad_filter_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_filter(text)
    assert "\n" not in caught.value.message


@given(st.text(max_size=40))
def test_any_text_is_a_filter_or_is_refused(text: str) -> None:
    with contextlib.suppress(UsageError):
        parse_filter(text)(RUN)


def test_near_field_is_suggested() -> None:
    with pytest.raises(UsageError) as caught:
        parse_filter("metric.loss > 1")
    assert caught.value.hint == "Did you mean 'metrics'?"


def test_sort_puts_runs_without_the_value_last_both_ways() -> None:
    runs = [
        {"id": n, "metrics": m}
        for n, m in (
            ("a", {"x": 2}),
            ("b", {}),
            ("c", {"x": "NaN"}),
            ("d", {"x": -1}),
            ("e", {"x": "Infinity"}),
        )
    ]
    assert [run["id"] for run in sort_documents(runs, "metrics.x")] == ["d", "a", "e", "b", "c"]
    assert [run["id"] for run in sort_documents(runs, "-metrics.x")] == ["e", "a", "d", "b", "c"]


def test_sort_accepts_mixed_types() -> None:
    runs = [
        {"id": n, "config": {"v": v}} for n, v in (("a", "text"), ("b", 3), ("c", True), ("d", [1]))
    ]
    assert {run["id"] for run in sort_documents(runs, "config.v")} == {"a", "b", "c", "d"}


def test_sort_by_an_unknown_field_is_refused() -> None:
    with pytest.raises(UsageError, match="no field 'speed'"):
        sort_documents([], "-speed")


def test_value_at_prefers_whole_names() -> None:
    assert value_at({"metrics": {"a.b": 1, "a": {"b": 2}}}, "metrics.a.b") == 1
    assert value_at({}, "metrics.a") is None


def test_order_of_a_number_and_a_text_is_refused() -> None:
    for text in ("metrics.auroc > high", "duration < 1m", "metrics.auroc >= nan0"):
        with pytest.raises(UsageError, match="is no number"):
            parse_filter(text)
    assert parse_filter("created > 2026-11")({"created": "2026-12-01"})


def test_fields_that_no_record_has_are_named() -> None:
    records = [{"metrics": {"auroc": 0.5}, "config": {}}, {"metrics": {"loss": 1.0}}]
    text = "metrics.auroc > 0.9 and (metrics.aurocc > 0.9 or config.seed = 3) and status = x"
    assert absent_fields(text, records) == ["metrics.aurocc", "config.seed"]
