"""The way of a headline to JSON and back, and the sentence for what is damaged."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
from typing import Any

import pytest
from hypothesis import given, strategies as st
from taskloom.headline import Baseline, Figure, Headline


def headline(**changes: Any) -> Headline:  # noqa: ANN401 -- fields
    baseline = Baseline(
        name="no assistant",
        command="tasks run hci pointing --assistant=none",
        value=12.938,
        difference=-9.577,
        difference_low=-10.068,
        difference_high=-9.086,
        paired=True,
        n=1000,
    )
    fields: dict[str, Any] = {
        "metric": "rounds/mean",
        "title": "Rounds to the target",
        "value": 3.361,
        "low": 3.2,
        "high": 3.5,
        "unit": "rounds per episode",
        "better": "lower",
        "baseline": baseline,
        "verdict": "better",
        "sentence": "It helps.",
        "companions": (Figure("reached the goal", "99 %", "Wilson"),),
    }
    return Headline(**{**fields, **changes})


@pytest.mark.parametrize(
    "record",
    [
        headline(),
        headline(baseline=None, no_baseline="the task names none", verdict="none", companions=()),
        headline(value=math.nan, low=None, high=None, no_interval="it diverged", verdict="invalid"),
        headline(value=-math.inf, verdict="invalid"),
    ],
)
def test_a_headline_comes_back_from_json(record: Headline) -> None:
    text = json.dumps(record.to_json(), allow_nan=False)
    again = Headline.from_json(json.loads(text))
    # NaN is not equal to itself, so the records are compared by what they write.
    assert again.to_json() == record.to_json()
    assert dataclasses.replace(again, value=1.0, verdict="invalid") == dataclasses.replace(
        record, value=1.0, verdict="invalid"
    )


def test_fields_with_defaults_may_be_missing() -> None:
    data = headline(no_interval="", companions=()).to_json()
    for name in ("level", "no_interval", "no_baseline", "companions"):
        del data[name]
    assert Headline.from_json(data) == headline(companions=())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("value",), "large"),
        (("value",), None),
        (("value",), True),
        (("value",), 10**400),
        (("metric",), 3),
        (("low",), "NaN"),
        (("level",), [0.95]),
        (("better",), ["higher"]),
        (("verdict",), 7),
        (("surprise",), 1),
        (("baseline",), "none"),
        (("baseline", "paired"), 1),
        (("baseline", "n"), 2.5),
        (("baseline", "surprise"), 1),
        (("companions",), {"label": "a"}),
        (("companions",), [3]),
        (("companions",), [{"label": "a"}]),
    ],
)
def test_damaged_json_is_refused_in_one_sentence(path: tuple[str, ...], value: object) -> None:
    data: Any = headline().to_json()
    inner = data
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    with pytest.raises(ValueError, match=r"\.$"):
        Headline.from_json(data)


@pytest.mark.parametrize("name", ["metric", "value", "low", "better", "baseline", "sentence"])
def test_a_missing_field_is_refused_by_name(name: str) -> None:
    data = headline().to_json()
    del data[name]
    with pytest.raises(ValueError, match=f"lacks its field '{name}'"):
        Headline.from_json(data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=6,
    ),
    st.sampled_from([field.name for field in dataclasses.fields(Headline)]),
)
def test_any_other_json_is_a_record_or_a_value_error(value: object, name: str) -> None:
    for data in (value, {**headline().to_json(), name: value}):
        with contextlib.suppress(ValueError):
            assert isinstance(Headline.from_json(data), Headline)
