"""Manifests that misbehave: each costs one line of the listing, and nothing else suffers."""

from __future__ import annotations

import atexit
import dataclasses
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from taskloom import DomainRef, TaskRef, VerbRef
from taskloom.own import foreign_threads
from taskloom.registry.apart import condemn_deadly
from taskloom.registry.discovery import broken_plugins
from taskloom.registry.manifest import cleaned
from taskloom.registry.quarantine import printed, quarantined

# A listing may take this much of a processor, and must not wait for what sleeps for ten minutes.
MOST_CPU_SECONDS = 5.0
MOST_SECONDS = 100.0
_FORKED = "import os, time\nif os.fork() == 0:\n    time.sleep({}){}"

RAISING = {
    "modules": ("import sys; sys.modules.clear(); raise ValueError('gone')", "ValueError: gone"),
    "exception": ("raise ValueError('no\\x1b[31m way\\nsecond line')", r"ValueError: no\x1b[31m way"),
    "base-exception": ("raise BaseException('base')", "BaseException: base"),
    "interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "system-exit": ("raise SystemExit(3)", "SystemExit: 3"),
    "sys-exit": ("import sys; sys.exit('bye')", "SystemExit: bye"),
    "generator-exit": ("raise GeneratorExit", "GeneratorExit"),
    "stop-iteration": ("raise StopIteration('x')", "StopIteration: x"),
    "memory": ("raise MemoryError", "MemoryError"),
    "group": ("raise BaseExceptionGroup('g', [KeyboardInterrupt()])", "BaseExceptionGroup: g"),
    "cancelled": ("import asyncio; raise asyncio.CancelledError", "CancelledError"),
    "mute": ("class Mute(Exception):\n    def __str__(self): raise SystemExit(9)\nraise Mute", "Mute"),
    "long": ("raise ValueError('x' * 100_000)", "ValueError: xxx"),
    "recursion": ("def f(): return f()\nf()", "RecursionError"),
    "syntax": ("def", "SyntaxError"),
    "import": ("import no_such_module", "ModuleNotFoundError"),
    "sleep": ("import time; time.sleep(600)", "took longer than 0.5 s"),
    "stubborn": ("import time\ntry: time.sleep(600)\nexcept Exception: pass", "took longer than 0.5 s"),
    "spin": ("while True: pass", "took longer than 0.5 s"),
    "os-exit": ("import os; os._exit(7)", "ends the process, with exit code 7"),
    "abort": ("import os; os.abort()", "ends the process"),
    "no-manifest": ("DOMAIN = 5", "is of type int, not a DomainRef"),
    "no-text": ("from taskloom import DomainRef\nDOMAIN = DomainRef('x', 5, '', ())", "summary is of type int"),
}  # fmt: skip
"""Source and the reason that the listing gives."""

DISTURBING = {
    "thread": "import threading, time; threading.Thread(target=lambda: time.sleep(600)).start()",
    "atexit": "import atexit; atexit.register(lambda: print('BYE'))",
    "prints": "import os, sys; print('HELLO'); sys.stderr.write('HELLO'); os.write(1, b'HELLO'); os.write(2, b'HELLO')",
    "closes": "import sys; sys.stdout.close(); sys.__stdout__.close()",
    "fork": _FORKED.format(0, ""),
    "fork-that-stays": _FORKED.format(60, ""),
    "signals": "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGINT, lambda *_: None)",
    "folder": "import os; os.chdir('/')",
    "environment": "import os; os.environ.clear(); os.environ['TASKLOOM_DISABLE_PLUGINS'] = '1'",
    "json": "import json; json.dumps = json.dump = None",
    "module-paths": "import sys; del sys.path",
    "module-finders": "import sys; sys.meta_path.clear(); sys.path_hooks = None; sys.path_importer_cache.clear()",
    "trace": "import sys; sys.settrace(lambda *_: None); sys.setprofile(lambda *_: None)",
    "builtins": "import builtins, sys; builtins.print = None; sys.setrecursionlimit(60)",
    "standard-streams": "import sys; sys.stdout = sys.stderr = None",
}
"""Source of manifests that load, and whose traces must not be seen."""

