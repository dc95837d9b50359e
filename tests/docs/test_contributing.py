"""CONTRIBUTING's table of places: every place exists, and one file and one line add a thing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from taskloom.registry import FIRST_PARTY, find_domain

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| an? ([^|]+?) \| `([^`]+)` \| (?:`([^`]+)`|-) \|$", re.MULTILINE)
TABLE = {
    name: (put, line) for name, put, line in ROW.findall((ROOT / "CONTRIBUTING.md").read_text())
}
PLACES = [place for row in TABLE.values() for place in row if place]


def kinds(domain: str) -> list[str]:
    """Return the folders of a domain's kinds of components."""
    return [group.rpartition(".")[2] for group in find_domain(domain).ref.components]


def test_the_table_has_a_row_for_every_kind_of_thing() -> None:
    assert set(TABLE) == {
        *("task", "component", "kind of component", "verb", "section of a report", "command"),
        *("run option", "executor", "sink", "config layer"),
    }


@pytest.mark.parametrize("domain", FIRST_PARTY)
def test_every_place_exists_in_every_domain(domain: str) -> None:
    found = [
        place.replace("<domain>", domain).replace("<kind>", kind)
        for place in PLACES
        for kind in kinds(domain)
    ]
    assert [place for place in found if not (ROOT / place).exists()] == []


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the packages' sources, to be written into."""
    folder = tmp_path_factory.mktemp("copy")
    for part in ("core", *FIRST_PARTY):
        source = ROOT / "packages" / part / "src"
        shutil.copytree(
            source, folder, dirs_exist_ok=True
        )  # bytecode, too: only what is edited is compiled
    return folder


def tasks(copy: Path, *words: str) -> str:
    """Run `tasks` on the copy and return what it prints."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from taskloom.cli import main; sys.exit(main())",
            *words,
        ],
        env={
            **os.environ,
            "PYTHONPATH": str(copy),
            "TASKS_STORE": str(copy / "runs"),
            "COLUMNS": "200",
        },
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def add_line(path: Path, after: str, line: str) -> None:
    """Write one line into a file, behind the first that holds `after`."""
    text = path.read_text(encoding="utf-8")
    head, found, rest = text.partition(after)
    assert found, f"{path.name} has no {after!r}"
    path.write_text(f"{head}{found}{line}{rest}", encoding="utf-8")


def test_one_file_and_one_line_add_a_task(copy: Path) -> None:
    hci = copy / "taskloom_hci"
    (hci / "tasks" / "short.py").write_text(
        "from __future__ import annotations\n\n"
        "from taskloom_hci.tasks.simple import ExampleConfig, example\n\n\n"
        "def short(config: ExampleConfig) -> object:\n    return example(config)\n"
    )
    add_line(hci / "domain.py", "_TASKS = (\n", '    ("short", "A short game.", "short:short"),\n')
    assert "short" in tasks(copy, "list", "hci")
    assert "report: " in tasks(copy, "run", "hci", "short", "--episodes=5", "--quiet")


def test_one_file_and_one_line_add_a_component(copy: Path) -> None:
    control = copy / "taskloom_control"
    (control / "optimizers" / "still.py").write_text(
        "from __future__ import annotations\n\nfrom typing import Literal\n\n"
        "from taskloom_control.optimizers.predictive_sampling import PredictiveSampling\n\n\n"
        'class Still(PredictiveSampling):\n    """Predictive sampling by another name."""\n\n'
        '    kind: Literal["still"] = "still"  # type: ignore[assignment]\n'
    )
    line = '    ("still", "Predictive sampling by another name.", "still:Still"),\n'
    add_line(control / "domain.py", "_OPTIMIZERS = (\n", line)
    words = ("--optimizer=still", "--seconds=0.1", "--record.animation=false", "--quiet")
    assert "report: " in tasks(copy, "run", "control", "lq_point_mass", *words)


def test_one_file_and_one_line_add_a_command(copy: Path) -> None:
    core = copy / "taskloom" / "cli"
    (core / "commands" / "greet.py").write_text(
        'import typer\n\n\ndef greet() -> None:\n    """Greet."""\n    typer.echo("good day")\n'
    )
    add_line(
        core / "table.py",
        "COMMANDS = (\n",
        '    Command("greet", "Greet.", f"{_CLI}.greet:greet"),\n',
    )
    assert tasks(copy, "greet") == "good day\n"


def test_one_file_and_one_line_add_a_verb(copy: Path) -> None:
    hci = copy / "taskloom_hci"
    (hci / "verbs" / "name.py").write_text(
        "import typer\n\n\ndef name(task) -> None:\n    typer.echo(task.name)\n"
    )
    line = '        VerbRef("name", "Say the name.", "taskloom_hci.verbs.name:name", on="task"),\n'
    add_line(hci / "domain.py", "    verbs=(\n", line)
    assert tasks(copy, "hci", "name", "pointing") == "hci/pointing\n"
