"""The viewer as its users and its attackers meet it: a real server, spoken to over HTTP and by a browser."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from taskloom.runs.record import RunRecord, begin_attempt, write_record

# ruff: noqa: ANN401 -- the tab is a class of conftest.py, which cannot be imported
MAIN = "import sys; from taskloom.cli import main; sys.exit(main())"
NASTY = "<script>document.title = 'owned'</script>"


def add_run(store: Path, number: int, **changes: Any) -> Path:
    """Write a run folder as a run leaves it."""
    name = f"20261121-0214{number // 60:02d}-lab-walk-{number:06d}"
    fields: dict[str, Any] = {
        "id": name,
        "domain": "lab",
        "task": "walk",
        "version": 1,
        "identity": "0123456789",
        "config": {"seed": number, "steps": 3},
        "status": "finished",
        "created": f"2026-11-21T02:{number // 60 % 60:02d}:{number % 60:02d}Z",
        "metrics": {"distance": number / 10},
        "summary": f"run number {number}",
    }
    folder = store / name
    (folder / "artifacts").mkdir(parents=True)
    write_record(folder / "run.json", RunRecord(**{**fields, **changes}))
    return folder


@dataclass
class Viewer:
    """A running viewer.

    Attributes:
        store: What it shows.
        address: What it printed.
    """

    store: Path
    address: str

    @property
    def port(self) -> int:
        return urlsplit(self.address).port or 0

    @property
    def token(self) -> str:
        return parse_qs(urlsplit(self.address).query)["token"][0]

    @cached_property
    def cookie(self) -> str:
        """What the browser sends back after it has opened the address once."""
        _, _, headers = self.ask(f"/?token={self.token}", known=False)
        return headers["Set-Cookie"].partition(";")[0]

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        known: bool = True,
    ) -> tuple[int, str, http.client.HTTPMessage]:
        """Send one request; `known` adds the cookie that the token buys."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        cookie = {"Cookie": self.cookie} if known else {}
        connection.request(method, path, headers={**cookie, **(headers or {})})
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        connection.close()
        return answer.status, text, answer.headers


@pytest.fixture(scope="module")
def viewer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewer]:
    """A viewer of 250 runs, one of them hostile and one of them of a sweep."""
    root = tmp_path_factory.mktemp("viewer")
    store = root / "runs"
    (root / "secret.txt").write_text("secret")
    for number in range(250):
        add_run(store, number)
    hostile = add_run(
        store, 250, name=NASTY, summary=NASTY, tags=(NASTY,), metrics={NASTY: 1.0}, sweep="sweep-1"
    )
    (hostile / "artifacts" / "page.html").write_text(NASTY)
    (hostile / "artifacts" / "out").symlink_to(root / "secret.txt")
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, "view", "--store", str(store)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield Viewer(store, process.stdout.readline().strip())
    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=300)
    assert "Traceback" not in complaints
    assert process.returncode in (0, 130)


def test_the_token_is_exchanged_for_a_cookie_that_scripts_cannot_read(viewer: Viewer) -> None:
    status, _, headers = viewer.ask(f"/?token={viewer.token}&where=x", known=False)
    assert (status, headers["Location"]) == (303, "/?where=x")
    cookie, *marks = [part.strip() for part in headers["Set-Cookie"].split(";")]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} == set(marks)
    name, _, value = cookie.partition("=")
    assert name == f"taskloom_view_{viewer.port}"
    assert len(value) >= 32
    assert value != viewer.token


def test_the_cookie_of_an_earlier_viewer_is_refused_with_what_to_do(viewer: Viewer) -> None:
    name, _, value = viewer.cookie.partition("=")
    for given in (f"{name}={value[::-1]}", f"taskloom_view={value}", f"{name}1={value}"):
        status, text, _ = viewer.ask("/", known=False, headers={"Cookie": given})
        assert status == 403
        assert "Open the address that `tasks view` printed" in text


