"""Logging: the standard library's, written as JSON lines and put back afterwards."""

import json
import logging
import warnings
from pathlib import Path

import pytest
from taskloom.lifecycle.console import SilentConsole
from taskloom.lifecycle.logs import logging_to


def test_log_lines_hold_level_logger_message_and_exception(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with logging_to(path, SilentConsole()):
        logging.getLogger("mine").info("hello %s\x1b[31m", "there")
        logging.getLogger("mine").debug("not this")
        try:
            raise ValueError("inner")
        except ValueError:
            logging.getLogger("mine").exception("outer")
    first, second = [json.loads(line) for line in path.read_text().splitlines()]
    assert (first["level"], first["logger"], first["message"]) == (
        "info",
        "mine",
        "hello there\x1b[31m",
    )
    assert "ValueError: inner" in second["exception"]


def test_warnings_reach_the_log(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with logging_to(path, SilentConsole()):
            warnings.warn("look out", stacklevel=1)
    assert "look out" in path.read_text()


def test_root_logger_is_put_back(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    with pytest.raises(KeyError), logging_to(tmp_path / "log.jsonl", SilentConsole()):
        raise KeyError
    assert (root.level, list(root.handlers)) == before


def test_console_hears_warnings_of_all_and_news_of_taskloom_only(tmp_path: Path) -> None:
    heard: list[str] = []

    class Listening(SilentConsole):
        def say(self, text: str, /) -> None:
            heard.append(text)

    with logging_to(tmp_path / "log.jsonl", Listening()):
        logging.getLogger("lightning").info("chatter")
        logging.getLogger("lightning").warning("trouble")
        logging.getLogger("taskloom_control.run").info("planning")
    assert heard == ["warning: trouble", "planning"]
