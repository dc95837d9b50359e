"""Generate the page of moved import paths, and leave a page at each old address that leads to the new one."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File
from taskloom.registry import FIRST_PARTY

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

PAGE = "reference/moved.md"
ADDRESSES = {
    "tutorial": "tutorials/ten-minutes",
    **{
        f"guides/{name}": f"how-to/{name}"
        for name in (
            "cli", "cluster", "config", "plugin", "reports", "resume", "sweeps", "viewer",
        )
    },
    **{f"domains/{name}": f"concepts/{name}" for name in FIRST_PARTY},
    "domains/anomaly-detectors": "reference/anomaly-detectors",
    "domains/control-results": "reference/control-results",
    "domains/anomaly-defects": "migration/cupbearer-defects",
}  # fmt: skip


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated page."""
    files.append(File.generated(config, PAGE, content=moved_page()))
    return files


def on_post_build(config: MkDocsConfig) -> None:
    """Write a page that leads on at each old address."""
    site = Path(config.site_dir)
    for old, new in ADDRESSES.items():
        path = site / f"{old}.html"
        target = f"{'../' * old.count('/')}{new}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={target}">'
            f'<title>Moved</title><p>This page has moved: <a href="{target}">{new}</a>.</p>\n',
            encoding="utf-8",
        )


def moved_page() -> str:
    """Return the tables of moved import paths as Markdown."""
    lines = [
        "# Moved import paths",
        "",
        "The old paths work for two minor versions, with one warning a process. Core's `taskloom.execute` is `taskloom.lifecycle`, "
        "`taskloom.placement` and `taskloom.sweeps`; `python -m taskloom.execute RUN_DIR` stays.",
    ]
    for domain in FIRST_PARTY:
        lines += ["", f"## {domain}", "", "| old | new |", "| --- | --- |"]
        moved = import_module(f"taskloom_{domain}.compat.moved").MOVED
        for old, homes in sorted(moved.items()):
            rows = {"": homes} if isinstance(homes, str) else homes
            for name, new in rows.items():
                shown = f"{old}:{name}" if name not in ("", "*") else old
                lines.append(f"| `{shown}` | `{new}` |")
    return "\n".join(lines) + "\n"
