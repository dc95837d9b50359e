"""Provenance: what it finds, how long it may take, and what it must never record."""

import pytest
from taskloom.runs.provenance import gather, installed_distributions, strip_credentials


def test_git_is_missing_until_it_has_answered() -> None:
    found = gather(budget=20.0)
    assert found["missing"] == ["git"]
    assert "pydantic" in found["distributions"]


def test_gather_records_only_listed_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    found = gather(budget=20.0)
    assert found["variables"]["OMP_NUM_THREADS"] == "3"
    assert "planted-secret" not in str(found)


def test_installed_distributions_agree_with_the_standard_library() -> None:
    import sys
    from importlib.metadata import version

    found = installed_distributions(sys.path)
    for name in ("pydantic", "typer", "pytest"):
        assert found[name] == version(name)


@pytest.mark.parametrize(
    ("text", "stripped"),
    [
        ("https://u:p@h/x", "https://h/x"),
        ("a ssh://git@h/x b http://t@h", "a ssh://h/x b http://h"),
        ("git@host:repo.git", "git@host:repo.git"),
        ("--url=postgres://me:pw@db:5432/x", "--url=postgres://db:5432/x"),
    ],
)
def test_strip_credentials(text: str, stripped: str) -> None:
    assert strip_credentials(text) == stripped
