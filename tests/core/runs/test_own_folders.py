"""Folders that core keeps beside the runs of a store: written inside the store alone, and unable to hold a command up."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest
from taskloom.errors import StoreError
from taskloom.identity import packages
from taskloom.identity.filecache import FileCache
from taskloom.identity.packages import counted_packages
from taskloom.identity.sources import keep_sources, kept_source
from taskloom.runs import claims

SOURCE = b"ONE = 1\n"
SHA = hashlib.sha256(SOURCE).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return a store, with an empty folder `outside` beside it."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "store").mkdir()
    return tmp_path / "store"


def _outside(store: Path) -> list[str]:
    return sorted(os.listdir(store.parent / "outside"))


def test_no_claim_is_made_behind_a_link(store: Path) -> None:
    (store / ".claims").symlink_to(store.parent / "outside")
    with pytest.raises(StoreError, match="is a link"):
        claims.take(store, "a" * 64)
    assert _outside(store) == []
    # Nor is one removed there.
    (store.parent / "outside" / ("a" * 64)).write_text("")
    assert claims.clear(store, age=0.0) == 0
    assert _outside(store) == ["a" * 64]


@pytest.mark.parametrize("link", [".code", f".code/{SHA[:2]}"])
def test_no_source_is_kept_behind_a_link(store: Path, link: str) -> None:
    (store / link).parent.mkdir(exist_ok=True)
    (store / link).symlink_to(store.parent / "outside")
    keep_sources(store, [(SHA, SOURCE)])
    assert kept_source(store, SHA) is None
    assert _outside(store) == []


def test_sources_are_kept_in_a_store_that_is_named_by_a_link(store: Path) -> None:
    named = store.parent / "link"
    named.symlink_to(store)
    keep_sources(named, [(SHA, SOURCE)])
    assert kept_source(named, SHA) == kept_source(store, SHA) == SOURCE


@pytest.mark.parametrize("kind", ["link", "pipe", "deep", "folder"])
def test_a_cache_that_is_none_is_left_alone(
    store: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = counted_packages(["taskloom-hci"], None)
    cache = store / ".cache"
    if kind == "link":
        cache.symlink_to(store.parent / "outside")
    else:
        cache.mkdir()
        for name in (packages.NAME, "files.sqlite"):
            path = cache / Path(name).name
            if kind == "pipe":
                os.mkfifo(path)
            elif kind == "folder":
                path.mkdir()
            else:
                path.write_text("[" * 100_000)
    monkeypatch.setattr(packages, "_known", {})
    began = time.monotonic()
    assert counted_packages(["taskloom-hci"], store) == expected
    (store.parent / "data").write_bytes(SOURCE)
    with FileCache(store) as files:
        assert files.digest(store.parent / "data") == SHA
    assert time.monotonic() - began < 30
    assert _outside(store) == []
