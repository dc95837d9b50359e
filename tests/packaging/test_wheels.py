"""What is in the wheels: every file of the sources, nothing else, one version, the entry points."""

from __future__ import annotations

import configparser
import email
import importlib.util
import re
import subprocess
import sys
import zipfile
from email.message import Message
from pathlib import Path

import pytest

pytestmark = pytest.mark.packaging

ROOT = Path(__file__).parents[2]
PARTS = ("core", "anomaly", "hci", "diffusion", "control")
DOMAINS = PARTS[1:]


def wheel_of(part: str, wheels: Path) -> zipfile.ZipFile:
    name = "taskloom" if part == "root" else f"taskloom_{part}"
    return zipfile.ZipFile(next(wheels.glob(f"{name}-[0-9]*.whl")))


def metadata_of(part: str, wheels: Path) -> Message:
    with wheel_of(part, wheels) as wheel:
        name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(wheel.read(name))


@pytest.mark.parametrize("part", PARTS)
def test_a_wheel_holds_every_tracked_file_of_its_package(part: str, wheels: Path) -> None:
    source = ROOT / "packages" / part / "src"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "."],
        cwd=source,
        capture_output=True,
        text=True,
        check=True,
    )
    expected = {name for name in listed.stdout.splitlines() if (source / name).is_file()}
    with wheel_of(part, wheels) as wheel:
        found = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert found == expected
    assert {name.partition("/")[0] for name in found} == {
        "taskloom" if part == "core" else f"taskloom_{part}"
    }
    assert any(name.endswith("/py.typed") for name in found)


def test_the_meta_wheel_holds_no_code(wheels: Path) -> None:
    with wheel_of("root", wheels) as wheel:
        assert [name for name in wheel.namelist() if ".dist-info/" not in name] == []


def test_all_distributions_have_one_version(wheels: Path) -> None:
    versions = {str(metadata_of(part, wheels)["Version"]) for part in ("root", *PARTS)}
    assert len(versions) == 1
    (version,) = versions
    for part in DOMAINS:
        assert f"taskloom-core=={version}" in (
            metadata_of(part, wheels).get_all("Requires-Dist") or []
        )
    source = (ROOT / "packages/core/src/taskloom/__init__.py").read_text()
    assert f'__version__ = "{version}"' in source


@pytest.mark.parametrize("part", DOMAINS)
def test_a_domain_registers_its_manifest(part: str, wheels: Path) -> None:
    with wheel_of(part, wheels) as wheel:
        text = wheel.read(
            next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
        ).decode()
    parser = configparser.ConfigParser()
    parser.read_string(text)
    assert parser["taskloom.domains"][part] == f"taskloom_{part}.domain:DOMAIN"


def test_the_extras_are_the_documented_ones(wheels: Path) -> None:
    extras = set(metadata_of("root", wheels).get_all("Provides-Extra") or [])
    assert {"anomaly", "hci", "diffusion", "control", "report", "all"} <= extras


def test_no_wheel_names_an_address_or_a_path_of_this_machine(wheels: Path) -> None:
    for part in ("root", *PARTS):
        with wheel_of(part, wheels) as wheel:
            for name in wheel.namelist():
                data = wheel.read(name)
                assert str(ROOT).encode() not in data, (part, name)


@pytest.mark.parametrize("part", ["root", *PARTS])
def test_a_wheel_holds_the_licence(part: str, wheels: Path) -> None:
    with wheel_of(part, wheels) as wheel:
        (name,) = [
            name for name in wheel.namelist() if name.endswith(".dist-info/licenses/LICENSE")
        ]
        assert wheel.read(name) == (ROOT / "LICENSE").read_bytes()


@pytest.mark.parametrize("part", ["root", *PARTS])
def test_the_metadata_are_complete_and_claim_what_was_tested(part: str, wheels: Path) -> None:
    found = metadata_of(part, wheels)
    assert found["License-Expression"] == "Apache-2.0"
    assert found["Author"] == "The taskloom developers"
    assert found["Summary"]
    assert found["Requires-Python"] == ">=3.11"
    assert len(str(found["Keywords"]).split(",")) >= 4
    classifiers = found.get_all("Classifier") or []
    assert [name for name in classifiers if name.startswith("Operating System")] == [
        "Operating System :: POSIX :: Linux"
    ]
    assert {f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13)} <= set(
        classifiers
    )


def test_the_long_description_has_no_relative_link(wheels: Path) -> None:
    """A page of a package index has no files beside it."""
    for part in ("root", *PARTS):
        targets = re.findall(r"\]\(([^)\s]+)\)", str(metadata_of(part, wheels).get_payload()))
        assert [target for target in targets if "://" not in target and target[0] != "#"] == []


def test_links_lead_to_the_repository_once_it_has_an_address() -> None:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = "[a](docs/a.md) ![p](docs/p.png) [b](https://example.org) [c](#c)"
    known = module.with_absolute_links(text, "https://example.org/x/")
    assert known == (
        "[a](https://example.org/x/blob/main/docs/a.md) ![p](https://example.org/x/raw/main/docs/p.png)"
        " [b](https://example.org) [c](#c)"
    )
    assert module.with_absolute_links(text) == "a  [b](https://example.org) [c](#c)"


def test_an_index_would_accept_every_wheel(wheels: Path) -> None:
    files = [str(path) for path in wheels.glob("*.whl")]
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("PASSED") == len(files) == 6
