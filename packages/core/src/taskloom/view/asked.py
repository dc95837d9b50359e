"""View of the table of runs, as its address holds it: a link is the state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import urlencode

Group = Literal["", "seed", "sweep"]
MOST_COLUMNS = 12
PLAIN = ("task", "status", "name", "headline", "verdict", "created", "duration", "summary")
"""Columns of a table of which none is asked for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A view of the table of runs.

    Attributes:
        where: A filter.
        sort: A field to sort by, with `-` before it to fall.
        page: Page, from 1.
        columns: Fields that have a column: `config.assistant.kind`, `metrics.auroc/fused`, `headline`.
        group: `seed` for one row a variant, `sweep` for one row a sweep; empty for one row a run.
        x: Field on the horizontal axis of a chart over the runs; several, with commas between, for parallel coordinates; empty
            for no chart.
        y: Field on its vertical axis.
    """

    where: str = ""
    sort: str = ""
    page: int = 1
    columns: tuple[str, ...] = ()
    group: Group = ""
    x: str = ""
    y: str = ""

    @property
    def axes(self) -> tuple[str, ...]:
        """The fields of `x`, one by one."""
        return tuple(filter(None, (part.strip() for part in self.x.split(","))))

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Asked:
        """Return what an address asks for; what makes no sense is left out.

        Args:
            pairs: Names and values of the address, in their order.
        """
        listed = list(pairs)
        last = dict(listed)
        columns = [
            part.strip() for name, value in listed if name == "col" for part in value.split(",")
        ]
        metrics = [f"metrics.{value}" for name, value in listed if name == "metric" and value]
        # The address of an earlier viewer: a metric beside the plain columns.
        columns += [*PLAIN, *metrics] if metrics else []
        page, group = last.get("page", ""), last.get("group", "")
        return cls(
            where=last.get("where", ""),
            sort=last.get("sort", ""),
            page=max(1, int(page)) if page.isascii() and page.isdecimal() and len(page) < 9 else 1,
            columns=tuple(dict.fromkeys(filter(None, columns)))[:MOST_COLUMNS],
            group="seed" if group == "seed" else "sweep" if group == "sweep" else "",
            x=last.get("x", ""),
            y=last.get("y", ""),
        )

    def address(self, **changes: Any) -> str:  # noqa: ANN401 -- the fields' own types
        """Return the address of this view with changes; it begins on the first page unless that is named."""
        asked = replace(self, **{"page": 1, **changes})
        pairs = [("where", asked.where), ("sort", asked.sort)]
        pairs += [("col", name) for name in asked.columns]
        pairs += [("group", asked.group), ("x", asked.x), ("y", asked.y)]
        pairs += [("page", str(asked.page) if asked.page > 1 else "")]
        kept = [(name, value) for name, value in pairs if value]
        return f"/?{urlencode(kept)}" if kept else "/"
