"""Every command of `tasks`, by name: the place to register one.

A command is an ordinary function with Typer annotations, imported when it is called. A command on a task (`run`, `check`)
takes an `Invocation` first and receives the task's parameters as options; see `taskloom.cli.task_command`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """A command by name.

    Attributes:
        name: What is typed.
        summary: One sentence for help.
        target: The function, `"package.module:function"`; empty for a group.
        on_task: Whether it is called on a task: `tasks NAME DOMAIN TASK`.
        on_sweeps: The function for `tasks NAME SWEEP...`, of a command on a task that takes sweeps too.
        takes_runs: Whether its arguments are runs, for completion.
        commands: The commands of a group.
    """

    name: str
    summary: str
    target: str = ""
    on_task: bool = False
    on_sweeps: str = ""
    takes_runs: bool = False
    commands: tuple[Command, ...] = ()


_CLI = "taskloom.cli.commands"

FILES = "<files>"
"""The answer of completion that asks the shell for file names."""

COMMANDS = (
    Command("list", "List the installed domains and tasks.", f"{_CLI}.list:list_"),
    Command("info", "Show what a task is, takes and needs.", f"{_CLI}.info:info", on_task=True),
    Command("run", "Run a task once.", f"{_CLI}.run:run", on_task=True),
    Command(
        "check", "Construct a task and let it check itself.", f"{_CLI}.check:check", on_task=True
    ),
    Command("sweep", "Run a task at many points.", f"{_CLI}.sweep:sweep", on_task=True),
    Command(
        "study",
        "Run a task at many levels and seeds, and compare them.",
        f"{_CLI}.study:study",
        on_task=True,
        on_sweeps=f"{_CLI}.study_runs:study_runs",
    ),
    Command("resume", "Continue a run or a sweep.", f"{_CLI}.resume:resume", takes_runs=True),
    Command(
        "runs",
        "Look at the run store.",
        commands=(
            Command("ls", "List runs, the newest last.", f"{_CLI}.runs_edit:ls"),
            Command("show", "Show one run.", f"{_CLI}.runs:show", takes_runs=True),
            Command(
                "path",
                "Print the folder of a run, or of an artifact.",
                f"{_CLI}.runs:path",
                takes_runs=True,
            ),
            Command("log", "Print the log of a run.", f"{_CLI}.runs:log", takes_runs=True),
            Command(
                "compare", "Put runs side by side.", f"{_CLI}.runs_edit:compare", takes_runs=True
            ),
            Command(
                "diff", "Show what two runs differ in.", f"{_CLI}.runs_edit:diff", takes_runs=True
            ),
            Command(
                "why",
                "Show why a run is another computation.",
                f"{_CLI}.runs_why:why",
                takes_runs=True,
            ),
            Command("tag", "Tag a run.", f"{_CLI}.runs_edit:tag", takes_runs=True),
            Command("rm", "Remove runs for good.", f"{_CLI}.runs_edit:rm", takes_runs=True),
            Command(
                "release",
                "Declare a run dead whose machine cannot be asked.",
                f"{_CLI}.runs_release:release",
                takes_runs=True,
            ),
            Command(
                "export", "Write runs as a table.", f"{_CLI}.runs_edit:export", takes_runs=True
            ),
            Command("reindex", "Read every run folder anew.", f"{_CLI}.runs_edit:reindex"),
            Command(
                "prune",
                "Remove what the store keeps beside its runs.",
                f"{_CLI}.runs_prune:prune",
            ),
        ),
    ),
    Command(
        "report",
        "Write the report of a run, or a comparison.",
        f"{_CLI}.report:report",
        takes_runs=True,
    ),
    Command("view", "Look at the run store in a browser.", f"{_CLI}.view:view"),
    Command("new", "Make a plugin package: a task, a component or a domain.", f"{_CLI}.new:new"),
    Command("doctor", "Look at the installation, and say what is wrong.", f"{_CLI}.doctor:doctor"),
    Command(
        "completion",
        "Print the completion script of a shell.",
        "taskloom.cli.completion.install:completion",
    ),
)
