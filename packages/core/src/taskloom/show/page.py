"""The report of a run in a cell: its page in a frame of its own, which runs no script."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path

from taskloom.records.files import read_bytes
from taskloom.records.limits import ARTIFACT
from taskloom.show.cells import guarded

_HEIGHT = 600  # [px]


@dataclass(frozen=True, slots=True)
class Report:
    """The report of a run.

        report = taskloom.open_run("@last").report()
        report.path

    Attributes:
        path: The page: one file that needs no network.
    """

    path: Path

    def __fspath__(self) -> str:
        """Return the path, for `open` and its kind."""
        return str(self.path)

    def _repr_html_(self) -> str:
        return guarded(self._frame, self)

    def _frame(self) -> str:
        text = read_bytes(self.path.parent, self.path.name, ARTIFACT)
        page = html.escape(text.decode("utf-8", "replace"))
        # An empty sandbox: no script, no form, no access to the notebook.
        frame = f'style="width:100%;height:{_HEIGHT}px;border:1px solid #ccc"'
        return f'<iframe sandbox="" srcdoc="{page}" {frame}></iframe>'
