"""`tasks new`: three files, a test that passes, and nothing half-written."""

import ast
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hatchling.build import build_wheel
from taskloom.registry import FIRST_PARTY, find_domain
from taskloom_control.mjcf.files import model_path
from tests_sizes import size

GARDEN = Path(__file__).parent / "garden"
Tasks = Callable[..., Any]


def _wheel_of(project: Path, folder: Path) -> set[str]:
    """Return the names of the files in the wheel of a project, without its metadata."""
    facts = tomllib.loads((project / "pyproject.toml").read_text())
    assert facts["build-system"]["build-backend"] == "hatchling.build"
    folder.mkdir(exist_ok=True)
    with contextlib.chdir(project):  # as a front end calls it
        wheel = build_wheel(str(folder))
    names = zipfile.ZipFile(folder / wheel).namelist()
    return {name for name in names if ".dist-info/" not in name}


def _assert_its_tests_pass(folder: Path, projects: int = 1) -> None:
    """Run the tests of all projects in a folder in one process: most of what each takes is imports."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(GARDEN), os.environ.get("PYTHONPATH", "")]),
            "OMP_NUM_THREADS": "1",
            "JAX_DISABLE_MOST_OPTIMIZATIONS": str(size("quick_compilation")),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # what else is installed here is no part of the project
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert len(list(folder.glob("**/test_*.py"))) == projects


def test_new_task_of_a_domain_without_templates_runs_itself(tasks: Tasks, tmp_path: Path) -> None:
    outcome = tasks("new", "garden", "slow-seed", "--summary=Wait for a seed.")
    assert (outcome.code, outcome.out) == (0, "garden_slow_seed\n")
    assert len(outcome.err.splitlines()) == 1
    folder = tmp_path / "garden_slow_seed"
    names = ["garden_slow_seed", "pyproject.toml", "test_garden_slow_seed.py"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert list(tmp_path.iterdir()) == [folder]
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["taskloom.tasks"] == {
        "garden.slow-seed": "garden_slow_seed.task:SlowSeed"
    }
    _assert_its_tests_pass(folder)


def _installed(folder: Path, projects: list[Path]) -> str:
    """Return a PYTHONPATH on which some projects are installed."""
    for project in projects:
        facts = tomllib.loads((project / "pyproject.toml").read_text())["project"]
        ((group, points),) = facts["entry-points"].items()
        info = folder / f"{project.name}-0.1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {facts['name']}\nSummary: {facts['description']}\n"
        )
        lines = [f"{name} = {target}\n" for name, target in points.items()]
        (info / "entry_points.txt").write_text(f"[{group}]\n" + "".join(lines))
    return os.pathsep.join([str(folder), *map(str, projects)])


def _kinds(domain: str) -> list[str]:
    return [group.rpartition(".")[2] for group in find_domain(domain).ref.components]


@pytest.mark.parametrize("domain", FIRST_PARTY)
def test_there_is_a_template_of_every_kind(domain: str) -> None:
    folder = Path(find_spec(f"taskloom_{domain}").origin or "").with_name("scaffold")  # type: ignore[union-attr]
    assert {path.name for path in folder.iterdir()} >= {"task", *_kinds(domain)}


def _new_task(tasks: Tasks, place: Path, domain: str) -> None:
    """Make a task of the domain's own protocol; one of another name stands in `examples/plugins`, where its tests are run."""
    assert tasks("new", domain, "mine").code == 0
    folder = place / f"{domain}_mine"
    source = (folder / folder.name / "task.py").read_text()
    assert "def run(" not in source
    assert len(source.splitlines()) <= 70
    package = {f"{folder.name}/{path.name}" for path in (folder / folder.name).iterdir()}
    assert _wheel_of(folder, place / "wheels") == package
    shutil.rmtree(folder)


