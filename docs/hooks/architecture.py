"""Draw the floors of the code and the imports between them, out of the import graph."""

from __future__ import annotations

import math
import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import grimp

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

PICTURE = "pictures/architecture.svg"
DOMAINS = ("anomaly", "hci", "diffusion", "control")
ROOT = Path(__file__).parents[2]
_STYLE = """
text { font: 13px sans-serif; fill: var(--ink) } .small { font-size: 11px; fill: var(--soft) }
rect { fill: var(--box); stroke: var(--line) } path { fill: none; stroke: var(--arrow); opacity: .55 }
svg { --ink: #1f2430; --soft: #596173; --box: #f3f5fa; --line: #b9c2d4; --arrow: #3f6ad8 }
@media (prefers-color-scheme: dark) {
  svg { --ink: #e6e9f0; --soft: #a3abbd; --box: #262b36; --line: #4c566a; --arrow: #8fb0ff } }
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the picture, as mkdocs asks for its files."""
    from mkdocs.structure.files import File

    files.append(File.generated(config, PICTURE, content=picture()))
    return files


def floors() -> list[list[str]]:
    """Return the packages of core by layer, the highest first, as import-linter's contract has them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(c["layers"] for c in contracts["contracts"] if c["type"] == "layers")
    names = [[word.strip(" ()") for word in layer.split("|")] for layer in layers]
    return [[name.removeprefix("taskloom.") for name in layer] for layer in names]


def arrows() -> tuple[Counter[str], Counter[tuple[str, str]]]:
    """Return the number of modules of every room, and the number of imports from room to room; a domain is one room."""
    packages = ("taskloom", *(f"taskloom_{name}" for name in DOMAINS))
    graph = grimp.build_graph(*packages, exclude_type_checking_imports=True, cache_dir=None)
    rooms = {module: _room(module) for module in graph.modules}
    found: Counter[tuple[str, str]] = Counter()
    for module, room in rooms.items():
        for other in graph.find_modules_directly_imported_by(module):
            if room != rooms[other]:
                found[room, rooms[other]] += 1
    return Counter(rooms.values()), found


def _room(module: str) -> str:
    first, _, rest = module.partition(".")
    return rest.partition(".")[0] if first == "taskloom" else first.removeprefix("taskloom_")


def picture() -> str:
    """Return the picture as SVG: the domains on top, the layers of core below, an arc for the imports from layer to layer."""
    sizes, found = arrows()
    plan = [list(DOMAINS), *floors()]
    place = {room: row for row, floor in enumerate(plan) for room in floor}
    between: Counter[tuple[int, int]] = Counter()
    for (start, end), count in found.items():
        if start in place and end in place and place[start] != place[end]:
            between[place[start], place[end]] += count
    parts = [_floor(row, floor, sizes, between) for row, floor in enumerate(plan)]
    parts += [_arc(start, end, count) for (start, end), count in sorted(between.items())]
    shared = ", ".join(sorted(room for room in sizes if room and room not in place))
    height = 40 * len(plan) + 70
    parts.append(_lines(f"Shared by all layers: {shared}.", 40 * len(plan) + 20))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 930 {height}" role="img">'
        f"<title>Layers of the code</title><style>{_STYLE}</style>{''.join(parts)}</svg>\n"
    )


def _floor(
    row: int, floor: list[str], sizes: Counter[str], between: Counter[tuple[int, int]]
) -> str:
    top, width = 40 * row + 8, 560 // len(floor)
    boxes = [
        f'<rect x="{10 + n * width}" y="{top}" width="{width - 8}" height="26" rx="4"/>'
        f'<text x="{20 + n * width}" y="{top + 18}">{room} <tspan class="small">{sizes[room]}</tspan></text>'
        for n, room in enumerate(floor)
    ]
    down = sum(count for (start, _), count in between.items() if start == row)
    words = f"{down} import{'s' * (down != 1)} from below" if down else "imports nothing below"
    return "".join(boxes) + f'<text class="small" x="760" y="{top + 18}">{words}</text>'


def _arc(start: int, end: int, count: int) -> str:
    """Return an arc at the right of the boxes; its width grows with the logarithm of the number of imports."""
    first, last = 40 * start + 21, 40 * end + 21
    out = 572 + min(170, 16 * (end - start))
    return (
        f'<path d="M570 {first} C{out} {first} {out} {last} 570 {last}" '
        f'stroke-width="{0.5 + math.log10(count):.2f}"><title>{count} imports</title></path>'
    )


def _lines(text: str, top: int, limit: int = 130) -> str:
    """Return a text in lines of at most some characters."""
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) > limit:
            lines.append("")
        lines[-1] += f"{word} "
    return "".join(
        f'<text class="small" x="10" y="{top + 16 * n}">{line.strip()}</text>'
        for n, line in enumerate(lines)
    )
