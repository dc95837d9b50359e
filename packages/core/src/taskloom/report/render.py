"""Vega-Lite specs to inline SVG, through `vl-convert-python`. Nothing is fetched: a spec that names an address is refused."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

from taskloom.report.theme import page_config

_VERSION = "5.20"
_IDS = re.compile(r'(?<=\bid=")[^"]+(?=")|(?<=url\(#)[^)]+(?=\))|(?<=href="#)[^"]+(?=")')
_SIZE = re.compile(r'<svg ([^>]*?)width="([\d.]+)" height="([\d.]+)"')
_TAG = re.compile(r"<[a-z][^<>]*>")
_ROLES = re.compile(r' (?:role|aria-[a-z]+)="[^"]*"')
_numbers = itertools.count()


class ChartError(Exception):
    """A spec that cannot be drawn."""


def svg_of(spec: Mapping[str, Any], label: str) -> Markup:
    """Draw a chart.

    Args:
        spec: A Vega-Lite spec with its data inline.
        label: What a screen reader says.

    Returns:
        An `<svg>` element that scales to its column and takes its colours from the page.

    Raises:
        ChartError: The spec is not valid, or names an outside address.
    """
    import vl_convert  # starts a JavaScript engine: half a second

    check_spec(spec)
    try:
        # Colours inside a config survive as they are written, so `var(--c1)` reaches the page.
        drawn = vl_convert.vegalite_to_svg(
            json.dumps(spec, allow_nan=False), vl_version=_VERSION, config=page_config()
        )
    except (ValueError, TypeError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ChartError(lines[1] if len(lines) > 1 else str(error)) from None
    # The drawing is one picture with one label: what it consists of has no names and roles of its own.
    whole = _TAG.sub(lambda tag: _ROLES.sub("", tag[0]), _with_own_ids(drawn))
    return Markup(_responsive(whole, label))


def check_spec(spec: Mapping[str, Any]) -> None:
    """Refuse a spec that would make the renderer or the browser fetch something.

    Raises:
        ChartError: The spec names an address.
    """
    for key, value in _walk(spec):
        if key in ("url", "href") and isinstance(value, str):
            raise ChartError(f"its data must be inline; it names the address '{value[:60]}'")


def _walk(value: object) -> Iterator[tuple[str, object]]:
    """Yield every key with its value, outside of inline data."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key), inner
            if key != "values":
                yield from _walk(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _walk(inner)


def _with_own_ids(svg: str) -> str:
    """Make ids unique: two drawings in one page would clip each other, because both call their first clip `clip0`."""
    prefix = f"g{next(_numbers)}-"
    return _IDS.sub(lambda match: prefix + match[0], svg)


def _responsive(svg: str, label: str) -> str:
    from markupsafe import escape

    return _SIZE.sub(
        lambda match: (
            f'<svg {match[1]}role="img" aria-label="{escape(label)}" '
            f'style="width:100%;max-width:{float(match[2]):.0f}px;height:auto"'
        ),
        svg,
        count=1,
    )
