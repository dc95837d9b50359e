"""The figures of a benchmark as rows, JSON, CSV, a table of a report and lines of a terminal."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from taskloom.report.model import Table

from taskloom_diffusion.chemistry.figures import BenchmarkFigure

_COLUMNS = ("value", "standard_error", "floor", "floor_sd", "n", "population")


def figure_rows(figures: Mapping[str, BenchmarkFigure]) -> dict[str, dict[str, Any]]:
    """Return figures as JSON knows them: what is not defined is null."""
    return {
        name: {key: _finite(value) for key, value in asdict(figure).items()}
        for name, figure in figures.items()
    }


def _finite(value: Any) -> Any:  # noqa: ANN401 -- a number, a text, or nothing
    return None if isinstance(value, float) and not math.isfinite(value) else value


def figures_csv(sets: Mapping[str, Mapping[str, BenchmarkFigure]]) -> str:
    """Return a line for each figure of each set of molecules, by name."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(("molecules", "figure", *_COLUMNS))
    for name, figures in sets.items():
        for figure, row in figure_rows(figures).items():
            lines.writerow((name, figure, *(row[column] for column in _COLUMNS)))
    return text.getvalue()


def figure_table(rows: Mapping[str, Mapping[str, Any]], caption: str) -> Table:
    """Return a report's table of figures, as `figure_rows` has them."""
    has_floor = any(row["floor"] is not None for row in rows.values())
    titles = ("figure", "value", "+-", *(("floor", "+- of one") if has_floor else ()), "of")
    lines = []
    for name, row in rows.items():
        floor = (row["floor"], _rounded(row["floor_sd"])) if has_floor else ()
        of = (
            f"{row['n']:,} {row['population']}"
            if "k=" not in row["population"]
            else row["population"]
        )
        lines.append((name, row["value"], _rounded(row["standard_error"]), *floor, of))
    return Table(titles, lines, caption)


def _rounded(error: float | None) -> float | None:
    return None if error is None else float(f"{error:.2g}")


def figure_lines(sets: Mapping[str, Mapping[str, BenchmarkFigure]]) -> list[str]:
    """Return the figures as lines of a terminal: a column for each set, and the floor behind them."""
    names = list(dict.fromkeys(name for figures in sets.values() for name in figures))
    cells = [["", *sets, "floor"]]
    for name in names:
        row, floor = [name], ""
        for figures in sets.values():
            figure = figures.get(name)
            row.append("" if figure is None else _pair(figure.value, figure.standard_error))
            if figure is not None and figure.floor is not None:
                floor = _pair(figure.floor, figure.floor_sd)
        cells.append([*row, floor])
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return [
        "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _pair(value: float, error: float | None) -> str:
    if not math.isfinite(value):
        return "none"
    return f"{value:.4f}" + (
        "" if error is None or not math.isfinite(error) else f" +- {error:.2g}"
    )