def _new_components(tasks: Tasks, place: Path, domain: str) -> list[Path]:
    """Make a component of every kind, which has to be installed."""
    for kind in _kinds(domain):
        # Also a name of two words, whose class, module and distribution have three spellings.
        outcome = tasks("new", "component", f"{domain}.{kind}", f"my-{kind.replace('_', '-')}")
        assert outcome.code == 0
        assert re.search(rf"tasks run {domain} \w+ --\w+=my-", outcome.err), outcome.err
    return [place / f"{domain}_my_{kind}" for kind in _kinds(domain)]


def _new_around_files(tasks: Tasks, place: Path, domain: str) -> list[Path]:
    """Make what the domain writes around a file, in each of its forms."""
    if domain == "diffusion":
        words = [a + b + c for a in "bdfg" for b in "aeiou" for c in "nst"]
        lines = "".join(f"{word},{len(word)}\n" for word in words)
        (place / "words.csv").write_text("word,length\n" + lines)
        assert tasks("new", "diffusion", "around", "--from=words.csv").code == 0
        folder = place / "diffusion_around"
        assert 'column: str = "word"' in (folder / folder.name / "task.py").read_text()
        assert f"{folder.name}/words.csv" in _wheel_of(folder, place / "wheels")
        return [folder]
    made = []
    for form in ("staged", "judo") if domain == "control" else ():
        model = model_path("reacher").read_text()
        (place / "arm.xml").write_text(model)
        assert tasks("new", domain, form, f"--form={form}", "--from=arm.xml").code == 0
        made.append(place / f"{domain}_{form}")
        assert (made[-1] / made[-1].name / "arm.xml").read_text() == model
        # Without a model the form is written around an example.
        assert tasks("new", domain, f"{form}-example", f"--form={form}").code == 0
        assert (
            (place / f"{domain}_{form}_example")
            .joinpath(f"{domain}_{form}_example", "example.xml")
            .is_file()
        )
        shutil.rmtree(place / f"{domain}_{form}_example")
    return made


@pytest.mark.slow
@pytest.mark.parametrize("domain", FIRST_PARTY)
def test_what_is_new_in_a_domain_passes_at_once(
    tasks: Tasks, tmp_path: Path, domain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _new_task(tasks, tmp_path, domain)
    made = _new_around_files(tasks, tmp_path, domain)
    components = _new_components(tasks, tmp_path, domain)
    # Tasks are not installed: their tests find them from where they lie.
    monkeypatch.setenv("PYTHONPATH", _installed(tmp_path / "site", components))
    _assert_its_tests_pass(tmp_path, projects=len(made + components))


def test_new_component_of_a_domain_without_templates_is_another_by_its_name(
    tasks: Tasks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tasks("new", "component", "garden.feeders", "drip-too").code == 0
    project = tmp_path / "garden_drip_too"
    assert "class DripToo(Base):" in (project / project.name / "component.py").read_text()
    monkeypatch.setenv("PYTHONPATH", _installed(tmp_path / "site", [project]))
    _assert_its_tests_pass(project)


@pytest.mark.slow
def test_new_domain_has_templates_of_its_own(
    tasks: Tasks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tasks("new", "domain", "lab").code == 0
    domain = tmp_path / "taskloom_lab"
    monkeypatch.setenv("PYTHONPATH", _installed(tmp_path / "site", [domain]))
    words = (("lab", "dips"), ("component", "lab.searchers", "near"))
    code = f"from taskloom.cli import main; assert not any(main(['new', *w]) for w in {words!r})"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    projects = [tmp_path / name for name in ("lab_dips", "lab_near")]
    assert "def run(" not in (projects[0] / "lab_dips" / "task.py").read_text()
    monkeypatch.setenv(
        "PYTHONPATH",
        os.pathsep.join(
            [str(domain), str(tmp_path / "site"), _installed(tmp_path / "more", projects)]
        ),
    )
    _assert_its_tests_pass(tmp_path, projects=3)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("hci", "none"), "MyNone"),
        (("hci", "state"), "MyState"),
        (("component", "diffusion.tokenizers", "fitted"), "MyFitted"),
        (("component", "hci.users", "user"), "MyUser"),
    ],
)
def test_new_class_is_no_keyword_and_hides_no_name(
    tasks: Tasks, tmp_path: Path, words: tuple[str, ...], found: str
) -> None:
    assert tasks("new", *words).code == 0
    (folder,) = tmp_path.iterdir()
    texts = [path.read_text() for path in folder.rglob("*.py")]
    assert [f"class {found}(" in text for text in texts].count(True) == 1
    for text in texts:
        ast.parse(text)