_DOMAIN = "\nfrom taskloom import DomainRef\nDOMAIN = DomainRef(name='amiss', summary='Odd.', extra='', tasks=())\n"


def children_time() -> float:
    """Return what the processes that this one has waited for took of a processor (s)."""
    spent = os.times()
    return spent.children_user + spent.children_system


@pytest.fixture
def listing(tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """Return a function from the source of a manifest to the listing beside it, in a process of its own."""

    def call(source: str, *words: str, code: int = 0) -> dict[str, Any]:
        site, info = tmp_path / "site", tmp_path / "site" / "odd_one-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "entry_points.txt").write_text("[taskloom.domains]\namiss = odd_manifest:DOMAIN\n")
        (site / "odd_manifest.py").write_text(source)
        # What does not hang gets a minute: to import `asyncio` takes a busy machine longer than half a second.
        limit = "0.5" if "took longer" in dict(RAISING.values()).get(source, "") else "60"
        began, spent = time.monotonic(), children_time()
        done = subprocess.run(
            [sys.executable, "-c", "import sys; from taskloom.cli import main; sys.exit(main())",
             *(words or ("list", "--json"))],
            env={**os.environ, "PYTHONPATH": str(site), "TASKLOOM_PLUGIN_SECONDS": limit},
            cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        assert words or time.monotonic() - began <= MOST_SECONDS
        assert words or children_time() - spent <= MOST_CPU_SECONDS
        assert done.stderr == "" or code
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    return call


def _assert_complete(document: dict[str, Any]) -> None:
    tasks = {domain["name"]: len(domain["tasks"]) for domain in document["domains"]}
    assert {"anomaly", "hci", "diffusion", "control"} <= set(tasks)
    assert all(count > 3 for name, count in tasks.items() if name != "amiss")


@pytest.mark.parametrize("kind", RAISING)
def test_manifest_that_does_not_load_is_one_line_of_the_listing(
    listing: Callable[..., dict[str, Any]], kind: str
) -> None:
    source, reason = RAISING[kind]
    document = listing(source)
    _assert_complete(document)
    (broken,) = document["broken"]
    assert (broken["name"], broken["distribution"]) == ("amiss", "odd-one")
    assert reason in broken["error"]
    assert broken["error"].isprintable()
    assert len(broken["error"]) <= 400


@pytest.mark.parametrize("kind", DISTURBING)
def test_manifest_that_loads_leaves_no_trace(
    listing: Callable[..., dict[str, Any]], kind: str
) -> None:
    document = listing(DISTURBING[kind] + _DOMAIN)
    _assert_complete(document)
    assert document["broken"] == []
    assert "amiss" in [domain["name"] for domain in document["domains"]]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "by SIGKILL"),
        ("import ctypes; ctypes.string_at(0)", "by SIGSEGV"),
        ("import ctypes; ctypes.CDLL(None).exit(3)", "with exit code 3"),
        ("import os; os._exit(3)", ""),
        ("raise SystemExit(3)", ""),
    ],
)
def test_manifest_that_ends_the_process_is_found_in_a_process_of_its_own(
    install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, source: str, reason: str
) -> None:
    site = install(
        "amiss", "[taskloom.domains]\namiss = odd_manifest:DOMAIN\n", odd_manifest=source
    )
    monkeypatch.setenv("PYTHONPATH", str(site))
    condemn_deadly()
    (broken,) = broken_plugins()
    assert broken.name == "amiss"
    assert (f"its manifest ends the process, {reason}." == broken.error) == bool(reason)


