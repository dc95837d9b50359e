"""Entry points to domains and tasks: what is found, what is isolated, what is refused."""

from __future__ import annotations

import importlib.metadata
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from taskloom import registry
from taskloom.errors import MissingExtraError, PluginError, UnknownNameError
from taskloom.registry.installed import entry_points, normalised

MANIFEST = """
from taskloom.registry import ComponentRef, DomainRef, TaskRef
DOMAIN = DomainRef("lab", "Experiments.", "", (TaskRef("walk", "Walk.", "lab.walk:Walk"),))
"""


def broken() -> dict[str, str]:
    return {entry.name: entry.error for entry in registry.broken_plugins()}


@pytest.mark.parametrize(
    "group", ["taskloom.domains", "console_scripts", "pytest11", "no.such.group"]
)
def test_entry_points_equal_those_of_importlib_metadata(group: str) -> None:
    """The fast reader and the standard library give the same answer over everything installed here."""
    theirs = {
        (point.name, point.value.partition("[")[0].strip(), normalised(point.dist.name))
        for point in importlib.metadata.entry_points(group=group)
        if point.dist is not None
    }
    ours = {(point.name, point.target, point.distribution) for point in entry_points(group)}
    assert ours == theirs


def test_entry_points_with_comments_spaces_and_extras_are_read(
    install: Callable[..., Path],
) -> None:
    install(
        "odd-file",
        "; note\n[other]\na = b:c\n\n[ taskloom.tasks ]\n# no\nx = y:z\n[taskloom.tasks]\n# lab.no = a:b\nlab.one=odd:One [fast]\n",
    )
    assert [
        (p.name, p.target) for p in entry_points("taskloom.tasks") if p.distribution == "odd-file"
    ] == [("lab.one", "odd:One")]


def test_a_domain_is_found_with_its_tasks_and_none_of_them_is_imported(
    install: Callable[..., Path],
) -> None:
    install(
        "lab",
        "[taskloom.domains]\nlab = lab.domain:DOMAIN\n",
        lab__domain=MANIFEST,
        lab__walk="1 / 0",
    )
    assert "lab" in [entry.ref.name for entry in registry.installed_domains()]
    assert [(task.ref.name, task.distribution) for task in registry.tasks_of("lab")] == [
        ("walk", "lab")
    ]
    assert "lab.walk" not in sys.modules


def test_a_plugin_adds_a_task_whose_summary_is_the_distributions(
    install: Callable[..., Path],
) -> None:
    install("lab", "[taskloom.domains]\nlab = lab.domain:DOMAIN\n", lab__domain=MANIFEST)
    install(
        "extra-walks",
        "[taskloom.tasks]\nlab.run = walks:Run\n",
        walks="class Run: ...\nraise SystemExit(9)",
    )
    tasks = registry.tasks_of("lab")
    assert [task.ref.name for task in tasks] == ["walk", "run"]
    assert tasks[1].ref.summary == "What extra-walks does."
    assert "walks" not in sys.modules


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("import no_such_thing", "ModuleNotFoundError: No module named 'no_such_thing'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise BaseException", "BaseException"),
        ("def (", "SyntaxError"),
        ("DOMAIN = 'lab'", "is of type str, not a DomainRef"),
        ("OTHER = 1", "has no attribute 'DOMAIN'"),
        (MANIFEST.replace('"lab"', '"lob"'), "calls itself 'lob', its entry point calls it 'lab'"),
        (
            MANIFEST.replace('TaskRef("walk"', 'str("walk"').replace(
                ', "Walk.", "lab.walk:Walk"', ""
            ),
            "its tasks is of type str, not a TaskRef",
        ),
        (
            "from taskloom.registry import DomainRef, TaskRef\n"
            "DOMAIN = DomainRef('lab', '', '', (TaskRef('a', '', 'x:y'), TaskRef('a', '', 'x:z')))",
            "lists task 'a' twice",
        ),
        (
            MANIFEST.replace(",))", ",), {'other.parts': ()})"),
            "'other.parts', a group that is not its own",
        ),
    ],
)
def test_a_broken_manifest_becomes_one_sentence(
    install: Callable[..., Path], source: str, sentence: str
) -> None:
    install("lab", "[taskloom.domains]\nlab = labdomain:DOMAIN\n", labdomain=source)
    assert sentence in broken()["lab"]
    assert "\n" not in broken()["lab"]
    assert "lab" not in [entry.ref.name for entry in registry.installed_domains()]
    assert {"anomaly", "hci"} <= {entry.ref.name for entry in registry.installed_domains()}
    with pytest.raises(PluginError, match="from lab"):
        registry.find_domain("lab")


