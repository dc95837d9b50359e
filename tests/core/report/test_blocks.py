"""Blocks, tables and numbers: what they become in a page, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import htpy as h
import pytest
from taskloom.report import (
    Block,
    Chart,
    Heading,
    Html,
    Image,
    Table,
    Text,
    figures,
)
from taskloom.report.blocks import render_block, render_blocks
from taskloom.report.history import history_charts, logged_once
from taskloom.report.markup import problem_of
from taskloom.report.tables import leaves, metric_tables

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


def html_of(node: h.Node) -> str:
    return str(h.fragment[node])


def test_histories_are_capped_and_what_is_left_out_is_named() -> None:
    line = {
        "step": 0.0,
        "t": 0.0,
        **{f"metric_{i}": 1.0 for i in range(20)},
        **{f"g/{i}": 1.0 for i in range(11)},
    }
    drawn, rest = history_charts([line, {**line, "step": 1.0}])
    assert len(drawn) == 16
    assert rest == [f"metric_{i}" for i in range(16, 20)] + [f"g/{i}" for i in range(11)]
    few = {k: v for k, v in line.items() if not k.startswith("metric")}
    drawn, rest = history_charts([few, {**few, "step": 1.0}])
    assert [len({row["c"] for row in chart.spec["data"]["values"]}) for chart in drawn] == [8, 3]
    assert rest == []


def test_metrics_of_unlike_size_share_no_axis() -> None:
    rows = [
        {"step": i, "train/loss": 2.0, "train/lr": 0.01, "train/skipped": 0.0, "train/bound": 1.5}
        for i in range(2)
    ]
    drawn, _ = history_charts(rows)
    names = [{row.get("c") for row in chart.spec["data"]["values"]} for chart in drawn]
    assert names == [{"loss", "bound", "skipped"}, {None}]
    assert drawn[1].spec["title"] == "train/lr"


def test_what_was_logged_once_is_a_number_and_not_a_dot() -> None:
    rows = [{"step": 0, "loss": 2.0}, {"step": 7, "loss": 1.0, "bound": 3.166}]
    drawn, rest = history_charts(rows)
    assert ([chart.spec["title"] for chart in drawn], rest) == (["loss"], [])
    assert logged_once(rows) == {"bound": (7, 3.166)}


def test_grouped_metrics_become_one_table() -> None:
    plain, tables = metric_tables(
        {"a": 1.0, "auroc/x": 0.5, "ap/x": 0.4, "auroc/y": 0.7, "ap/y": 0.6, "n/z": 1.0}
    )
    assert plain == {"a": 1.0}
    assert [(table.columns, table.rows) for table in tables] == [
        (("", "auroc", "ap"), [("x", 0.5, 0.4), ("y", 0.7, 0.6)]),
        (("", "n"), [("z", 1.0)]),
    ]


def test_leaves_are_dotted_paths() -> None:
    assert leaves({"a": {"b": {"c": 1}, "d": [1]}, "e": {}}) == {"a.b.c": 1, "a.d": [1], "e": {}}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123456, "0.1235"),
        (1234567.0, "1234567"),
        (1.5e-7, "1.5e\u22127"),
        (-2.5, "\u22122.5"),
        (None, "\u2013"),
        (True, "yes"),
        (-3, "\u22123"),
        ("a-b", "a-b"),
        (12345.678, "12346"),
        (1.5e9, "1500000000"),
        (3.0, "3"),
    ],
)
def test_cells_show_four_significant_digits(value: object, text: str) -> None:
    assert figures.cell(value) == text


def test_columns_of_one_magnitude_align_their_decimals() -> None:
    assert figures.column([0.5, 0.25, None, 0.0, 2]) == ["0.50", "0.25", "\u2013", "0.00", "2"]


def test_columns_of_many_magnitudes_show_each_number_by_itself() -> None:
    assert figures.column([8000.0, 6.334084, 0.006143]) == ["8000", "6.334", "0.006143"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.123, "0.12 s"),
        (59.96, "60.0 s"),
        (61, "1 min 1 s"),
        (3600, "1 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert figures.duration(seconds).replace("\u00a0", " ") == text


def test_long_tables_are_cut_and_counted(tmp_path: Path) -> None:
    html = html_of(render_block(Table(("n",), [(i,) for i in range(1234)]), tmp_path))
    assert "1,034 more rows are not shown." in html
    assert html.count("<tr>") == 201


@pytest.mark.parametrize(
    "html",
    [
        "<script>1</script>",
        "<p onclick=x>",
        "<img src='https://example.org/a.png'>",
        "<a href='javascript:x'>y</a>",
        "<IFRAME>",
        "<p style='background:url(x)'>",
        "<style>@import 'x'</style>",
        "<a href=' java\nscript:x'>y</a>",
        "<form>",
        "<svg><script/></svg>",
        "<a href='//example.org'>x</a>",
    ],
)
def test_a_fragment_with_script_or_outside_address_is_left_out(html: str, tmp_path: Path) -> None:
    assert problem_of(html)
    assert "is left out" in html_of(render_block(Html(html), tmp_path))


@pytest.mark.parametrize(
    "html",
    [
        "<b>x</b>",
        "<svg><path d='M0'/></svg>",
        "<a href='#x'>y</a>",
        "<img src='data:image/png;base64,x' alt='a'>",
    ],
)
def test_a_harmless_fragment_stands_as_it_is(html: str, tmp_path: Path) -> None:
    assert not problem_of(html)
    assert html in html_of(render_block(Html(html), tmp_path))


def test_pictures_are_embedded_only_from_the_run(tmp_path: Path) -> None:
    root = tmp_path / "run"
    root.mkdir()
    (root / "a.png").write_bytes(PNG)
    (tmp_path / "b.png").write_bytes(PNG)
    (root / "link.png").symlink_to(tmp_path / "b.png")
    (root / "c.txt").write_text("x")
    assert "data:image/png;base64," in html_of(render_block(Image(Path("a.png"), "A.", 40), root))
    for name, reason in [
        ("../b.png", "outside"),
        ("link.png", "outside"),
        ("c.txt", "only PNG"),
        ("d.png", "no such file"),
    ]:
        assert reason in html_of(render_block(Image(Path(name), ""), root))


def test_blocks_of_every_kind_are_rendered(tmp_path: Path) -> None:
    blocks = [
        Heading("Head"),
        Text("One.\n\nTwo."),
        Table(("a",), [(1.0,)], "Cap"),
        Chart({"data": {"values": []}, "mark": "bar"}, "Bars"),
    ]
    html = html_of(render_blocks(blocks, tmp_path))
    for piece in (
        "<h3>Head</h3>",
        "<p>One.</p>",
        "<p>Two.</p>",
        "<caption>Cap</caption>",
        "<figcaption>Bars</figcaption>",
    ):
        assert piece in html


def test_building_blocks_needs_nothing_heavy() -> None:
    code = "import sys; from taskloom.report import charts, Table; print(*{'pydantic', 'htpy', 'vl_convert', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (Table(("a", "b"), [(1,)]), "One table is left out: IndexError"),
        (Table(("a",), 7), "One table is left out: TypeError"),
        (Image("curve.png", "x"), "image is left out: AttributeError"),
        (
            Chart({"data": {"values": [{"x": object()}]}, "mark": "bar"}),
            "This chart cannot be drawn",
        ),
        (
            Chart({"data": {"values": [{"x": float("nan")}]}, "mark": "bar"}),
            "This chart cannot be drawn",
        ),
        (Html(None), "left out"),
    ],
)
def test_a_block_with_wrong_contents_becomes_a_note(
    block: Block, reason: str, tmp_path: Path
) -> None:
    assert reason in html_of(render_block(block, tmp_path))
