"""Files for a release and for people who join: versions, the citation, workflows, templates, hooks."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent


def load(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return a script of this folder as a module."""
    monkeypatch.syspath_prepend(str(HERE))
    spec = importlib.util.spec_from_file_location(f"packaging_{name}", HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules.pop("environments", None)
    return module


def data_of(path: Path) -> Any:  # noqa: ANN401 -- YAML
    """Return what a YAML file holds."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def targets() -> set[str]:
    """Return the targets of the Makefile."""
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def test_one_version_stands_everywhere_and_can_be_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    release = load("release", monkeypatch)
    stated = release.versions()
    (version,) = set().union(*stated.values())
    for name in stated:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    release.set_version("1.2.0rc3", tmp_path)
    assert set().union(*release.versions(tmp_path).values()) == {"1.2.0rc3"}
    for name in stated:
        before, after = ((root / name).read_text() for root in (ROOT, tmp_path))
        assert after.count("1.2.0rc3") == before.count(version) > 0, name
    with pytest.raises(SystemExit, match="is no version such as"):
        release.set_version("new", tmp_path)


def test_the_builds_are_searched_for_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    release = load("release", monkeypatch)
    import zipfile

    with zipfile.ZipFile(tmp_path / "taskloom_core-0.1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("taskloom/__init__.py", "")
    found = "\n".join(release.complaints(tmp_path))
    for part in ("1 wheels instead of 6", "has no LICENSE", "has no py.typed", "twine check"):
        assert part in found


def test_the_citation_has_what_its_format_requires() -> None:
    found = data_of(ROOT / "CITATION.cff")
    assert found["cff-version"] == "1.2.0"
    known = {
        *("cff-version", "message", "type", "title", "abstract", "authors", "version", "license"),
        *("keywords", "references", "repository-code", "date-released", "doi"),
    }
    assert {"cff-version", "message", "title", "authors"} <= set(found) <= known
    assert found["license"] == "Apache-2.0"
    assert len(found["references"]) >= 4
    for work in (found, *found["references"]):
        assert work["title"]
        assert all("name" in author or "family-names" in author for author in work["authors"])
        assert work["type"] in ("software", "article", "conference-paper", "generic")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert [author["name"] for author in found["authors"]] == [
        author["name"] for author in project["authors"]
    ]
    # An address stands in one place only.
    assert found.get("repository-code") == project.get("urls", {}).get("Repository")


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github/workflows").glob("*.yml")), ids=lambda path: path.name
)
def test_a_workflow_calls_targets_that_exist(path: Path) -> None:
    workflow = data_of(path)
    assert workflow["permissions"] == {"contents": "read"}
    called = set()
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 120
        for step in job["steps"]:
            line = step.get("run", "")
            called |= set(re.findall(r"make ([a-z-]+)", line))
            called |= set(job.get("strategy", {}).get("matrix", {}).get("target", ()))
    assert called
    assert called <= targets()


def test_the_check_runs_on_linux_and_macos() -> None:
    jobs = data_of(ROOT / ".github/workflows/check.yml")["jobs"]
    for job in jobs.values():
        assert {"ubuntu-latest", "macos-latest"} <= set(job["strategy"]["matrix"]["os"])
    assert {step.get("run") for job in jobs.values() for step in job["steps"]} >= {
        "make test PYTHON=python",
        "make check PYTHON=python",
    }


def test_issue_forms_ask_for_what_a_fault_needs() -> None:
    forms = {path.stem: data_of(path) for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")}
    assert forms.keys() == {"config", "fault", "wrong-number", "feature"}
    for name in forms.keys() - {"config"}:
        assert {"name", "description", "body"} <= set(forms[name])
        ids = [part["id"] for part in forms[name]["body"]]
        assert len(ids) == len(set(ids))
    asked = {part["id"] for part in forms["fault"]["body"]}
    assert asked == {"command", "expected", "seen", "doctor"}


def test_hooks_work_without_a_network_and_call_what_exists() -> None:
    (local,) = data_of(ROOT / ".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"
    for hook in local["hooks"]:
        assert hook["language"] == "system"
        for word in hook["entry"].split():
            assert not word.endswith(".py") or (ROOT / word).is_file(), word


@pytest.mark.parametrize(
    ("message", "changed", "faults"),
    [
        ("core: keep the order\n\nBecause.\n", [], 0),
        ("x" * 73, [], 1),
        ("a\nb\n", [], 1),
        ("", [], 1),
        ("Merge branch 'x'", ["packages/core/src/a.py"], 0),
        ("core: mend\n", ["packages/core/src/a.py"], 1),
        ("core: mend\n", ["packages/core/src/a.py", "changes/+a.fix.md"], 0),
        ("core: mend\n\nNo-change: names only\n", ["packages/core/src/a.py"], 0),
    ],
)
def test_a_message_is_checked(
    message: str, changed: list[str], faults: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = load("commits", monkeypatch).faults(message, changed)
    assert len(list(found)) == faults


def test_a_large_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    commits = load("commits", monkeypatch)
    (tmp_path / "small").write_bytes(b"1")
    (tmp_path / "large").write_bytes(b"1" * (commits.MOST_BYTES + 1))
    found = list(commits.too_large([str(tmp_path / name) for name in ("small", "large", "gone")]))
    assert len(found) == 1
    assert "large" in found[0]


def test_nothing_that_is_not_known_is_made_up() -> None:
    """Addresses, names and keys are left out until people decide them; RELEASING.md says where they go."""
    names = ("CODEOWNERS", ".github/CODEOWNERS", "CODE_OF_CONDUCT.md", ".github/FUNDING.yml")
    assert [name for name in names if (ROOT / name).exists()] == []
    texts = [
        *ROOT.glob("*.md"),
        *(ROOT / ".github").rglob("*.*"),
        ROOT / "mkdocs.yml",
        *ROOT.glob("packages/*/README.md"),
    ]
    address = re.compile(
        r"https?://(?:www\.)?(?:github|gitlab)\.(?:com|io)/\S*taskloom|\S+@\S+\.(?:org|com)"
    )
    found = {path.name: hits for path in texts if (hits := address.findall(path.read_text()))}
    assert found == {}
