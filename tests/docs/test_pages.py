"""Every command of the documentation is run, and pages that promise their outputs keep the promise."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _load(name: str) -> ModuleType:
    # Tests are no package; a module beside this one is loaded by its path.
    spec = importlib.util.spec_from_file_location(
        f"docs_{name}", Path(__file__).with_name(f"{name}.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


pages = _load("pages")
# Their tasks train networks or simulate for minutes.
LONG = {
    "../README.md",
    "concepts/anomaly.md",
    "concepts/diffusion.md",
    "concepts/control.md",
    "concepts/hci.md",
}
WITH_COMMANDS = [
    "../README.md",
    *sorted(
        str(path.relative_to(pages.DOCS))
        for path in pages.DOCS.rglob("*.md")
        if any(isinstance(step, pages.Command) for step in pages.steps(path))
    ),
]


def _walk(page: str, shell: Any) -> None:  # noqa: ANN401 -- a fixture of this folder
    path = pages.DOCS / page
    checked = pages.CHECKED in path.read_text(encoding="utf-8")
    for step in pages.steps(path):
        if isinstance(step, pages.File):
            target = shell.folder / step.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(step.text)
            continue
        done = shell.run(step.line)
        story = f"{page}: $ {step.line}\nexit code {done.returncode}\n{done.stdout}"
        assert (done.returncode != 0) is step.fails, story
        assert "Traceback" not in done.stdout, story
        if checked:
            assert pages.matches(step.shown, done.stdout), (
                f"{story}\nbut the page shows:\n" + "\n".join(step.shown)
            )


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.slow] if page in LONG else [])
        for page in WITH_COMMANDS
    ],
)
def test_every_command_of_a_page_works(page: str, shell: Any) -> None:  # noqa: ANN401
    _walk(page, shell)


def test_the_tutorial_promises_its_outputs() -> None:
    assert "tutorials/ten-minutes.md" in WITH_COMMANDS
    assert pages.CHECKED in (pages.DOCS / "tutorials" / "ten-minutes.md").read_text()


@pytest.mark.parametrize(
    ("shown", "output", "same"),
    [
        (["a  b"], "a b\n", True),
        (["..."], "anything\nat all\n", True),
        (["a ...", "..."], "a 17\nb\nc\n", True),
        (["..."], "", True),
        (["a"], "a\nb\n", False),
        (["a(b)"], "ab\n", False),
        (["...", "b"], "a\nc\n", False),
    ],
)
def test_outputs_are_compared_word_by_word(shown: list[str], output: str, same: bool) -> None:
    assert pages.matches(shown, output) is same
