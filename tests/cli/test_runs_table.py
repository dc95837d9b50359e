"""`tasks runs ls` by width: nothing is wider than the terminal, and what is cut says so at the end of a word."""

from __future__ import annotations

from typing import Any

from hypothesis import given, strategies as st
from taskloom.cli.runs_table import cut, table_lines
from taskloom.lifecycle.bar import cell_width

_WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=60)
_ROWS = st.fixed_dictionaries(
    {
        "id": st.just("20261121-021459-hci-pointing-k3f9q1"),
        "status": st.sampled_from(["finished", "failed", "running", "crashed"]),
        "verdict": st.sampled_from(["", "better", "undecided", "unsolved"]),
        "headline": _WORDS,
        "summary": _WORDS,
        "domain": st.sampled_from(["hci", "anomaly"]),
        "task": st.sampled_from(["pointing", "backdoor"]),
        "name": _WORDS,
        "created": st.sampled_from(["2026-11-21T02:14:59.000000Z", "", "x"]),
    }
)
ROW: dict[str, Any] = {
    "id": "20261121-021459-hci-pointing-k3f9q1",
    "status": "finished",
    "verdict": "better",
    "headline": "3.376 (3.310 to 3.442) rounds per episode",
    "summary": "",
    "domain": "hci",
    "task": "pointing",
    "name": "with big",
    "created": "1970-01-01T00:00:00Z",
}


@given(st.lists(_ROWS, min_size=1, max_size=4), st.integers(40, 200))
def test_no_line_is_wider_than_the_terminal(rows: list[dict[str, Any]], width: int) -> None:
    lines = table_lines(rows, width, 1.8e9)
    assert len(lines) == len(rows) + 1
    for line, row in zip(lines[1:], rows, strict=True):
        assert cell_width(line) <= width
        assert "k3f9q1" in line
        assert (row["verdict"] if row["status"] == "finished" else row["status"]) in line


def test_columns_go_from_the_right() -> None:
    narrow, wide = (table_lines([ROW], width, 200_000) for width in (40, 160))
    assert narrow[0].split() == ["run", "verdict", "headline"]
    assert narrow[1].split() == ["k3f9q1", "better", "3.376", "(3.310", "to", "3.442)\u2026"]
    assert wide[1].split() == [
        *["20261121-021459-hci-pointing-k3f9q1", "better", "3.376", "(3.310", "to", "3.442)"],
        *["rounds", "per", "episode", "hci/pointing", "with", "big", "2", "d"],
    ]


@given(st.text(st.characters(codec="ascii", min_codepoint=32), max_size=50), st.integers(1, 50))
def test_a_cut_is_one_ellipsis_at_the_end_of_a_word(text: str, width: int) -> None:
    shown = cut(text, width)
    assert cell_width(shown) <= width
    if shown != text:
        kept = shown.removesuffix("\u2026")
        assert text.startswith(kept)
        assert " " not in text[: width - 1].strip() or kept == "" or not text[len(kept)].isalnum() or " " not in kept  # fmt: skip
