"""Canonical forms: the digests of the specification, one form for equal values, another for every edit."""

from __future__ import annotations

import math
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum, IntEnum
from pathlib import Path, PureWindowsPath
from typing import Annotated

import pytest
from hypothesis import given, settings, strategies as st
from pydantic import BaseModel
from taskloom import Component, Config, ExecutionOnly
from taskloom.errors import PluginError
from taskloom.identity.canonical import canonical, digest
from tests_sizes import size


class Colour(Enum):
    RED = 1
    CRIMSON = 1
    BLUE = 2


class Level(IntEnum):
    LOW = 1


@pytest.mark.parametrize(
    ("value", "first"),
    [
        (0.1, "b45d31fe423a8026"),
        (0.0, "06c51f42087c3b0a"),
        (-0.0, "06c51f42087c3b0a"),
        (1, "6b86b273ff34fce1"),
        (1.0, "0442cd2e6ea9ba83"),
        ("1", "391552c099c101b1"),
        (True, "b5bea41b6c623f7c"),
        (2**60, "c4870476226ad39c"),
        ({"b", "a"}, "38711acfb4d8801c"),
        ({2: "x", 1: "y"}, "104f6f34b91914e5"),
        ({"1": "y"}, "7124062227105517"),
        (Path("a/b"), "c54bcb0ccca0fea4"),
        (math.inf, "0619c40f11a15fcc"),
    ],
)
def test_digest_is_that_of_the_specification(value: object, first: str) -> None:
    assert digest(value)[:16] == first


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (None, None),
        (2**53, 2**53),
        (2**53 + 1, {"%int": "9007199254740993"}),
        (-(2**60), {"%int": "-1152921504606846976"}),
        (math.nan, {"%float": "nan"}),
        (-math.inf, {"%float": "-inf"}),
        (Colour.CRIMSON, {"%enum": "RED"}),
        (Level.LOW, {"%enum": "LOW"}),
        (b"\x00\xff", {"%bytes": "00ff"}),
        (PureWindowsPath("a\\b"), {"%path": "a/b"}),
        (timedelta(days=1, microseconds=1), {"%us": 86_400_000_001}),
        (date(2026, 1, 2), {"%date": "2026-01-02"}),
        (datetime(2026, 1, 2, tzinfo=UTC), {"%datetime": "2026-01-02T00:00:00+00:00"}),
        ((1, "a"), [1, "a"]),
        ({frozenset({"b", "a"}), frozenset()}, {"%set": [{"%set": ["a", "b"]}, {"%set": []}]}),
    ],
)
def test_form(value: object, form: object) -> None:
    assert canonical(value) == form


def test_moments_that_are_equal_have_one_form() -> None:
    noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    assert digest(noon) == digest(noon.astimezone(timezone(timedelta(hours=5))))


class Part(Component):
    rank: int = 1
    workers: Annotated[int, ExecutionOnly()] = 1


class Whole(Config):
    names: frozenset[str] = frozenset()
    groups: frozenset[frozenset[int]] = frozenset()
    table: dict[str, float] = {}  # noqa: RUF012 -- pydantic copies it
    numbers: dict[int, tuple[str, ...]] = {}  # noqa: RUF012 -- pydantic copies it
    colour: Colour = Colour.RED
    rate: float = 0.0
    path: Path | None = None
    wait: timedelta = timedelta(0)
    part: Part = Part()
    parts: tuple[Part, ...] = ()
    threads: Annotated[int, ExecutionOnly()] = 1


FLOATS = st.floats(allow_nan=False, allow_infinity=False)
PARTS = st.builds(Part, rank=st.integers())
PATHS = st.one_of(st.none(), st.text("abc/", min_size=1, max_size=6).map(Path))
FIELDS = {
    "names": st.frozensets(st.text(max_size=4), max_size=5),
    "groups": st.frozensets(st.frozensets(st.integers(0, 9), max_size=3), max_size=4),
    "table": st.dictionaries(st.text(max_size=3), FLOATS, max_size=4),
    "numbers": st.dictionaries(st.integers(), st.tuples(st.text(max_size=2)), max_size=3),
    "colour": st.sampled_from(Colour),
    "rate": FLOATS,
    "path": PATHS,
    "wait": st.timedeltas(),
    "part": PARTS,
    "parts": st.lists(PARTS, max_size=3).map(tuple),
}
WHOLES = st.builds(Whole, **FIELDS)


@settings(max_examples=size("canonical_examples"), deadline=None)
@given(WHOLES, WHOLES)
def test_digests_are_equal_exactly_where_configs_are(one: Whole, other: Whole) -> None:
    assert (digest(one) == digest(other)) == (one == other)


@settings(max_examples=size("canonical_examples"), deadline=None)
@given(WHOLES, st.sampled_from(sorted(FIELDS)), st.data())
def test_edit_of_one_leaf_is_another_digest(whole: Whole, name: str, data: st.DataObject) -> None:
    edited = whole.model_copy(update={name: data.draw(FIELDS[name])})
    assert (digest(whole) == digest(edited)) == (getattr(whole, name) == getattr(edited, name))


@settings(max_examples=size("canonical_examples"), deadline=None)
@given(WHOLES, st.randoms(use_true_random=False))
def test_order_of_insertion_does_not_count(whole: Whole, random: object) -> None:
    keys = list(whole.table)
    random.shuffle(keys)  # type: ignore[attr-defined]  # a `random.Random`
    again = whole.model_copy(update={"table": {key: whole.table[key] for key in keys}})
    assert digest(again) == digest(whole)


def test_execution_does_not_count_at_any_depth() -> None:
    other = Whole(threads=8, part=Part(workers=4), parts=(Part(workers=2),))
    assert digest(other) == digest(Whole(parts=(Part(),)))


def test_one_digest_for_every_hash_seed() -> None:
    program = (
        "from taskloom.identity.canonical import digest\n"
        "print(digest([{'mmlu', 'gsm8k', 'arc'}, {frozenset({'a', 'b'}), frozenset({'c'})}, {'x': {'y', 'z'}}]))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(size("hash_seeds"))
    }
    assert len(found) == 1


def test_type_without_a_form_is_refused_with_its_field() -> None:
    class Odd(BaseModel):
        inner: object

    with pytest.raises(PluginError, match=r"field inner of type complex has no identity"):
        digest(Odd(inner=1j))


def test_type_may_bring_its_own_form() -> None:
    class Angle:
        def canonical(self) -> float:
            return 0.5

    assert canonical(Angle()) == {
        "%object": [
            "test_type_may_bring_its_own_form.<locals>.Angle",
            {"%float": "0x1.0000000000000p-1"},
        ]
    }
