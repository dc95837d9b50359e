"""Words and lines of the page of a live loop."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from taskloom_control.live.shown import Shown

# Everything is in the markup: the page loads no script of its own for it.
_COPY = "navigator.clipboard.writeText(this.previousElementSibling.textContent)"


def series_of(names: Sequence[str]) -> Any:  # noqa: ANN401 -- viser's typed dictionaries
    """Return the lines of a plot, in colours that are told apart."""
    colours = (
        "#1668e3",
        "#d9480f",
        "#2b8a3e",
        "#862e9c",
        "#c92a2a",
        "#0b7285",
        "#5f3dc4",
        "#e67700",
    )
    lines = [
        {"label": name, "stroke": colours[i % len(colours)], "width": 1.5}
        for i, name in enumerate(names)
    ]
    return ({"label": "t"}, *lines)


def status_of(shown: Shown) -> str:
    """Return the words above the controls."""
    words = [f"**t = {shown.time:.2f} s**, episode {shown.episode}"]
    words.append("paused" if shown.paused else f"{shown.rate:.2f} x real time")
    if shown.done:
        words.append("over: reset to begin anew")
    lines = [", ".join(words)]
    stats = shown.stats
    if stats is not None and shown.plan_ms.size:
        middle, late = np.percentile(shown.plan_ms, [50, 95])
        period = 1e3 / shown.config.controller.control_freq
        asked = stats.rollouts_asked or stats.rollouts
        lines.append(
            f"plan {middle:.1f} ms (95 %: {late:.1f}) of {period:.0f} ms, rollouts {stats.rollouts}/{asked}, ESS {stats.ess:.1f}"
        )
    solved = "solved" if shown.success else "not solved"
    lines.append(f"cost {shown.cost:.4g}, {solved}")
    if shown.said:
        lines.append(f"**{shown.said}**")
    return "  \n".join(lines)


def command_markup(command: str) -> str:
    """Return a command with a button that copies it, as HTML."""
    shown = html.escape(command)
    style = "white-space:pre-wrap;overflow-wrap:anywhere;user-select:all;font-family:monospace"
    return f'<div style="{style}">{shown}</div><button style="margin-top:.8em" onclick="{_COPY}">Copy</button>'
