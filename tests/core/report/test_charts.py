"""Chart builders: the data that they put into a spec, and that Vega accepts the spec."""

from __future__ import annotations

import math
import random
import re

import numpy as np
import pytest
from taskloom.report import Chart, charts
from taskloom.report.render import ChartError, svg_of
from taskloom.report.sample import thin_cloud, thin_line, thin_rows

ROWS = [{"t": i, "v": i * i, "w": -1.0, "g": "odd" if i % 2 else "even"} for i in range(6)]


def data(chart: Chart) -> list[dict[str, float]]:
    return list(chart.spec["data"]["values"])


def test_line_keeps_every_point_of_a_short_series() -> None:
    chart = charts.line(ROWS, "t", "v", title="Squares", caption="They grow.")
    assert data(chart) == [{"x": i, "y": i * i} for i in range(6)]
    assert (chart.spec["title"], chart.caption) == ("Squares", "They grow.")
    assert chart.spec["encoding"]["x"]["title"] == "t"


def _wild_rows(count: int) -> list[dict[str, float]]:
    generator = random.Random(1)
    rows = []
    for step in range(count):
        row = {"step": float(step), "t": step / 10, "loss": generator.gauss(0, 1)}
        if step % 7 == 3:
            row["accuracy"] = generator.random()
        if step % 50 == 0:
            row["loss"] = math.nan
        rows.append(row)
    rows[count // 2]["loss"] = 99.0
    return rows


def test_few_metric_lines_are_kept_as_they_are() -> None:
    rows = _wild_rows(64)[1:50]
    assert thin_rows(iter(rows), 64) == rows


def test_many_metric_lines_keep_their_peaks_in_bounded_memory() -> None:
    rows = _wild_rows(10_000)
    thin = thin_rows(iter(rows), 64)
    assert len(thin) <= 2 * 2 * 64  # two metrics, two ends
    steps = [row["step"] for row in thin if "loss" in row]
    assert steps == sorted(steps)
    for name in ("loss", "accuracy"):
        before = {r["step"]: r[name] for r in rows if name in r and math.isfinite(r[name])}
        after = {row["step"]: row[name] for row in thin if name in row}
        assert after.items() <= before.items()
        assert (min(after.values()), max(after.values())) == (
            min(before.values()),
            max(before.values()),
        )
        # A stretch became 256 lines, so that any 625 lines hold a whole one.
        assert {step // 625 for step in after} == set(range(16))


def test_line_parts_its_rows_by_colour() -> None:
    chart = charts.line(ROWS, "t", "v", color="g")
    assert [row["c"] for row in data(chart)] == ["even"] * 3 + ["odd"] * 3
    assert chart.spec["encoding"]["color"]["title"] == "g"


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, "7", True])
def test_line_leaves_out_what_is_no_finite_number_and_says_so(bad: object) -> None:
    chart = charts.line([*ROWS, {"t": 6, "v": bad}], "t", "v", caption="Squares.")
    assert len(data(chart)) == 6
    assert chart.caption == "Squares. 1 value that is not finite or cannot be drawn is left out."


def test_line_takes_a_row_without_the_value_for_no_loss() -> None:
    assert charts.line([*ROWS, {"t": 6}], "t", "v").caption == ""


@pytest.mark.parametrize(
    ("number", "label"), [(3.16622, "3.1662"), (23824.4, "23,824"), (1e-7, "1e-7"), (0, "0")]
)
def test_an_axis_with_one_value_says_it(number: float, label: str) -> None:
    """Vega alone writes 3 beside a single point at 3.166."""
    chart = charts.line([{"step": 5, "loss": number}], "step", "loss")
    drawn = str(svg_of(chart.spec, "loss")).replace("\u2212", "-")
    assert f">{label}</text>" in drawn
    assert ">5</text>" in drawn


def test_a_logarithmic_axis_leaves_out_what_it_cannot_show() -> None:
    chart = charts.scatter(ROWS, "t", "v", x_log=True, y_log=True)
    assert [row["x"] for row in data(chart)] == [1, 2, 3, 4, 5]
    assert chart.caption.startswith("1 value ")
    assert chart.spec["encoding"]["x"]["scale"] == {"type": "log"}


def test_numbers_of_numpy_are_numbers() -> None:
    rows = [
        {"x": np.float32(0.5), "y": np.int64(3)},
        {"x": np.float64(1.5), "y": np.float32(math.nan)},
    ]
    chart = charts.line(rows, "x", "y")
    assert data(chart) == [{"x": 0.5, "y": 3.0}]
    assert "<svg" in svg_of(chart.spec, "numpy")