def test_new_writes_valid_python_whatever_the_name(tasks: Tasks, tmp_path: Path) -> None:
    assert tasks("new", "garden", "a1_b2", "--summary=It's 50% $new {here}.").code == 0
    for path in (tmp_path / "garden_a1_b2").rglob("*.py"):
        ast.parse(path.read_text())
    assert "It's 50% $new {here}." in (tmp_path / "garden_a1_b2" / "pyproject.toml").read_text()


def test_new_task_is_made_around_a_class(tasks: Tasks, tmp_path: Path) -> None:
    assert tasks("new", "garden", "mine", "--from=garden_domain.tasks:Grow").code == 0
    source = (tmp_path / "garden_mine" / "garden_mine" / "task.py").read_text()
    assert "from garden_domain.tasks import Grow\n" in source
    assert "class Mine(Grow):" in source


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("garden", "grow"), 2, "'garden grow' exists already, in garden-domain"),
        (("gardn", "x"), 2, "There is no domain 'gardn'"),
        (("garden", "Big"), 2, "'Big' is no name for a task"),
        (("garden", "../up"), 2, "'../up' is no name for a task"),
        (("garden", "class"), 2, "'class' is no name for a task"),
        (("garden", ""), 2, "'' is no name for a task"),
        (("garden", "domain"), 2, "a module 'garden_domain' is installed already"),
        (("garden", "x", '--summary=a"b'), 2, "--summary may hold no quotation mark"),
        (("garden", "x", "y"), 2, "'y' is one word too many"),
        (("garden", "x", "--form=f"), 2, "the domain 'garden' has no form 'f' of a task"),
        (("control", "x", "--form=judoo"), 2, "there are: judo, staged"),
        (("control", "x", "--form=judo", "--from=a.csv"), 2, "is written around a .xml file"),
        (("control", "x", "--from=arm.xml"), 2, "one of these forms: judo, staged; choose it"),
        (("domain", "x", "--form=judo"), 2, "--form is that of a task"),
        (("garden", "x", "--from=a.csv"), 2, "makes no task from 'a.csv'; it takes module:Class"),
        (
            ("component", "garden.x", "y"),
            2,
            "'garden.x' is no kind of component; there are: garden.feeders",
        ),
        (("component", "garden.x"), 2, "tasks new component DOMAIN.KIND NAME"),
        (("domain", "garden"), 2, "the domain 'garden' exists already"),
        (("component", "garden.feeders", "none"), 2, "'none' leaves a component out"),
        (("component", "garden.feeders", "drip"), 2, "'drip' is a component of"),
        (("domain", "x", "--from=a:b"), 2, "--from makes a task, not a domain"),
        (("domain", "run"), 2, "'run' is a command of tasks"),
        (("domain", "file"), 2, "'file' is a word of taskloom's own"),
        (("domain", "core"), 2, "a distribution 'taskloom-core' is installed already"),
        (("domain", "hci"), 2, "the domain 'hci' exists already"),
        (("garden", "x", "--into=nowhere"), 2, "cannot be made: No such file or directory"),
    ],
)
def test_new_refuses_in_one_sentence_and_writes_nothing(
    tasks: Tasks, tmp_path: Path, words: tuple[str, ...], code: int, error: str
) -> None:
    outcome = tasks("new", *words)
    assert outcome.code == code
    assert error in outcome.err.splitlines()[0]
    assert list(tmp_path.iterdir()) == []


def test_new_leaves_a_folder_that_exists_alone(tasks: Tasks, tmp_path: Path) -> None:
    (tmp_path / "garden_x").mkdir()
    outcome = tasks("new", "garden", "x")
    assert (outcome.code, outcome.err) == (2, "error: 'garden_x' exists already\n")
    assert list((tmp_path / "garden_x").iterdir()) == []
