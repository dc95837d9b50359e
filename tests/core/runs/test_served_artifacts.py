"""Artifacts in the viewer: served as what they are, and only from below the run."""

import os
from pathlib import Path

import pytest
from taskloom.runs.record import RunRecord, write_record
from taskloom_probe.pages import ask

RUN = "20261129-120000-lab-walk-aaaaaa"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / RUN
    (folder / "artifacts").mkdir(parents=True)
    write_record(folder / "run.json", RunRecord(RUN, "lab", "walk", 1, "abc", {"steps": 3}))
    return folder


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("curve.png", b"\x89PNG\r\n\x1a\n...", "image/png"),
        ("curve.txt", b"\x89PNG\r\n\x1a\n...", "image/png"),
        ("table.csv", b"a,b\n1,2\n", "text/plain; charset=utf-8"),
        ("long.txt", "\u2603".encode() * 2000, "text/plain; charset=utf-8"),
        ("card.json", b"{}", "application/json; charset=utf-8"),
        ("drawing.svg", b"<svg onload='alert(1)'/>", "application/octet-stream"),
        ("fake.png", b"<svg onload='alert(1)'/>", "text/plain; charset=utf-8"),
        ("weights.bin", b"\x00\x01", "application/octet-stream"),
        ("empty", b"", "text/plain; charset=utf-8"),
    ],
)
def test_an_artifact_is_served_as_what_it_is_and_a_page_as_none(
    run: Path, name: str, content: bytes, kind: str
) -> None:
    (run / "artifacts" / name).write_bytes(content)
    page = ask(run.parent, f"/runs/{RUN}/artifacts/{name}")
    assert (page.status, page.headers["content-type"], page.body) == (200, kind, content)
    is_download = page.headers.get("content-disposition", "").startswith("attachment")
    assert is_download is (kind == "application/octet-stream")


def test_what_is_no_regular_file_below_the_run_is_not_served(run: Path) -> None:
    (run.parent / "secret.txt").write_text("secret")
    place = run / "artifacts"
    (place / "link").symlink_to(run.parent / "secret.txt")
    (place / "folder").symlink_to(run.parent)
    os.mkfifo(place / "pipe")
    for name in ("link", "folder/secret.txt", "pipe", "absent", "../run.json", "folder", "a\0b"):
        page = ask(run.parent, f"/runs/{RUN}/artifacts/{name}")
        assert (page.status, "secret" in page.text) == (404, False)
