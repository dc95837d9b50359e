"""Draw the pictures of docs/how-to/train-a-model.md from a finished run: `python benchmarks/diffusion/pictures.py RUN`."""

from __future__ import annotations

import html
import json
import sys
from pathlib import Path
from typing import Any

import vl_convert
from rdkit import Chem
from rdkit.Chem import Draw
from taskloom.report.model import Chart
from taskloom.runs import Run, open_run
from taskloom_diffusion.metrics.molecules import parse
from taskloom_diffusion.report.drawings import shown_steps
from taskloom_diffusion.report.section import report
from taskloom_diffusion.verbs.schedules import schedules

FOLDER = Path(__file__).parents[2] / "docs" / "pictures" / "diffusion"
_CELL, _ROW = 17, 22  # [px]


def chart_svg(chart: Chart) -> str:
    """Return a chart of the report as SVG on white."""
    spec: dict[str, Any] = {**chart.spec, "background": "white", "width": 520, "height": 240}
    return vl_convert.vegalite_to_svg(spec)


def molecules_svg(run: Run) -> str:
    """Return the first twelve different valid samples."""
    samples = run.artifacts["samples"].read_text(encoding="utf-8").splitlines()
    valid = list(dict.fromkeys(s for s in samples if parse(s) is not None))[:12]
    drawn = Draw.MolsToGridImage(
        [Chem.MolFromSmiles(s) for s in valid],
        molsPerRow=6,
        subImgSize=(140, 110),
        legends=valid,
        useSVG=True,
    )
    return str(getattr(drawn, "data", drawn))


def unmasking_svg(run: Run) -> str:
    """Return the first recorded sequence that ends as a valid molecule, state by state."""
    states = json.loads(run.artifacts["evaluation"].read_text(encoding="utf-8"))["unmasking"]
    number = next(
        (i for i, row in enumerate(states[-1]) if parse("".join(t for t in row if t != "[PAD]"))), 0
    )
    rows = [[t for t in state[number] if t != "[PAD]"] for state in states]
    shown = shown_steps(rows, 12)
    parts: list[str] = []
    for line, step in enumerate(shown):
        y = line * _ROW + 6
        parts.append(f'<text x="30" y="{y + 13}" text-anchor="end" fill="#777">{step}</text>')
        for i, token in enumerate(rows[step]):
            new = line > 0 and rows[shown[line - 1]][i] != token
            fill = "#e3e3e3" if token == "[MASK]" else "#b9d9f5" if new else "#f7f7f7"
            x = 40 + i * (_CELL + 2)
            parts.append(
                f'<rect x="{x}" y="{y}" width="{_CELL}" height="18" rx="3" fill="{fill}"/>'
            )
            if token != "[MASK]":
                size = 13 if len(token) == 1 else 7
                parts.append(
                    f'<text x="{x + _CELL / 2}" y="{y + 13}" font-size="{size}" text-anchor="middle" '
                    f'fill="#222">{html.escape(token)}</text>'
                )
    width, height = 50 + len(rows[0]) * (_CELL + 2), len(shown) * _ROW + 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="monospace" font-size="12"><rect width="100%" height="100%" fill="white"/>{"".join(parts)}</svg>'
    )


def main(reference: str) -> None:
    """Write every picture."""
    run = open_run(reference)
    FOLDER.mkdir(parents=True, exist_ok=True)
    charts = [block for block in report(run) if isinstance(block, Chart)]
    titled = {str(c.spec["encoding"]["x"].get("title", "")): c for c in charts}
    pictures = {
        "loss": chart_svg(charts[0]),
        "rates": chart_svg(titled["mask rate"]),
        "weight": chart_svg(titled["molecular weight [Da]"]),
        "molecules": molecules_svg(run),
        "unmasking": unmasking_svg(run),
    }
    for name, svg in pictures.items():
        (FOLDER / f"{name}.svg").write_text(svg, encoding="utf-8")
    schedules(out=FOLDER / "schedules.svg", as_json=True)


if __name__ == "__main__":
    main(sys.argv[1])
