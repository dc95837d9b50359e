"""What games look like: on matplotlib axes, and in reports."""

# ruff: noqa: ANN401 -- axes and charts are of any type

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from taskloom.report.model import Chart
from taskloom_hci.bundle.timeline import timeline
from taskloom_hci.driver import make_bundle
from taskloom_hci.errors import HciError
from taskloom_hci.report.drawings import beliefs, drawing, numbers, rounds_chart


def axes() -> Any:
    figure = pytest.importorskip("matplotlib.figure")
    return figure.Figure().add_subplot()


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("pointing", {"assistant": {"kind": "big"}}),
        ("pointing_2d", {"assistant": {"kind": "big"}, "width": 5, "height": 4}),
    ],
)
def test_pointing_is_drawn_where_things_are(name: str, config: dict[str, Any]) -> None:
    ax, bundle = axes(), make_bundle(name, **config)
    bundle.reset()
    text = bundle.render("text plot", ax_task=ax)
    assert text.count("x") >= 8
    drawn = {one.get_label(): one.get_offsets().data for one in ax.collections}
    state, dimension = bundle.task.state, bundle.task.dimension
    for label, value in (
        ("cursor", state["position"]),
        ("targets", state["targets"]),
        ("goal", bundle.user.state["goal"]),  # type: ignore[union-attr] # there is one
    ):
        expected = np.reshape(value, (-1, dimension))
        np.testing.assert_array_equal(drawn[label][:, :dimension], expected)
    with pytest.raises(HciError, match="needs axes"):
        bundle.render("plot")


@pytest.mark.parametrize("dimension", [1, 2])
def test_gaze_is_drawn_where_things_are(dimension: int) -> None:
    ax, bundle = axes(), make_bundle("gaze", dimension=dimension)
    bundle.reset()
    bundle.step()
    assert "fixation" in bundle.render("plot", ax_task=ax)
    drawn = {one.get_label(): one.get_offsets().data for one in ax.collections}
    for key in ("target", "fixation"):
        np.testing.assert_allclose(drawn[key][0, :dimension], bundle.task.state[key])
    ring = np.array(ax.lines[0].get_xydata())[:, :dimension] - bundle.task.state["target"]
    assert np.abs(ring).max() == pytest.approx(0.06)


def values(chart: Chart | None, layer: int) -> list[dict[str, Any]]:
    assert chart is not None
    found: list[dict[str, Any]] = chart.spec["layer"][layer]["data"]["values"]
    return found


def test_an_episode_on_a_line_shows_cursor_goal_and_what_the_user_said() -> None:
    bundle = make_bundle("pointing", assistant={"kind": "big"}, seed=3)
    rows = timeline(bundle, 1)
    chart = drawing(rows, "Episode 0", "Told.")
    moves = [v["cell"] for v in values(chart, 1) if v["what"] == "cursor"]
    assert moves == [row["state"]["task_state__position"] for row in rows]
    assert {v["cell"] for v in values(chart, 1) if v["what"] == "goal"} == {
        rows[0]["state"]["user_state__goal"]
    }
    assert len(values(chart, 2)) == sum(row["event"] == "after_user_action" for row in rows)
    assert values(chart, 2)[-1]["user"] == "user: stay"
    (heat,) = beliefs(rows, "Beliefs")
    assert {str(t) for t in rows[0]["state"]["task_state__targets"]} <= set(
        json.dumps(heat.spec).replace('"', " ").split()
    )
    # Probabilities, although the assistant keeps logarithms.
    last = rows[-1]["state"]["assistant_state__beliefs"]
    assert sum(last) == pytest.approx(1.0)


def test_ways_through_a_plane_and_other_tasks_have_their_charts() -> None:
    for name, config in (
        ("pointing_2d", {"width": 4, "height": 4, "assistant": {"kind": "map"}}),
        ("gaze", {}),
    ):
        rows = timeline(make_bundle(name, **config), 1)
        chart = drawing(rows, "Episode 0", "Told.")
        assert values(chart, 0)[0]["step"] == 0
        assert {v["what"] for v in values(chart, 1)} >= {"start", "goal"}
    rows = timeline(make_bundle("example"), 1)
    assert drawing(rows, "Episode 0", "") is None
    assert numbers(rows, "Episode 0", "") is not None


def test_shares_of_rounds_have_their_intervals() -> None:
    chart = rounds_chart([("1", 30), ("2", 70)], "Rounds", "")
    first = chart.spec["data"]["values"][0]
    # Wilson's interval of 30 of 100.
    assert (first["low"], first["high"]) == (
        pytest.approx(0.2189, abs=1e-4),
        pytest.approx(0.3958, abs=1e-4),
    )
