"""The local viewer: the pages of reports, served live to this machine's browser alone.

It reads runs and changes nothing. Needs the extra `view`.
"""

from __future__ import annotations
