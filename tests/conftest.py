"""Foundations of every test: the one before it left nothing behind in the registry, and a plugin can be put there."""

from __future__ import annotations

import compileall
import gc
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from taskloom import registry
from taskloom.registry import installed

Install = Callable[..., Path]

# How long an example takes says how busy the machine is.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

# Tests are no package; what several folders share is loaded by its path, before any of them.
_HERE = Path(__file__).parent
for _name, _path in (
    ("tests_sizes", _HERE / "sizes.py"),
    ("tests_outcome", _HERE / "outcome.py"),
    ("cases_verdict", _HERE / "cases" / "verdict.py"),
    ("cases_tasks", _HERE / "cases" / "tasks.py"),
    ("own_network", _HERE / "network.py"),
    ("lacking", _HERE / "hidden" / "lacking.py"),
    ("waiting", _HERE / "waiting.py"),
):
    _spec = importlib.util.spec_from_file_location(_name, _path)
    assert _spec is not None
    assert _spec.loader is not None
    sys.modules[_name] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules[_name])


def pytest_configure(config: pytest.Config) -> None:
    """Compile our sources once: where Python writes no bytecode, each of a thousand processes would do it anew."""
    if not hasattr(config, "workerinput"):
        compileall.compile_dir(_HERE.parent / "packages", quiet=2)
    # A shell starts what stands in its background with Ctrl-C ignored, and Python leaves that as it is.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Leave what the modules of the tests have loaded out of every collection of garbage to come."""
    gc.collect()
    gc.freeze()


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name bytes by their length: a compressed file holds the second it was made in, and two workers need one name."""
    return f"{len(val)}-bytes" if isinstance(val, bytes) else None


@pytest.fixture(autouse=True, scope="session")
def _own_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the key for secrets out of the home of the person who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("settings")))
        yield


# Variables that change what our code does. Libraries set others for good when they are first used.
_OURS = ("TASK", "PYTHON", "XDG_", "SLURM_", "OMP_", "MKL_", "RANK", "WORLD_SIZE", "LOCAL_")
_OURS += ("HOME", "PATH", "TERM", "COLUMNS", "NO_COLOR", "TZ")


def _surroundings() -> dict[str, object]:
    """Return what a test may change and must put back, by name."""
    capture = sys.modules.get("taskloom.lifecycle.capture")
    return {
        "the working directory": os.getcwd(),
        "the streams' captures": len(capture._STATE.ways) if capture else 0,
        "the handler of SIGINT": signal.getsignal(signal.SIGINT),
        "the handler of SIGTERM": signal.getsignal(signal.SIGTERM),
        **{
            f"the variable {name}": value
            for name, value in os.environ.items()
            if name.startswith(_OURS)
        },
    }


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    """Fail the test that leaves its process changed, not the one that meets the change."""
    before = _surroundings()
    yield
    after = _surroundings()
    left = sorted(name for name in before.keys() | after if before.get(name) != after.get(name))
    assert not left, f"the test left behind: {', '.join(left)}"


@pytest.fixture(autouse=True)
def _thawed_registry() -> Iterator[None]:
    """Undo what a worker does to its process: it freezes the registry for good, and tests share a process."""
    yield
    if installed._frozen:
        installed._frozen = False
        registry.refresh()


@pytest.fixture
def tasks(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a command line in this process, and gives its `Outcome`."""
    from tests_outcome import caller  # loaded above

    return caller(capsys)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Return a function that puts one distribution with files and entry points on the path, as pip would leave it."""
    monkeypatch.delenv("TASKLOOM_DISABLE_PLUGINS", raising=False)
    monkeypatch.delenv("TASKLOOM_STRICT_PLUGINS", raising=False)
    monkeypatch.setenv("TASKLOOM_PLUGIN_SECONDS", "60")  # a busy machine is no hanging plugin
    packages: set[str] = set()
    sites: list[str] = []

    def put(name: str, entry_points: str, **modules: str) -> Path:
        site = tmp_path / f"site-{name}"
        info = site / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nSummary: What {name} does.\n\nText\n"
        )
        (info / "entry_points.txt").write_text(entry_points)
        for module, source in modules.items():
            packages.add(module.partition("__")[0])
            path = site / f"{module.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        sites.append(str(site))
        monkeypatch.syspath_prepend(site)
        registry.refresh()
        return site

    yield put
    for name, module in list(sys.modules.items()):
        # A test may put a module in the place of a library that is loaded already, which must stay: JAX cannot come twice.
        facts = getattr(module, "__dict__", {})
        places = [str(facts.get("__file__")), *map(str, facts.get("__path__") or [])]
        if name.partition(".")[0] in packages and any(p.startswith(tuple(sites)) for p in places):
            del sys.modules[name]
    monkeypatch.undo()
    registry.refresh()


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount small file systems; skips where that is not allowed."""
    made: list[Path] = []

    def do(size: str) -> Path:
        folder = tmp_path / f"disk-{len(made)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"a file system cannot be mounted here: {done.stderr.strip()}")
        made.append(folder)
        return folder

    yield do
    for folder in made:
        subprocess.run(["umount", str(folder)], check=True)