def test_a_manifest_that_hangs_is_given_up_after_its_limit(
    install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKLOOM_PLUGIN_SECONDS", "0.2")
    source = "import time\ntry:\n    time.sleep(600)\nexcept Exception:\n    pass\n"
    install("slow", "[taskloom.domains]\nslow = slow:DOMAIN\n", slow=source)
    begin = time.monotonic()
    assert "took longer than 0.2 s" in broken()["slow"]
    assert time.monotonic() - begin < 300
    assert "slow" not in sys.modules


def test_interrupt_that_no_signal_brought_is_the_failure_of_its_plugin(
    install: Callable[..., Path],
) -> None:
    install("lab", "[taskloom.domains]\nlab = lab:DOMAIN\n", lab="raise KeyboardInterrupt")
    (broken,) = registry.broken_plugins()
    assert broken.error == "its manifest cannot be loaded: KeyboardInterrupt."


def test_ctrl_c_during_a_manifest_passes_through(install: Callable[..., Path]) -> None:
    pressed = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(5)"
    install("lab", "[taskloom.domains]\nlab = lab:DOMAIN\n", lab=pressed)
    with pytest.raises(KeyboardInterrupt):
        registry.broken_plugins()


def test_what_a_plugin_prints_stays_out_of_stdout(
    install: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    install("lab", "[taskloom.domains]\nlab = lab:DOMAIN\n", lab="print('hello')" + MANIFEST)
    registry.find_domain("lab")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "hello\n")


def test_a_domain_of_two_distributions_is_refused_by_both_names(
    install: Callable[..., Path],
) -> None:
    for name in ("lab-one", "lab-two"):
        install(name, "[taskloom.domains]\nlab = lab:DOMAIN\n", lab=MANIFEST)
    assert "registered by both 'lab-one' and 'lab-two'" in broken()["lab"]
    with pytest.raises(PluginError, match="both 'lab-one' and 'lab-two'"):
        registry.find_task("lab", "walk")


@pytest.mark.parametrize("times", [1, 2])
def test_a_task_of_two_distributions_is_refused_by_both_names(
    install: Callable[..., Path], times: int
) -> None:
    """Once against the manifest of the domain, once against another plugin."""
    install("lab", "[taskloom.domains]\nlab = lab:DOMAIN\n", lab=MANIFEST)
    name = "walk" if times == 1 else "run"
    for number in range(times):
        install(
            f"walks-{number}", f"[taskloom.tasks]\nlab.{name} = walks:Run\n", walks="class Run: ..."
        )
    first = "lab" if times == 1 else "walks-0"
    with pytest.raises(PluginError, match=rf"both '{first}' and 'walks-{times - 1}'"):
        registry.find_task("lab", name)
    assert f"lab.{name}" in broken()


def test_one_distribution_on_the_path_twice_is_no_duplicate(install: Callable[..., Path]) -> None:
    install("lab", "[taskloom.domains]\nlab = lab:DOMAIN\n", lab=MANIFEST)
    sys.path.append(sys.path[0] + "/../" + sys.path[0].rpartition("/")[2])
    registry.refresh()
    try:
        assert registry.find_domain("lab").distribution == "lab"
    finally:
        sys.path.pop()


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("walks", "not of the form"),
        ("nowhere:Run", "there is no module 'nowhere'"),
        ("walks.deeper:Run", "there is no module 'walks.deeper'"),
        ("walks:Gone", "module 'walks' has no 'Gone'"),
        ("torn:Run", "module 'torn' cannot be read: SyntaxError"),
    ],
)
def test_a_task_that_leads_nowhere_is_named_without_running_it(
    install: Callable[..., Path], target: str, sentence: str
) -> None:
    install("lab", "[taskloom.domains]\nlab = lab:DOMAIN\n", lab=MANIFEST)
    install(
        "walks",
        f"[taskloom.tasks]\nlab.run = {target}\n",
        walks="class Run: ...\nraise SystemExit",
        torn="def (",
    )
    assert sentence in broken()["lab.run"]
    assert "walks" not in sys.modules


