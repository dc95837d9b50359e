"""Small pictures for reports: molecules as SVG, and sequences as they are unmasked. Works on plain data."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

NUM_FRAMES = 9
_MASK, _PAD, _END = "[MASK]", "[PAD]", "[END]"
_CELL = "display:inline-block;min-width:1.15em;text-align:center;border-radius:3px;margin:1px;padding:0 2px"
# Half-transparent tints suit a light and a dark page.
_HIDDEN = f"{_CELL};background:rgba(128,128,128,.16);color:transparent"
_NEW = f"{_CELL};background:rgba(46,134,222,.30);font-weight:600"


def molecule_grid(smiles: Sequence[str]) -> str:
    """Return molecules drawn as SVG on white cards, with their SMILES underneath, as HTML; two or more stand side by side."""
    card = "background:#fff;color:#222;border:1px solid rgba(128,128,128,.3);border-radius:6px;padding:4px 6px"
    text = "font:12px/1.35 monospace;overflow-wrap:anywhere;text-align:center"
    # Plain boxes: the page gives a frame and a margin of its own to every figure.
    cells = "".join(
        f'<div style="{card}">{molecule_svg(s)}<div style="{text}">{html.escape(s)}</div></div>'
        for s in smiles
    )
    style = "display:grid;grid-template-columns:repeat(auto-fill,minmax(132px,1fr));gap:8px"
    if len(smiles) > 1:
        style = style.replace("132px", "min(46%,190px)")
    return f'<div style="{style}">{cells}</div>'


def molecule_svg(smiles: str, width: int = 200, height: int = 150) -> str:
    """Return a drawing of a valid molecule as wide as what holds it; width and height [px] are its proportions."""
    from rdkit import Chem
    from rdkit.Chem.Draw import rdMolDraw2D

    drawer = rdMolDraw2D.MolDraw2DSVG(width, height)
    options: Any = drawer.drawOptions()  # RDKit's stubs give its numbers the wrong type
    options.padding = 0.03
    options.minFontSize = 9  # the letters of a long molecule stay legible
    rdMolDraw2D.PrepareAndDrawMolecule(drawer, Chem.MolFromSmiles(smiles))
    drawer.FinishDrawing()
    text: str = drawer.GetDrawingText()
    # An XML declaration has no place inside a page, and RDKit's own namespace is an address.
    text = text[text.index("<svg") :].replace("xmlns:rdkit='http://www.rdkit.org/xml'", "")
    return text.replace(f"width='{width}px' height='{height}px'", "width='100%'", 1)


def unmasking_table(states: Sequence[Sequence[str]]) -> str:
    """Return a sequence state by state as HTML: hidden tokens grey, those that changed since the row above blue.

    Args:
        states: The tokens after every step; of those that changed something, about nine are shown.
    """
    rows = ["<thead><tr><th>step</th><th>tokens after it</th></tr></thead>"]
    before: Sequence[str] | None = None
    for step in shown_steps(states):
        cells = "".join(
            _cell(token, before is not None and before[i] != token)
            for i, token in enumerate(states[step])
            if token != _PAD
        )
        rows.append(
            f'<tr><td style="padding-right:1em;text-align:right;opacity:.75">{step}</td>'
            f'<td style="font-family:monospace">{cells}</td></tr>'
        )
        before = states[step]
    return f"<table>{''.join(rows)}</table>"


def text_of(tokens: Sequence[str]) -> str:
    """Return what a finished sequence reads as: up to its end, without padding."""
    kept = tokens[: list(tokens).index(_END)] if _END in tokens else tokens
    return "".join(token for token in kept if token not in (_PAD, _MASK))


def shown_steps(states: Sequence[Sequence[str]], limit: int = NUM_FRAMES) -> list[int]:
    """Return the first state, the last that changed something, and some that did between them, evenly spaced."""
    changed = [0, *(i for i in range(1, len(states)) if states[i] != states[i - 1])]
    last = len(changed) - 1
    if last < limit:
        return changed
    return [changed[round(i * last / (limit - 1))] for i in range(limit)]


def _cell(token: str, new: bool) -> str:
    if token == _MASK:
        return f'<span style="{_HIDDEN}">&middot;</span>'
    text = "&#9251;" if token == " " else "&#8718;" if token == _END else html.escape(token)
    return f'<span style="{_NEW if new else _CELL}">{text}</span>'
