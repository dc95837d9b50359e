"""Theme of charts. Colours are the page's CSS variables, so one drawing suits its light and its dark form."""

from __future__ import annotations

from typing import Any

# The Okabe-Ito order, darkened for paper and lightened for night: told apart with every kind of colour vision.
LIGHT = ("#0068b3", "#c45500", "#00805e", "#a3457f", "#8a6d00", "#3a7ca5", "#7a4fbf", "#5f6b76")
DARK = ("#5cb3ff", "#ff9a4d", "#35c9a0", "#e58fc4", "#e3c341", "#8fd0f2", "#b99cf5", "#a9b4be")


def config(colors: tuple[str, ...], ink: str, grid: str) -> dict[str, Any]:
    """Return a Vega-Lite config.

    Args:
        colors: Colours of categories, in order; anything that CSS or Vega understands.
        ink: Colour of text and axes.
        grid: Colour of grid lines.
    """
    axis = {
        "gridColor": grid,
        "domainColor": grid,
        "tickColor": grid,
        "labelColor": ink,
        "titleColor": ink,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "labelLimit": 160,
        "tickCount": 5,
    }
    first = colors[0]
    return {
        "background": "transparent",
        "font": "Helvetica, Arial, sans-serif",
        # A reader's font may be wider than the one that was measured, which would cut the longest label of the left axis.
        "padding": {"left": 16, "top": 4, "right": 4, "bottom": 4},
        "view": {"stroke": None},
        "axis": axis,
        "axisX": {"grid": False},
        "axisY": {
            "titlePadding": 16
        },  # a reader's font may be wider than the one that was measured
        "legend": {
            "labelColor": ink,
            "titleColor": ink,
            "labelFontSize": 11,
            "titleFontSize": 11,
            "titleFontWeight": "normal",
            "orient": "bottom",
            "columns": 4,
            "labelLimit": 130,
            "columnPadding": 26,
        },
        "title": {"color": ink, "fontSize": 13, "anchor": "start", "fontWeight": 600, "offset": 10},
        "range": {"category": list(colors)},
        "line": {"strokeWidth": 1.75, "color": first},
        "point": {"color": first},
        "bar": {"color": first},
        "area": {"color": first},
        "rect": {"color": first},
        "rule": {"color": ink},
        "text": {"color": ink},
    }


def page_config() -> dict[str, Any]:
    """Return the config for charts drawn into a page, which defines `--c1` ... `--c8`, `--ink-2` and `--grid`."""
    colors = tuple(f"var(--c{number + 1})" for number in range(len(LIGHT)))
    return config(colors, "var(--ink-2)", "var(--grid)")