@pytest.mark.parametrize("path", ["/", "/static/view.js", "/compare", "/?token=wrong", "/?token="])
def test_nobody_reads_anything_without_the_token(viewer: Viewer, path: str) -> None:
    status, text, _ = viewer.ask(path, known=False)
    assert status == 403
    assert "lab" not in text
    name = viewer.cookie.partition("=")[0]
    for cookie in ("x" * 32, viewer.token):
        given = {"Cookie": f"{name}={cookie}"}
        assert viewer.ask(path, known=False, headers=given)[0] == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "localhost:1", "127.0.0.1.evil.example:80", ""]
)
def test_another_host_name_is_refused_even_with_the_cookie(viewer: Viewer, host: str) -> None:
    assert viewer.ask("/", headers={"Host": host})[0] == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1", "http://localhost"]
)
def test_another_origin_is_refused_even_with_the_cookie(viewer: Viewer, origin: str) -> None:
    assert viewer.ask("/", headers={"Origin": origin})[0] == 403
    assert viewer.ask("/", headers={"Origin": f"http://127.0.0.1:{viewer.port}"})[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_the_viewer_only_reads(viewer: Viewer, method: str) -> None:
    assert viewer.ask("/", method=method)[0] == 405


def test_every_answer_forbids_inline_scripts_and_frames(viewer: Viewer) -> None:
    for path in ("/", "/nowhere", "/runs/nothing/", "/static/view.js"):
        _, _, headers = viewer.ask(path)
        policy = headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert "Server" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/runs/..%2f..%2fsecret.txt/",
        "/runs/../secret.txt",
        "/runs/{run}/artifacts/../../../../secret.txt",
        "/runs/{run}/artifacts/..%2f..%2f..%2fsecret.txt",
        "/runs/{run}/artifacts/%2e%2e/run.json",
        "/runs/{run}/artifacts/out",
        "/runs/{run}/artifacts//etc/passwd",
        "/runs/{run}/artifacts/a%00b",
        "/runs/{run}/artifacts/",
        "/static/../view.js",
    ],
)
def test_no_path_leads_out_of_a_run(viewer: Viewer, path: str) -> None:
    run = sorted(folder.name for folder in viewer.store.iterdir() if folder.is_dir())[-1]
    status, text, _ = viewer.ask(path.format(run=run))
    assert status == 404
    assert text not in ("secret", "")
    assert "root:" not in text


def test_an_artifact_is_a_download_never_a_page(viewer: Viewer) -> None:
    run = sorted(folder.name for folder in viewer.store.iterdir() if folder.is_dir())[-1]
    status, text, headers = viewer.ask(f"/runs/{run}/artifacts/page.html")
    assert (status, text) == (200, NASTY)
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"].startswith("attachment")


def test_texts_of_runs_and_of_queries_are_escaped(viewer: Viewer) -> None:
    run = sorted(folder.name for folder in viewer.store.iterdir() if folder.is_dir())[-1]
    for path in (
        "/",
        f"/runs/{run}/",
        f"/?where={quote(NASTY)}&metric={quote(NASTY)}&sort={quote(NASTY)}",
    ):
        status, text, _ = viewer.ask(path)
        assert status == 200
        assert "<script>" not in text
        assert "&lt;script&gt;" in text


def test_the_table_is_filtered_sorted_and_paged(viewer: Viewer) -> None:
    _, text, _ = viewer.ask("/")
    assert "251 runs in" in text
    assert text.count("<tr>") == 101
    assert "Page 1 of 3" in text
    _, text, _ = viewer.ask("/?page=3")
    assert text.count("<tr>") == 52
    _, text, _ = viewer.ask(
        "/?where=" + quote("metrics.distance > 24.65") + "&sort=-metrics.distance&metric=distance"
    )
    assert "3 of 251 runs" in text
    assert (
        text.index("run number 249") < text.index("run number 248") < text.index("run number 247")
    )
    assert '<td class="n">' in text or "24.9" in text
    _, text, _ = viewer.ask("/?where=" + quote("sweep = sweep-1"))
    assert "1 of 251 runs" in text


@pytest.mark.parametrize(
    "query",
    ["where=%3E%3E", "page=-1", "page=99999", "page=x", "sort=..", "metric=no.such", "where="],
)
def test_a_query_that_makes_no_sense_is_no_error(viewer: Viewer, query: str) -> None:
    status, text, _ = viewer.ask(f"/?{query}")
    assert status == 200
    assert "<table" in text


