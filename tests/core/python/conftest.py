"""A folder of files with tasks, and no trace of them in the next test."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

COIN = '''
"""Coins."""

import taskloom as tl
from bias import BIAS


class CoinConfig(tl.Config):
    """A coin."""

    p: float = 0.5
    """Chance of heads."""


class Coin:
    """Toss a coin."""

    def __init__(self, config: CoinConfig) -> None:
        self.config = config

    def run(self, ctx: tl.RunContext) -> tl.Result:
        (ctx.artifact("toss.txt")).write_text(str(ctx.seed("toss")))
        return tl.Result({"heads": self.config.p * BIAS})
'''


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in a folder with `one.py`, which holds one task and imports a module beside it."""
    for name in [name for name in os.environ if name.startswith("TASK")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    (tmp_path / "one.py").write_text(COIN)
    (tmp_path / "bias.py").write_text("BIAS = 1.0\n")
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
