"""Searching what is written for secret values: every form of them, and across the borders of chunks."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote

import pytest
from hypothesis import given, strategies as st
from taskloom.secrets.forms import forms_of
from taskloom.secrets.redaction import MARK, Redactor

VALUES = [
    "sk-LEAKED-12",
    'with "quotes" & <tags>',
    "\u00e4\u20ac\U0001f511key",
    "tab\tand\nline",
    "aaaa",
]


def knowing(*values: str | bytes) -> Redactor:
    redactor = Redactor()
    for value in values:
        redactor.learn(forms_of(value))
    return redactor


@pytest.mark.parametrize("value", VALUES)
def test_every_form_of_a_value_is_found(value: str) -> None:
    forms = [
        value,
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        html.escape(value),
        quote(value, safe=""),
        base64.b64encode(value.encode()).decode().rstrip("="),
    ]
    redactor = knowing(value)
    for form in [form for form in forms if len(form) >= 8 or form == value]:
        assert redactor.text(f"a {form} b") == f"a {MARK} b"


@given(st.binary(max_size=9), st.binary(max_size=9))
def test_the_base64_of_a_text_around_a_value_does_not_hold_it(before: bytes, after: bytes) -> None:
    value = "sk-LEAKED-12"
    code = base64.b64encode(before + value.encode() + after).decode()
    cleaned = knowing(value).text(code)
    assert MARK in cleaned
    assert len(cleaned) < len(code)


def test_short_values_are_left_alone() -> None:
    assert knowing("abc").text("abc") == "abc"
    assert knowing("abcd").text("abcd") == MARK


def test_nothing_changes_while_there_is_no_secret() -> None:
    redactor = Redactor()
    assert redactor.text("a") == "a"
    assert redactor.split(b"a") == (b"a", b"")
    assert redactor.tree({"a": ["b"]}) == {"a": ["b"]}


def test_a_tree_is_searched_in_its_texts_alone() -> None:
    found = knowing("1234").tree({"n": 1234, "t": ["a 1234", ("1234",)], "1234": True})
    assert found == {"n": 1234, "t": [f"a {MARK}", (MARK,)], MARK: True}


def test_bytes_that_are_no_text_are_found() -> None:
    value = b"\xff\xfe\x00key"
    assert knowing(value).whole(b"<" + value + b">") == b"<" + MARK.encode() + b">"


@given(
    st.lists(st.sampled_from(["sk-LE", "AKED", "sk-LEAKED", "s", "k", "-", "x", "AKEDAKED"])),
    st.data(),
)
def test_borders_of_chunks_change_nothing(pieces: list[str], data: st.DataObject) -> None:
    redactor = knowing("sk-LEAKED", "AKEDAKED", "LEAKEDs")
    whole = "".join(pieces).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)))))
    out, held = b"", b""
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        done, held = redactor.split(held + whole[start:end])
        out += done
    assert not any(
        value in out + redactor.whole(held) for value in (b"sk-LEAKED", b"AKEDAKED", b"LEAKEDs")
    )
    assert out + redactor.whole(held) == redactor.whole(whole)


def test_what_cannot_begin_a_value_is_passed_on_at_once() -> None:
    assert knowing("sk-LEAKED").split(b"Name? ") == (b"Name? ", b"")
    assert knowing("sk-LEAKED").split(b"is sk-L") == (b"is ", b"sk-L")
