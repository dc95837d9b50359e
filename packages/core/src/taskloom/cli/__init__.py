"""The `tasks` command.

`main` answers `list`, `--version` and the shell's completion requests before it imports Typer, which with pydantic costs more
than everything else that those need.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from taskloom.cli.boundary import code_with, guarded, readable
from taskloom.cli.document import DOCUMENT
from taskloom.cli.ending import end_process
from taskloom.cli.streams import standard_streams


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code.

    Args:
        argv: The words after `tasks`; those of the process if None.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = os.environ.get("TASKLOOM_DEBUG") == "1"
    if words[:1] == ["--debug"]:
        debug, words = True, words[1:]
    with standard_streams() as streams:
        with DOCUMENT.alone(words):
            code = guarded(lambda: _dispatch(readable(words)), debug=debug)
        code = code_with(streams, words, code)
        if argv is None:
            end_process(words, code)
    return code


def _dispatch(words: list[str]) -> int:
    if "_TASKS_COMPLETE" in os.environ:
        from taskloom.cli.completion.answer import answer

        return answer(os.environ)
    if words == ["--version"]:
        from taskloom import __version__

        sys.stdout.write(f"taskloom {__version__}\n")
        return 0
    if words[:1] == ["list"] and (options := _list_options(words[1:])) is not None:
        from taskloom.cli.catalogue import list_tasks

        list_tasks(*options)
        return 0
    if words[:2] == ["runs", "ls"]:
        from taskloom.cli.commands import runs_ls

        if (selection := runs_ls.parse_words(words[2:])) is not None:
            runs_ls.print_runs(selection)
            return 0
    if words[:1] == ["doctor"] and "--plugins" in words:
        from taskloom.registry.apart import condemn_deadly

        condemn_deadly()
    # Typer and, through it, pydantic: 200 ms
    from taskloom.cli.app import run

    return run(words or ["--help"])


def _list_options(words: list[str]) -> tuple[str | None, bool] | None:
    """Return the domain and whether JSON is wanted, or None for a line that Typer should judge."""
    names = [word for word in words if not word.startswith("-")]
    if len(names) > 1 or set(words) - set(names) - {"--json"}:
        return None
    return (names[0] if names else None), "--json" in words
