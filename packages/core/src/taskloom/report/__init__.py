"""Reports: what happened in a run, as one self-contained page.

A domain returns blocks (`taskloom.report.model`), `taskloom.report.charts` builds the usual charts, and `write_report` puts
everything together. Rendering needs the extra `report`; building blocks needs nothing.
"""

from __future__ import annotations

from taskloom.report.model import (
    Block as Block,
    Chart as Chart,
    Facts as Facts,
    Fold as Fold,
    Heading as Heading,
    Html as Html,
    Image as Image,
    Table as Table,
    Text as Text,
)
from taskloom.report.write import (
    write_comparison as write_comparison,
    write_report as write_report,
)