@pytest.mark.slow
def test_doctor_names_a_manifest_that_ends_the_process(
    listing: Callable[..., dict[str, Any]],
) -> None:
    source = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    document = listing(source, "doctor", "--plugins", "--json", code=3)
    wrong = {fact["name"]: fact["text"] for fact in document["facts"] if fact["state"] == "wrong"}
    assert wrong == {"amiss": "its manifest ends the process, by SIGKILL."}


def test_run_ends_beside_the_endless_thread_of_a_manifest(
    listing: Callable[..., dict[str, Any]],
) -> None:
    source = DISTURBING["thread"] + "; import atexit; atexit.register(print, 'BYE')" + _DOMAIN
    began = time.monotonic()
    document = listing(source, "run", "hci", "example", "--episodes=2", "--quiet", "--json")
    assert document["status"] == "finished"
    assert time.monotonic() - began < 300  # the thread sleeps for 600 s


def test_doctor_shows_what_a_manifest_printed(listing: Callable[..., dict[str, Any]]) -> None:
    document = listing("print('HELLO\\x1b')" + _DOMAIN, "doctor", "--json")
    (fact,) = [fact for fact in document["facts"] if "HELLO" in fact["text"]]
    assert (fact["name"], fact["state"]) == ("amiss", "note")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep this process as it is, should the code under test fail to."""
    monkeypatch.chdir(tmp_path)
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)
    foreign_threads.clear()


@pytest.mark.usefixtures("state")
def test_what_a_manifest_changes_is_put_back() -> None:
    def look() -> tuple[object, ...]:
        handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
        functions = (json.dumps, os.getcwd, os._exit, atexit.register, print)
        limits = (sys.getrecursionlimit(), signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        return os.getcwd(), dict(os.environ), handlers, functions, limits, sys.stdout, sys.stderr

    before = look()
    exec_in_quarantine = textwrap.dedent(
        """
        import atexit, builtins, json, os, signal, sys
        os.chdir("/")
        os.environ["HOME"] = "elsewhere"
        os.environ.pop("PATH")
        os.environ = {}
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        sys.setrecursionlimit(999)
        json.dumps = os._exit = atexit.register = None
        """
    )
    with quarantined("amiss"):
        exec(exec_in_quarantine, {})
    assert look() == before


@pytest.mark.usefixtures("state")
def test_output_of_a_manifest_is_kept_for_the_doctor(capfd: pytest.CaptureFixture[str]) -> None:
    with quarantined("amiss"):
        os.write(1, b"to one ")
        os.write(2, b"to two")
    os.write(1, b"afterwards")
    assert printed.pop("amiss") == "to one to two"
    assert capfd.readouterr() == ("afterwards", "")


def test_texts_of_a_manifest_are_one_line_without_marks() -> None:
    hostile = "red\x1b[31m\nsecond\u202eline" + "x" * 500
    ref = cleaned(DomainRef("amiss", hostile, "", (TaskRef("a\x07", hostile, "a:b"),)))
    for text in (ref.summary, ref.tasks[0].summary, ref.tasks[0].name):
        assert text.isprintable()
        assert len(text) <= 200
    assert ref.summary.startswith(r"red\x1b[31m second\u202eline")
    assert ref.summary.endswith("...")


WRONG: tuple[object, ...] = (
    *(None, True, 3, 1.5, b"x", object(), (3,), ("a", 3), {3: "a"}, {"a": 3}, {"amiss.k": ("a",)}),
    *((TaskRef(cast("Any", 3), "s", "m:c"),), (VerbRef("v", "s", "m:f", cast("Any", "all")),)),
)


@pytest.mark.parametrize("field", [item.name for item in dataclasses.fields(DomainRef)])
def test_a_field_of_a_wrong_type_is_told_by_its_name(field: str) -> None:
    good = {"name": "amiss", "summary": "Odd.", "extra": "", "tasks": ()}
    for value in WRONG:
        manifest = DomainRef(**cast("Any", {**good, field: value}))
        with pytest.raises(TypeError, match=r"^its \w+ is "):
            cleaned(manifest)
