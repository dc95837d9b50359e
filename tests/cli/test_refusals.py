"""What cannot be understood is refused in one sentence, with what was probably meant."""

from collections.abc import Callable
from typing import Any

import pytest

Tasks = Callable[..., Any]


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (("--dayz=3",), "no parameter 'dayz' (from the command line)", "did you mean --days?"),
        (
            ("--explian",),
            "no parameter 'explian' (from the command line)",
            "did you mean --explain?",
        ),
        (("--feeder.dept=3",), "no parameter 'feeder.dept' (from the command line)", ""),
        (
            ("--feeder.depth=3",),
            "no parameter 'feeder.depth' (from the command line)",
            "--feeder.depth belongs to feeder=flood; feeder is drip",
        ),
        (
            ("--feeder=flod",),
            "--feeder=flod: must be one of drip, flood, mixed (from the command line)",
            "did you mean --feeder=flood?",
        ),
        (("--days=0",), "--days=0: must be >= 1 (default 3, from the command line)", ""),
        (("--days",), "--days needs a value", ""),
        (("--config",), "--config needs a value", ""),
        (("--param", "days"), "--param days: must be name=value", ""),
        (
            ("--param", "dayz=3"),
            "no parameter 'dayz' (from the command line)",
            "did you mean --days?",
        ),
        (("days=3",), "'days=3' is not an option", "did you mean --days=3?"),
        (
            ("stray",),
            "'stray' is not an option",
            "parameters are written --name=value; tasks run garden grow --help lists them",
        ),
        (("-x",), "no option '-x'", "tasks run garden grow --help"),
        (
            ("--dry-run", "--explain"),
            "--dry-run, --explain, --print-config and --prepare exclude each other",
            "",
        ),
        (("--config=nope.toml",), "config file 'nope.toml' does not exist", ""),
        (("--config=.",), "config file '.' is a directory: name a file in it", ""),
        (("--no-days",), "no parameter 'no-days' (from the command line)", ""),
        (
            ("--pot=3",),
            "no parameter 'pot' (from the command line)",
            "its parts are set one by one: --pot.diameter, --pot.soil",
        ),
    ],
)
def test_run_refuses_in_one_sentence(
    tasks: Tasks, words: tuple[str, ...], error: str, hint: str
) -> None:
    outcome = tasks("run", "garden", "grow", *words)
    assert outcome.code == 2
    assert outcome.out == ""
    first, *rest = outcome.err.splitlines()
    assert first == f"error: {error}"
    if hint:
        assert rest == [f"hint: {hint}"]
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize(
    ("words", "code", "error", "hint"),
    [
        (("rum",), 2, "'tasks' has no command 'rum'", "did you mean 'tasks run'?"),
        (("gardn",), 2, "'tasks' has no command 'gardn'", "did you mean 'tasks garden'?"),
        (
            ("runs", "shw"),
            2,
            "'tasks runs' has no command 'shw'",
            "did you mean 'tasks runs show'?",
        ),
        (
            ("garden", "watr"),
            2,
            "'tasks garden' has no command 'watr'",
            "did you mean 'tasks garden water'?",
        ),
        (("run", "gardn"), 2, "There is no domain 'gardn'", "did you mean 'garden'?"),
        (("run", "grow"), 2, "There is no domain 'grow'", "did you mean tasks run garden grow?"),
        (("run", "garden", "grw"), 2, "Domain 'garden' has no task 'grw'", "did you mean 'grow'?"),
        (
            ("run", "--days=2", "garden", "grw"),
            2,
            "Domain 'garden' has no task 'grw'",
            "did you mean 'grow'?",
        ),
        (
            ("run", "--days", "2", "garden", "grw"),
            2,
            "Domain 'garden' has no task 'grw'",
            "did you mean 'grow'?",
        ),
        (
            ("run", "--quiet", "garden", "grw"),
            2,
            "Domain 'garden' has no task 'grw'",
            "did you mean 'grow'?",
        ),
        (("run", "garden", "--days=2", "grw"), 2, "has no task 'grw'", "did you mean 'grow'?"),
        (("list", "gardn"), 2, "There is no domain 'gardn'", "did you mean 'garden'?"),
        (("runs", "ls", "--limt=3"), 2, "No such option: --limt", "tasks runs ls --help"),
        (("runs", "ls", "--limit=x"), 2, "Invalid value for '--limit'", "tasks runs ls --help"),
        (("list", "a", "b"), 2, "Got unexpected extra argument", "tasks list --help"),
        (("completion",), 2, "Missing argument", "tasks completion --help"),
        (("garden", "water"), 2, "Missing argument", "tasks garden water --help"),
        (("run", "garden", "hollow"), 4, "cannot be loaded: ModuleNotFoundError", ""),
        (("garden", "prune"), 4, "cannot be loaded: ModuleNotFoundError", ""),
    ],
)
def test_every_unknown_name_gets_a_suggestion(
    tasks: Tasks, words: tuple[str, ...], code: int, error: str, hint: str
) -> None:
    outcome = tasks(*words)
    assert outcome.code == code
    assert error in outcome.err.splitlines()[0]
    assert outcome.err.startswith("error: ")
    if hint:
        assert outcome.err.splitlines()[-1] == f"hint: {hint}"
    assert "Traceback" not in outcome.err


def test_domain_verb_is_called_under_its_domain(tasks: Tasks) -> None:
    outcome = tasks("garden", "water", "basil", "--litres", "2.5")
    assert (outcome.code, outcome.out) == (0, "basil: 2.5 l\n")
    assert "garden" in tasks("--help").out
    assert "Water a plant by hand." in tasks("garden", "--help").out
    assert "--litres" in tasks("garden", "water", "--help").out
