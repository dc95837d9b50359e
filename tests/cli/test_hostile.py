"""Hostile command lines: whatever is typed, the answer is an exit code of the table and sentences, never a traceback."""

import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from taskloom.cli import main
from tests_sizes import size

_WORDS = st.one_of(
    st.sampled_from(
        (
            "run",
            "list",
            "info",
            "check",
            "runs",
            "ls",
            "show",
            "path",
            "log",
            "report",
            "completion",
            "garden",
            "grow",
            "zoo",
            "water",
            "new",
            "--json",
            "--help",
            "--dry-run",
            "--explain",
            "--print-config",
            "--config",
            "--param",
            "--feeder",
            "--feeder=mixed",
            "--feeder.inner",
            "--spare=flood",
            "--no-shade",
            "--shade",
            "--name",
            "--tag",
            "--",
            "-",
            "--=",
            "=",
            "-x",
            "--toml",
            "--schema",
            "@last",
            "@-1",
            "@",
            "bash",
            "--store=elsewhere",
            "..",
        )
    ),
    st.text(max_size=12),
    st.text(max_size=8).map(lambda text: f"--{text}"),
    st.text(max_size=8).map(lambda text: f"--days={text}"),
)
_STARTS = st.sampled_from(
    [
        [],
        ["run", "garden", "grow", "--dry-run"],
        ["run", "garden", "zoo", "--print-config"],
        ["info", "garden", "grow"],
        ["runs", "show"],
        ["list"],
        ["garden"],
        ["garden", "water"],
        ["new", "garden"],
        ["check", "garden", "grow"],
    ]
)


@settings(
    max_examples=size("hostile_examples"),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(start=_STARTS, words=st.lists(_WORDS, max_size=4))
def test_any_command_line_ends_with_a_code_and_sentences(
    start: list[str], words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = [*start, *words]
    if line[:1] == ["run"] and not {"--dry-run", "--print-config", "--help", "--explain"} & set(
        line
    ):
        line.append("--dry-run")
    monkeypatch.setenv("TASKS_STORE", str(tmp_path / "store"))
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(line)
    assert code in (0, 2, 3, 4, 5), err.getvalue()
    assert "Traceback" not in err.getvalue()
    assert "this is a defect" not in err.getvalue()
    if code:
        assert err.getvalue().startswith(("error: ", "note: "))
    assert all(text.isprintable() for text in err.getvalue().splitlines())
