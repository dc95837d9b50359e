"""Blocks of a domain, parted into evidence, rows of the top of the page, and folds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import htpy as h

from taskloom.report.blocks import render_blocks
from taskloom.report.model import Block, Facts, Fold
from taskloom.report.page import Folded


def arranged(blocks: Iterable[Block], root: Path) -> tuple[list[h.Node], list[Facts], list[Folded]]:
    """Return what stands open, the rows for the top, and the folds, each in the order of the domain.

    Args:
        blocks: The blocks of a domain; those before the first fold are the evidence.
        root: The run's folder.
    """
    facts = []
    parts: list[tuple[Fold | None, list[Block]]] = [(None, [])]
    for block in blocks:
        if isinstance(block, Facts):
            facts.append(block)
        elif isinstance(block, Fold):
            parts.append((block, []))
        else:
            parts[-1][1].append(block)
    evidence = render_blocks(parts[0][1], root)
    folds = [
        Folded(fold.title, render_blocks(inside, root), fold.note)
        for fold, inside in parts
        if fold is not None and inside
    ]
    return evidence, facts, folds
