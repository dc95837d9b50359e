"""A static copy of a store's pages for a colleague: plain files with relative links, no server, no script, no network.

What tells of this machine stays here: the environment of a run, the list of its files, the name of the host, and every absolute
path in a text, of which the last component is kept.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import htpy as h

from taskloom.errors import StoreError, UsageError
from taskloom.records.names import is_id
from taskloom.report import figures
from taskloom.report.compare import comparison_page
from taskloom.report.page import Folded, page
from taskloom.report.run_page import run_page
from taskloom.runs.choice import choose
from taskloom.runs.run import Run
from taskloom.runs.writer import atomic_write
from taskloom.secrets.redaction import IN_CONFIGS

LARGEST = 50_000_000
"""Size of a copy [bytes]."""
MOST_COMPARED = 200
"""Runs of a sweep that are set side by side."""
_OWN = ("Environment", "Files", "As it was called")
# A path that begins at the root, or at a drive; inside a word, an address or a file's own data there is none.
_PATH = re.compile(r"(?<![\w:/.\\<=+])(?:/|[A-Za-z]:\\)(?:[\w.@+-]+[/\\])+([\w.@+-]+)")
_HEADS = ("run", "task", "status", "name", "headline", "verdict", "created", "duration", "summary")


def export(store: Path, folder: Path, where: Sequence[str] = ()) -> tuple[int, int]:
    """Write the copy.

    Args:
        store: The store.
        folder: Where to; it must not be there, or be empty.
        where: Filters; a run has to satisfy all of them.

    Returns:
        How many runs and how many sweeps are in it.

    Raises:
        UsageError: The folder holds something, no run matches, or the copy would be too large.
        StoreError: A file cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} holds something already: --export takes a new folder.")
    found = choose(store, where, "", lambda _: slice(None)).rows
    if not found:
        raise UsageError(f"No run of {store} is to be copied.")
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        told = _write_all(store, partial, found)
        if folder.is_dir():
            folder.rmdir()
        partial.rename(folder)
    except OSError as error:
        raise StoreError(f"Cannot write {folder}: {error.strerror}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return told


def _write_all(store: Path, root: Path, rows: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    names = {str(row["folder"]) for row in rows}
    hosts = {str(row["host"]) for row in rows if row["host"]}
    size, opened = 0, {}
    for number, row in enumerate(rows):
        run = Run(store / row["folder"])
        opened[row["folder"]] = run
        size += _put(root / "runs" / row["folder"] / "report.html", _report(run), hosts)
        _check_size(size, number + 1, len(rows))
    sweeps = _sweeps(rows)
    for sweep, members in sweeps.items():
        text = _comparison([opened[name] for name in members], sweep)
        size += _put(root / "sweeps" / f"{sweep}.html", text, hosts)
        _check_size(size, len(rows), len(rows))
    _put(root / "index.html", _index(rows, [*sweeps]), hosts)
    return len(names), len(sweeps)


def _check_size(size: int, done: int, total: int) -> None:
    if size > LARGEST:
        raise UsageError(
            f"The copy would be larger than {figures.size(LARGEST)}: {done} of {total} runs make {figures.size(size)}.",
            hint="Leave runs out with --where, for example: --where 'verdict = better'.",
        )


def _put(path: Path, document: str, hosts: Iterable[str]) -> int:
    text = _plain(IN_CONFIGS.text(document), hosts)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, text)
    return len(text.encode())


def _plain(text: str, hosts: Iterable[str]) -> str:
    """Return a page without what tells of this machine."""
    for host in hosts:
        text = re.sub(rf"(?<![\w.-]){re.escape(host)}(?![\w.-])", "HOST", text)
    return _PATH.sub(lambda match: f"\u2026/{match[1]}", text)


def _report(run: Run) -> str:
    title, header, sections, folds = run_page(run)
    kept = [fold for fold in folds if fold.name not in _OWN]
    return page(title, [_back("../../index.html"), header], sections, folds=kept)


def _comparison(runs: Sequence[Run], sweep: str) -> str:
    title, header, sections, folds = comparison_page(runs)
    kept: list[Folded] = [fold for fold in folds if fold.name not in _OWN]
    return page(f"{title}: {sweep}", [_back("../index.html"), header], sections, folds=kept)


def _back(address: str) -> h.Element:
    return h.nav(".kicker.back", aria_label="Back")[h.a(href=address)["\u2190 All runs"]]


def _sweeps(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the sweeps that have runs enough to compare, with their finished runs."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row["sweep"] and is_id(row["sweep"]) and row["status"] == "finished":
            found.setdefault(row["sweep"], []).append(row["folder"])
    return {name: each[::-1] for name, each in found.items() if 2 <= len(each) <= MOST_COMPARED}


def _index(rows: Sequence[Mapping[str, Any]], sweeps: Sequence[str]) -> str:
    body = (h.tr[_cells(row)] for row in rows)
    links = [h.li[h.a(href=f"sweeps/{name}.html")[name]] for name in sweeps]
    header = h.header[
        h.p(".kicker")["taskloom \u00b7 copy of a store"],
        h.h1[f"{len(rows):,} run{'s' * (len(rows) != 1)}"],
    ]
    heads = (h.th(scope="col")[name] for name in _HEADS)
    listed = h.div(".scroll", tabindex="0", role="group", aria_label="Runs")[
        h.table(".runs")[h.thead[h.tr[heads]], h.tbody[body]]
    ]
    parts: list[tuple[str, h.Node]] = [("Runs", listed), ("Sweeps", h.ul[links] if links else None)]
    return page("Runs", header, parts, wide=True)


def _cells(row: Mapping[str, Any]) -> list[h.Node]:
    folder = row["folder"]
    plain = {
        "task": f"{row['domain']} {row['task']}",
        "created": row["created"][:19].replace("T", " "),
        "duration": figures.duration(row["duration"]),
    }
    return [
        h.th(".path", scope="row")[h.a(href=f"runs/{folder}/report.html")[folder]],
        (
            (h.td(".sentence") if name == "summary" else h.td)[plain.get(name, row.get(name, ""))]
            for name in _HEADS[1:]
        ),
    ]