def test_a_comparison_takes_two_to_twenty_runs(viewer: Viewer) -> None:
    names = sorted(folder.name for folder in viewer.store.iterdir() if folder.is_dir())
    status, text, _ = viewer.ask(f"/compare?run={names[0]}&run={names[1]}")
    assert status == 200
    assert "2 runs compared" in text
    assert viewer.ask(f"/compare?run={names[0]}&run={names[0]}")[0] == 400
    assert viewer.ask("/compare?" + "&".join(f"run={name}" for name in names[:21]))[0] == 400
    assert viewer.ask(f"/compare?run={names[0]}&run=nothing")[0] == 404


def test_a_damaged_run_is_a_sentence_and_the_others_stay(viewer: Viewer) -> None:
    folder = add_run(viewer.store, 300)
    try:
        (folder / "run.json").write_text("{")
        status, text, _ = viewer.ask(f"/runs/{folder.name}/")
        assert status == 404
        assert "is damaged" in text
        status, text, _ = viewer.ask("/")
        assert status == 200
        assert f'<th scope="row">{folder.name}</th>' in text
        assert "run.json: Expecting property name" in text
    finally:
        for path in sorted(folder.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        folder.rmdir()


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["--store", "no-such-store"], 5, "no-such-store."),
        (["--port", "70000"], 2, "--port"),
    ],
)
def test_a_viewer_that_cannot_start_says_why(
    words: list[str], code: int, sentence: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "view", *words],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == code
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_a_sentence(viewer: Viewer, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "view", "--port", str(viewer.port)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 2
    assert f"--port={viewer.port} cannot be used" in done.stderr


def test_a_running_run_tells_its_news_until_it_ends(viewer: Viewer) -> None:
    folder, lock = start_run(viewer.store, 400)
    connection = http.client.HTTPConnection("127.0.0.1", viewer.port, timeout=300)
    connection.request("GET", f"/runs/{folder.name}/live", headers={"Cookie": viewer.cookie})
    answer = connection.getresponse()
    first = json.loads(answer.readline().decode().removeprefix("data: "))
    assert first["status"] == "running"
    answer.readline()
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 1, "t": 0.1, "loss": 0.5}\n')
    second = json.loads(answer.readline().decode().removeprefix("data: "))
    assert second["metrics"] > first["metrics"]
    answer.readline()
    os.close(lock)  # the process died
    third = json.loads(answer.readline().decode().removeprefix("data: "))
    assert third["status"] == "crashed"
    assert answer.read().strip() == b""
    connection.close()


def test_the_page_of_a_running_run_renews_itself(viewer: Viewer, tab: Any) -> None:
    folder, lock = start_run(viewer.store, 401)
    try:
        tab.open(viewer.address)
        tab.open(f"http://127.0.0.1:{viewer.port}/runs/{folder.name}/")
        assert tab.evaluate("document.querySelectorAll('svg').length") == 0
        with (folder / "metrics.jsonl").open("a") as file:
            file.write('{"step": 1, "t": 0.1, "loss": 0.5}\n{"step": 2, "t": 0.2, "loss": 0.25}\n')
        deadline = time.monotonic() + 200
        while (
            tab.evaluate("document.querySelectorAll('svg').length") == 0
            and time.monotonic() < deadline
        ):
            time.sleep(0.2)
        assert tab.evaluate("document.querySelectorAll('svg').length") == 1
        assert tab.complaints == []
    finally:
        os.close(lock)


@pytest.mark.parametrize("width", [400, 1300])
def test_the_table_fits_the_window_and_fetches_only_from_here(
    viewer: Viewer, tab: Any, width: int
) -> None:
    tab.open(viewer.address, width=width)
    assert tab.evaluate("document.title") == "Runs"
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert {urlsplit(address).netloc for address in tab.requests} == {f"127.0.0.1:{viewer.port}"}
    assert tab.complaints == []
    assert tab.evaluate("document.cookie") == ""


def start_run(store: Path, number: int) -> tuple[Path, int]:
    """Write a run that is running, and hold its lock as its process would."""
    import fcntl

    folder = add_run(store, number, status="created")
    from taskloom.records.run_record import read_record

    write_record(folder / "run.json", begin_attempt(read_record(folder / "run.json")))
    lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return folder, lock