def test_thinning_keeps_ends_peaks_and_order() -> None:
    """A spike of one step among 100,000 survives; x stays sorted; the limit holds."""
    points = [(float(i), math.sin(i / 5000)) for i in range(100_000)]
    points[31_415] = (31_415.0, 9.0)
    points[27_182] = (27_182.0, -9.0)
    thin = thin_line(points, 2000)
    assert len(thin) <= 2000
    assert {points[0], points[-1], points[31_415], points[27_182]} <= set(thin)
    assert thin == sorted(thin)
    assert set(thin) <= set(points)


@pytest.mark.parametrize("count", [0, 1, 3, 1999, 2000])
def test_thinning_leaves_short_series_alone(count: int) -> None:
    points = [(float(i), 0.0) for i in range(count)]
    assert thin_line(points, 2000) == points
    assert thin_cloud(points, 2000) == points


def test_scatter_says_how_many_points_it_draws() -> None:
    chart = charts.scatter([{"x": i, "y": 0} for i in range(10_000)], "x", "y")
    assert len(data(chart)) == charts.CLOUD_LIMIT
    assert chart.caption == "4,000 of 10,000 points are drawn."


def test_histogram_counts_as_numpy_does() -> None:
    generator = random.Random(4)
    rows = [{"v": generator.gauss(0, 1)} for _ in range(5000)]
    counts, edges = np.histogram([row["v"] for row in rows], bins=25)
    values = data(charts.histogram(rows, "v", bins=25))
    assert sum(row["y"] for row in values) == 5000
    found = {round((row["x"] - edges[0]) / (edges[1] - edges[0])): row["y"] for row in values}
    assert found == {index: count for index, count in enumerate(counts) if count}


def test_histogram_of_one_value_has_one_bar() -> None:
    values = data(charts.histogram([{"v": 2.0}] * 7, "v"))
    assert [(row["x"], row["y"]) for row in values] == [(2.0, 7)]


def test_heatmap_numbers_stand_out_from_their_cells() -> None:
    rows = [{"a": i, "b": j, "v": i * j} for i in range(3) for j in range(3)]
    chart = charts.heatmap(rows, "a", "b", "v")
    assert len(chart.spec["layer"]) == 2
    assert (
        len(
            charts.heatmap([{"a": i, "b": 0, "v": i} for i in range(200)], "a", "b", "v").spec[
                "layer"
            ]
        )
        == 1
    )


DRAWN = {
    "line": charts.line(ROWS, "t", "v", color="g"),
    "empty line": charts.line([], "t", "v"),
    "scatter": charts.scatter(ROWS, "t", "v", y_log=True),
    "bar": charts.bar(ROWS, "g", "v", color="t"),
    "horizontal bar": charts.bar(ROWS, "g", "v", horizontal=True),
    "long bar": charts.bar([{"n": "x" * 40 + str(i), "v": i} for i in range(3)], "n", "v"),
    "histogram": charts.histogram(ROWS, "v", color="g"),
    "empty histogram": charts.histogram([], "v"),
    "heatmap": charts.heatmap(ROWS, "t", "g", "v"),
    "band": charts.band(ROWS, "t", "w", "v", y="v", color="g"),
}


@pytest.mark.parametrize("kind", DRAWN)
def test_every_chart_is_drawn_in_the_colours_of_the_page(kind: str) -> None:
    svg = svg_of(DRAWN[kind].spec, "A <label>")
    assert svg.startswith("<svg")
    assert 'role="img" aria-label="A &lt;label&gt;"' in svg
    assert "max-width:" in svg
    assert not re.search(r'(fill|stroke)="(white|black|steelblue|#4c78a8)"', svg)


def test_field_names_with_dots_and_brackets_are_names() -> None:
    svg = svg_of(
        charts.line([{"a.b": 1, "c[0]/d": 2}, {"a.b": 2, "c[0]/d": 3}], "a.b", "c[0]/d").spec, ""
    )
    assert "c[0]/d" in svg
    assert 'd="M' in svg


def test_text_of_users_is_escaped_in_a_drawing() -> None:
    svg = svg_of(charts.bar([{"n": "<script>x</script>", "v": 1}], "n", "v").spec, "")
    assert "<script" not in svg


def test_two_drawings_share_no_id() -> None:
    spec = {**charts.line(ROWS, "t", "v").spec, "mark": {"type": "line", "clip": True}}
    ids = [set(re.findall(r'id="([^"]+)"', svg_of(spec, ""))) for _ in range(2)]
    assert ids[0]
    assert not ids[0] & ids[1]


@pytest.mark.parametrize(
    "spec",
    [
        {"data": {"url": "https://example.org/a.csv"}, "mark": "bar"},
        {"layer": [{"data": {"url": "/etc/passwd"}, "mark": "bar"}]},
        {"data": {"values": []}, "mark": {"type": "image", "url": "x.png"}},
        {"data": {"values": []}, "mark": "no such mark"},
    ],
)
def test_a_chart_that_fetches_or_makes_no_sense_is_refused(spec: dict[str, object]) -> None:
    with pytest.raises(ChartError):
        svg_of(spec, "")
