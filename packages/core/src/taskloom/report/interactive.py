"""Charts that answer to the mouse, for those who ask: the same drawings, with the specs and Vega's script in the page.

The page still fetches nothing. Its policy allows exactly one script, by its hash, and no `eval`: Vega interprets its
expressions.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import htpy as h
from markupsafe import Markup

from taskloom.report.theme import page_config

WANTED: h.Context[bool] = h.Context("interactive", default=False)
"""Return whether the page that is being rendered has interactive charts."""

_VERSION = "5.20"
# Each drawing gives way to a living one; a chart that fails keeps its drawing.
_SNIPPET = """
for (const data of document.querySelectorAll("script.spec")) {
  const still = data.parentElement.querySelector("svg");
  const place = document.createElement("div");
  place.className = "living";
  still.before(place);
  vegaEmbed(place, JSON.parse(data.textContent), {ast: true, actions: false, renderer: "svg"})
    .then(() => still.remove(), (error) => { place.remove(); console.error(error); });
}
"""


@WANTED.consumer
def spec_of(wanted: bool, spec: Mapping[str, Any]) -> h.Node:
    """Return the spec as data inside the page, if the page is to be interactive."""
    if not wanted:
        return None
    text = json.dumps(_moving(spec), allow_nan=False)
    # Inside a script element `<` could end it; JSON has another way to write it.
    return h.script(".spec", type="application/json")[Markup(text.replace("<", "\\u003c"))]


@cache
def script() -> str:
    """Return Vega with the few lines that start it; a megabyte."""
    import vl_convert

    return str(vl_convert.javascript_bundle(_SNIPPET, vl_version=_VERSION))


def source_of_script() -> str:
    """Return what the content security policy allows to run: this script and no other."""
    digest = hashlib.sha256(script().encode()).digest()
    return f"script-src 'sha256-{base64.b64encode(digest).decode()}'"


def _moving(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the spec in the page's colours, with tooltips; a plot of two numbers can be moved and zoomed."""
    config = {**page_config(), "mark": {"tooltip": {"content": "encoding"}}}
    moving = {**spec, "config": {**config, **spec.get("config", {})}}
    axes = [spec.get("encoding", {}).get(channel, {}) for channel in ("x", "y")]
    plain = all(axis.get("type") == "quantitative" and "bin" not in axis for axis in axes)
    if plain and "params" not in spec:
        moving["params"] = [{"name": "view", "select": "interval", "bind": "scales"}]
    return moving
