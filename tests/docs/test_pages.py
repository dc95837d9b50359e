"""Every command of the documentation is run, and pages that promise their outputs keep the promise."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from tests_sizes import FULL


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
    "../packages/hci/README.md",
    "how-to/add-a-detector.md",
    "how-to/anomaly-verbs.md",
    "how-to/find-a-backdoor.md",
    "how-to/hci-train.md",
    "tutorials/anomaly-answers.md",
    "how-to/plan-a-task.md",
    "how-to/train-a-model.md",
    "reference/diffusion-parts.md",
    "reference/control-results.md",
}
PAGES = pages.all_pages()
WITH_COMMANDS = [page for page in PAGES if any(pages.steps(pages.DOCS / page))]
# Blocks that say why they are not run; the number may only fall.
MOST_NOT_RUN = 11
_CHILD = """
import json, sys, traceback
space = {"__name__": "page", "__file__": "page.py"}
for line in sys.stdin:
    try:
        exec(compile(json.loads(line), "page.py", "exec"), space)
        answer = ""
    except BaseException:
        answer = traceback.format_exc()
    print("\\x00" + json.dumps(answer), flush=True)
"""


class Interpreter:
    """One Python for the code of a page, started when the first line of it comes."""

    def __init__(self, shell: Any) -> None:  # noqa: ANN401 -- a fixture of this folder
        self._shell = shell
        self._child: subprocess.Popen[str] | None = None

    def run(self, text: str) -> str:
        """Run some code, and return the traceback that ends it, or an empty string."""
        if self._child is None:
            self._child = subprocess.Popen(
                [self._shell.python, "-c", _CHILD],
                cwd=self._shell.folder,
                env=self._shell.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps(text) + "\n")
        self._child.stdin.flush()
        for line in self._child.stdout:
            if line.startswith("\x00"):
                return str(json.loads(line[1:]))
        return "Python ended"

    def close(self) -> None:
        """End it."""
        if self._child is not None:
            self._child.communicate(timeout=300)  # closes both ends


def _walk(page: str, shell: Any) -> None:  # noqa: ANN401 -- a fixture of this folder
    path = pages.DOCS / page
    checked = pages.CHECKED in path.read_text(encoding="utf-8")
    interpreter = Interpreter(shell)
    try:
        for step in pages.steps(path):
            if isinstance(step, pages.File):
                target = shell.folder / step.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(step.text)
            elif isinstance(step, pages.Code):
                problem = interpreter.run(step.text)
                assert problem == "", f"{page}:\n{step.text}\n{problem}"
            else:
                _run(page, shell, step, checked)
    finally:
        interpreter.close()


def _run(page: str, shell: Any, command: Any, checked: bool) -> None:  # noqa: ANN401
    done = shell.run(command.run)
    story = f"{page}: $ {command.run}\nexit code {done.returncode}\n{done.stdout}"
    assert (done.returncode != 0) is command.fails, story
    assert "Traceback" not in done.stdout, story
    if checked:
        assert pages.matches(command.shown, done.stdout), (
            f"{story}\nbut the page shows:\n" + "\n".join(command.shown)
        )


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.slow] if page in LONG else [])
        for page in WITH_COMMANDS
    ],
)
def test_every_command_of_a_page_works(page: str, shell: Any) -> None:  # noqa: ANN401
    for module in pages.needed(pages.DOCS / page):
        pytest.importorskip(module)
    _walk(page, shell)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_no_block_that_no_test_runs(page: str) -> None:
    assert pages.refusals(pages.DOCS / page) == []


def test_few_blocks_say_why_they_are_not_run() -> None:
    notes = {
        f"{page}:{fence.line}": fence.note["not run"]
        for page in PAGES
        for fence in pages.fences(pages.DOCS / page)
        if "not run" in fence.note
    }
    assert len(notes) <= MOST_NOT_RUN, notes
    assert MOST_NOT_RUN <= 12


@pytest.mark.parametrize("page", PAGES)
def test_the_data_of_a_page_can_be_parsed(page: str) -> None:
    readers = {
        "toml": tomllib.loads,
        "json": json.loads,
        "yaml": lambda text: [*yaml.safe_load_all(text)],
    }
    for fence in pages.fences(pages.DOCS / page):
        # A file may be wrong on purpose; the command that reads it is shown with the error.
        if fence.language in readers and not fence.title:
            readers[fence.language]("\n".join(fence.lines))


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("```sh\nls\n```\n", ["line 1: a fence of sh"]),
        ("```zsh\nls\n```\n", ["line 1: a fence of zsh"]),
        ("```\nls\n```\n", ["line 1: a fence of no language"]),
        ("```console\nls\n```\n", ["line 1: a console without a command behind '$ '"]),
        ("So:\n\n    ls\n", ["line 3: an indented block"]),
        ("- So:\n\n    ls\n", []),
        ("!!! note\n\n    ls\n", []),
        ("```console\n$ ls\n```\n\n```text\n    a\n```\n", []),
        ('```csv title="a.csv"\na,b\n```\n', []),
    ],
)
def test_blocks_that_no_test_runs_are_found(text: str, problems: list[str], tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    assert pages.refusals(page) == problems


def test_a_comment_makes_a_command_smaller_or_says_why_it_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- smaller: --trials=1 --seed=2 -->\n\n```console\n$ tasks sweep a b --trials 50 --seed=7\n$ ls\n```\n"
        "<!-- not run: needs Slurm -->\n```console\n$ squeue\n```\n<!-- not run: lost -->\n\nText.\n\n```console\n$ pwd\n```\n"
        "<!-- run as: true -->\n```console\n$ tasks view\n```\n"
        "<!-- briefer: --epochs=2 -->\n```console\n$ tasks run a b\n$ tasks check a b\n```\n"
    )
    commands = [
        "tasks sweep a b --trials=1 --seed=2",
        "ls",
        "pwd",
        "true",
        "tasks run --report=no --epochs=2 a b",
        "tasks check a b",
    ]
    monkeypatch.delenv(FULL, raising=False)
    assert [step.run for step in pages.steps(page)] == commands
    monkeypatch.setenv(FULL, "1")
    commands[-2] = "tasks run a b"
    assert [step.run for step in pages.steps(page)] == commands


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
