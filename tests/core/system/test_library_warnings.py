"""Warnings of libraries about themselves stay off the stderr of a call from Python; those about a user's code do not."""

from __future__ import annotations

import logging
import sysconfig
import threading
import warnings
from pathlib import Path

import pytest
from taskloom.system.library_warnings import is_of_library, quiet_libraries

LIBRARY = str(Path(sysconfig.get_path("purelib"), "tqdm", "auto.py"))


def warn(file: str) -> None:
    """Warn in the name of a file."""
    warnings.warn_explicit("look", UserWarning, file, 3)


@pytest.mark.filterwarnings("default")
def test_only_the_users_own_file_reaches_stderr_and_the_log_has_the_rest(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    shown: list[str] = []
    before = warnings.showwarning
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, category, file, *rest: shown.append(file)
        with caplog.at_level(logging.INFO), quiet_libraries(), quiet_libraries():
            for file in (LIBRARY, "/own/task.py", "/own/ipykernel_7/1.py"):
                warn(file)
    assert shown == ["/own/task.py", "/own/ipykernel_7/1.py"]
    assert [LIBRARY in record.message for record in caplog.records] == [True]
    assert warnings.showwarning is before
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("file", "found"),
    [
        (LIBRARY, True),
        ("<frozen importlib._bootstrap>", True),
        ("sys", True),
        (warnings.__file__, True),
        ("<stdin>", False),
        ("<ipython-input-3-8a>", False),
        ("C:\\env\\Lib\\site-packages\\torch\\x.py", True),
        ("/own/sys", False),
    ],
)
def test_a_file_is_a_librarys_or_a_persons(file: str, found: bool) -> None:
    assert is_of_library(file) is found


def test_calls_of_several_threads_leave_the_function_that_was_there() -> None:
    before = warnings.showwarning
    inside, leave = threading.Barrier(3), threading.Event()

    def call() -> None:
        with quiet_libraries():
            inside.wait(10)
            leave.wait(10)

    threads = [threading.Thread(target=call) for _ in range(2)]
    for thread in threads:
        thread.start()
    inside.wait(10)
    assert warnings.showwarning is not before
    leave.set()
    for thread in threads:
        thread.join()
    assert warnings.showwarning is before
