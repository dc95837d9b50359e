"""Hand-written reference says what the code says: paths of a run, statuses, exit codes, options, verdicts, terms."""

from __future__ import annotations

import importlib
import re
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from taskloom.errors import ExitCode
from taskloom.headline import Headline
from taskloom.runs.layout import RunLayout
from taskloom.runs.record import RunRecord

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def page(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text(encoding="utf-8")


def test_the_page_on_formats_names_every_path_of_a_run(tmp_path: Path) -> None:
    layout = RunLayout(tmp_path)
    paths = {
        getattr(layout, name).name
        for name, member in vars(RunLayout).items()
        if isinstance(member, property)
    }
    assert {name for name in paths if f"| `{name}` |" not in page("file-formats")} == set()


def test_the_page_on_formats_names_every_field_of_a_record() -> None:
    named = set(re.findall(r"`(\w+)`", page("file-formats").partition("## Fields of run.json")[2]))
    assert {field.name for field in fields(RunRecord)} - named == set()


def test_the_page_on_commands_names_every_exit_code() -> None:
    section = page("command-line").partition("## Exit codes")[2]
    named = {int(code) for code in re.findall(r"\b\d+\b", section.replace("|", " "))}
    assert {code.value for code in ExitCode} <= named


def test_the_glossary_explains_every_verdict_in_alphabetical_order() -> None:
    text = page("glossary")
    verdicts = get_args(get_type_hints(Headline)["verdict"])
    assert len(verdicts) >= 8
    line = next(line for line in text.splitlines() if line.startswith("**Verdict.**"))
    assert [word for word in verdicts if word not in line] == []
    terms = re.findall(r"^\*\*(.+?)\.\*\*", text, flags=re.MULTILINE)
    assert terms == sorted(terms, key=str.lower)
    assert len(terms) >= 40
    kinds = {
        kind.rpartition(".")[2].replace("_", " ")
        for domain in ("anomaly", "hci", "diffusion", "control")
        for kind in importlib.import_module(f"taskloom_{domain}.domain").DOMAIN.components
    }
    named = {term.lower() for term in terms}
    assert {kind for kind in kinds if not {kind.removesuffix("s"), kind.removesuffix("es")} & named} == set()  # fmt: skip


@pytest.mark.parametrize("name", ["glossary", "file-formats", "stability", "data-licences"])
def test_a_page_of_reference_is_in_the_navigation(name: str) -> None:
    navigation = (REFERENCE.parents[1] / "mkdocs.yml").read_text(encoding="utf-8")
    assert f"reference/{name}.md" in navigation