@pytest.mark.parametrize(
    "source",
    [
        "def __getattr__(name): return 1",
        "from math import *",
        "import math as Run",
        "class Run: ...",
    ],
)
def test_a_name_that_may_be_there_is_given_the_benefit_of_the_doubt(
    install: Callable[..., Path], source: str
) -> None:
    install("lab", "[taskloom.domains]\nlab = lab:DOMAIN\n", lab=MANIFEST)
    install("walks", "[taskloom.tasks]\nlab.run = walks:Run\n", walks=source)
    assert registry.find_task("lab", "run").distribution == "walks"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("anomoly.mine", "its domain 'anomoly' is not installed; did you mean 'anomaly'?"),
        ("quux.mine", "its domain 'quux' is not installed."),
        ("anomaly", "named 'domain.task', not 'anomaly'"),
    ],
)
def test_a_task_without_a_home_is_broken(
    install: Callable[..., Path], name: str, sentence: str
) -> None:
    install("homeless", f"[taskloom.tasks]\n{name} = walks:Run\n", walks="class Run: ...")
    found = {entry.distribution: entry.error for entry in registry.broken_plugins()}
    assert sentence in found["homeless"]


@pytest.mark.parametrize(
    ("setting", "left"),
    [
        ("1", False),
        ("walks", False),
        ("Walks", False),
        ("hci.run", False),
        ("x,walks", False),
        ("other", True),
    ],
)
def test_plugins_can_be_disabled_by_name(
    install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, setting: str, left: bool
) -> None:
    install("walks", "[taskloom.tasks]\nhci.run = walks:Run\n", walks="class Run: ...")
    monkeypatch.setenv("TASKLOOM_DISABLE_PLUGINS", setting)
    registry.refresh()
    assert ("run" in [task.ref.name for task in registry.tasks_of("hci")]) is left
    assert "hci" in [entry.ref.name for entry in registry.installed_domains()]


def test_strict_plugins_raise_their_own_error(
    install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    install("lab", "[taskloom.domains]\nlab = lab:DOMAIN\n", lab="1 / 0")
    monkeypatch.setenv("TASKLOOM_STRICT_PLUGINS", "1")
    with pytest.raises(ZeroDivisionError):
        registry.broken_plugins()


def test_a_missing_domain_of_ours_tells_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASKLOOM_DISABLE_PLUGINS", "taskloom-control")
    registry.refresh()
    with pytest.raises(
        MissingExtraError,
        match=r"domain 'control' is not installed: pip install 'taskloom\[control\]'",
    ):
        registry.find_task("control", "cartpole")
    with pytest.raises(UnknownNameError) as caught:
        registry.find_domain("contrl")
    assert caught.value.hint == (
        "did you mean 'control'? domain 'control' is not installed: pip install 'taskloom[control]'"
    )
    monkeypatch.undo()
    registry.refresh()


def test_an_unknown_domain_and_task_get_a_staged_suggestion(install: Callable[..., Path]) -> None:
    install("lab", "[taskloom.domains]\nlab = lab:DOMAIN\n", lab=MANIFEST)
    install("walks", "[taskloom.tasks]\nhci.stroll = walks:Run\n", walks="class Run: ...")
    with pytest.raises(UnknownNameError, match="no domain 'anomli'; installed: anomaly") as caught:
        registry.find_domain("anomli")
    assert caught.value.hint == "did you mean 'anomaly'?"
    for wanted, hint in [("wlak", "'walk'"), ("stroll", "'hci stroll'"), ("strol", "'hci stroll'")]:
        with pytest.raises(UnknownNameError) as caught:
            registry.find_task("lab", wanted)
        assert caught.value.hint == f"did you mean {hint}?"
    with pytest.raises(UnknownNameError) as caught:
        registry.find_task("lab", "zzzzz")
    assert caught.value.hint == "tasks list lab"


@pytest.mark.parametrize(
    ("word", "match"),
    [
        ("mahalanobs", "mahalanobis"),
        ("SPECTRAL", "spectral"),
        ("quantum", "quantum-entropy"),
        ("quantum_entropy", "quantum-entropy"),
        ("zzz", None),
        ("", None),
    ],
)
def test_closest_finds_what_was_meant(word: str, match: str | None) -> None:
    assert registry.closest(word, ["mahalanobis", "spectral", "quantum-entropy"]) == match
