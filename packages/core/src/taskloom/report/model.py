"""Contents of a report, as data. Core renders blocks into one self-contained page; no page is written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from taskloom.registry.isolate import load_target
from taskloom.show.cells import drawing_html, guarded, line_of, table_of


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading inside a domain's section."""

    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph of plain text; it is escaped."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        columns: Column titles.
        rows: One sequence a row, as long as `columns`; floats are shown with four significant digits.
        caption: What the table shows.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str | float | int | bool | None]]
    caption: str = ""

    def _repr_html_(self) -> str:
        return line_of(self.caption) + table_of(self.columns, self.rows)


@dataclass(frozen=True, slots=True)
class Chart:
    """A Vega-Lite chart.

    Attributes:
        spec: A Vega-Lite 5 spec with its data inline; `taskloom.report.charts` builds the usual ones.
        caption: What the chart shows.
    """

    spec: Mapping[str, Any]
    caption: str = ""

    def _repr_html_(self) -> str:
        draw: Any = load_target("taskloom.report.render:svg_of")
        return guarded(
            lambda: drawing_html(str(draw(self.spec, self.caption)), self.caption), self.caption
        )


@dataclass(frozen=True, slots=True)
class Image:
    """A picture file (PNG, SVG, JPEG, GIF) that is embedded into the page.

    Attributes:
        path: The file; inside the run folder.
        caption: What it shows; also its alternative text.
        width: Shown width [px]; 0 means its own.
    """

    path: Path
    caption: str
    width: int = 0


@dataclass(frozen=True, slots=True)
class Html:
    """A fragment of HTML that the domain vouches for: no script, no outside address, user text escaped by its author."""

    html: str
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Fold:
    """Begin of a part that is closed at first: blocks up to the next fold lie in it.

    Attributes:
        title: Its title.
        note: A few words beside the title: "3 episodes".
    """

    title: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Rows that join "What was run" at the top of the page, wherever the block stands.

    Attributes:
        rows: Label, text, and whether the row is bold: what was left out of the data is.
    """

    rows: Sequence[tuple[str, str, bool]]


Block: TypeAlias = Heading | Text | Table | Chart | Image | Html | Fold | Facts
