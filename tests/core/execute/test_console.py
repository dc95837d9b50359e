"""What a run shows: plain lines when piped, a live display on a terminal, nothing when asked."""

import io

import pytest
from taskloom.lifecycle import console
from taskloom.lifecycle.console import (
    LiveConsole,
    PlainConsole,
    SilentConsole,
    format_metrics,
    open_console,
)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_open_console_fits_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert isinstance(open_console(stream=io.StringIO()), PlainConsole)
    assert isinstance(open_console(stream=_Terminal()), LiveConsole)
    assert isinstance(open_console(quiet=True, stream=_Terminal()), SilentConsole)
    monkeypatch.setenv("NO_COLOR", "1")
    assert isinstance(open_console(stream=_Terminal()), PlainConsole)
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(open_console(stream=_Terminal()), PlainConsole)


def test_plain_console_writes_key_value_lines_now_and_then() -> None:
    stream = io.StringIO()
    plain = PlainConsole(stream)
    for step in range(1000):
        plain.metrics(step, {"loss": 0.123456})
    assert stream.getvalue() == "step=0 loss=0.1235\n"


def test_plain_progress_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "_PROGRESS_PERIOD", 0.0)
    stream = io.StringIO()
    with PlainConsole(stream).progress(10, "train") as progress:
        progress.advance(4)
        progress.advance()
    with PlainConsole(stream).progress(None, "wait") as progress:
        progress.advance()
    assert stream.getvalue() == "train 4/10\ntrain 5/10\nwait 1\n"


def test_plain_console_outlives_its_reader() -> None:
    stream = io.StringIO()
    plain = PlainConsole(stream)
    stream.close()
    plain.say("nobody reads this")


def test_live_console_shows_labels_literally() -> None:
    stream = _Terminal()
    live = LiveConsole(stream)
    with live.progress(3, "train [bold]") as progress:
        live.metrics(1, {"loss": 0.5})
        progress.advance(3)
        live.say("a [red]line[/red]")
    live.close()
    shown = stream.getvalue()
    assert "train [bold]" in shown
    assert "a [red]line[/red]" in shown


def test_the_metric_that_counts_leads_and_stays_though_it_comes_seldom() -> None:
    stream = _Terminal()
    live = LiveConsole(stream, ("auroc", "bound"))
    with live.progress(3, "train") as progress:
        live.metrics(1, {"loss": 0.5, "bound": 2.0})
        live.metrics(2, {"loss": 0.25})
        progress.advance(3)
    live.close()
    assert "step 2  bound 2  loss 0.25" in stream.getvalue()


def test_live_console_survives_an_exception_inside_progress() -> None:
    live = LiveConsole(_Terminal())
    with pytest.raises(KeyError), live.progress(3, "outer"), live.progress(None, "inner"):
        raise KeyError
    live.close()


def test_format_metrics() -> None:
    assert format_metrics(3, {"a": 1.0, "b": float("nan")}) == "step=3 a=1 b=nan"
