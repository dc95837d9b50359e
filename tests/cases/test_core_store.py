"""Bad neighbours: a record, a plugin, a folder or a slow program takes nothing else away."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cases_tasks import Tasks, done
from cases_verdict import verdict
from tests_sizes import size

Plugin = Callable[..., Tasks]


def _play(tasks: Tasks) -> Path:
    """Record a run of a small game and return its folder."""
    words = ("run", "hci", "example", f"--episodes={size('recorded_episodes')}", "--quiet")
    done(tasks.call(*words))
    return Path(tasks.records()[0])


def test_artifacts_that_lead_out(tasks: Tasks, tmp_path: Path) -> None:
    """Answers 404 for a file behind a link that leads out of the run, and shows no address with a script."""
    run = _play(tasks)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "private.txt").write_text("private")
    shutil.rmtree(run / "artifacts", ignore_errors=True)
    (run / "artifacts").symlink_to(outside)
    record = json.loads((run / "run.json").read_text())
    record["artifacts"] = {"private": "artifacts/private.txt", "script": "javascript:alert(1)"}
    (run / "run.json").write_text(json.dumps(record))
    with tasks.view() as get:
        file, _ = get(f"runs/{run.name}/artifacts/private.txt")
        page, text = get(f"runs/{run.name}/")
    links = text.count('href="javascript:')
    verdict(
        (file, page, links) == (404, 200, 0),
        f"file {file}, page {page}, links {links}",
        "file 404, page 200, links 0",
    )


def test_one_bad_record(tasks: Tasks) -> None:
    """Goes on with the other runs, in every listing, filter, sort, export and page, whatever one record holds."""
    good = _play(tasks)
    bad = good.with_name("20990101-000000-hci-example-aaaaaa")
    record = json.loads((good / "run.json").read_text())
    wrong, count = [], 0
    for label, change in (
        ("duration", {"duration": "abc"}),
        ("metric", {"metrics": {"x": 10**400}}),
    ):
        shutil.rmtree(bad, ignore_errors=True)
        shutil.copytree(good, bad)
        (bad / "run.json").write_text(json.dumps({**record, **change}))
        for words in (
            ("ls",),
            ("ls", "--where", "metrics.x > 0"),
            ("ls", "--sort=-duration"),
            ("export", "--format=csv"),
        ):
            code = tasks.call("runs", *words).returncode
            wrong += [f"{label}: runs {' '.join(words)} {code}"] * bool(code)
        with tasks.view() as get:
            for query in ("", "metric=x"):
                status, _ = get(query=query)
                wrong += [f"{label}: viewer ?{query} {status}"] * (status != 200)
        count += 6
    verdict(
        not wrong,
        f"{count - len(wrong)} of {count} go on; {'; '.join(wrong)}",
        f"{count} of {count} go on",
    )


def test_removal_of_no_run(tasks: Tasks, tmp_path: Path) -> None:
    """Refuses to remove a folder of photographs, though its name begins as that of a run."""
    photos = tmp_path / "20261129-120000-photos"
    copy = photos / "sub" / "only-copy.txt"
    copy.parent.mkdir(parents=True)
    copy.write_text("precious")
    code = tasks.call("runs", "rm", photos, "--yes").returncode
    verdict(
        code != 0 and copy.exists(),
        f"exit code {code}, file there: {copy.exists()}",
        "a non-zero exit code, file there: True",
    )


def test_commit_of_a_slow_git(make_tasks: Callable[..., Tasks], tmp_path: Path) -> None:
    """Records the commit though git takes half a second, or says on the terminal and the page that it is unknown."""
    real = shutil.which("git")
    slow, repository = tmp_path / "bin" / "git", tmp_path / "repository"
    slow.parent.mkdir()
    slow.write_text(f'#!/bin/sh\nsleep 0.5\nexec {real} "$@"\n')
    slow.chmod(0o755)

    def git(*words: str) -> str:
        command = [str(real), "-C", str(repository), "-c", "user.email=a@b", "-c", "user.name=a"]
        answer = subprocess.run([*command, *words], capture_output=True, text=True, check=True)
        return answer.stdout.strip()

    repository.mkdir()
    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "x")
    commit = git("rev-parse", "HEAD")
    tasks = make_tasks(PATH=f"{slow.parent}{os.pathsep}{os.environ['PATH']}")
    answer = done(tasks.run("run", "hci", "example", "--episodes=2", cwd=repository))
    (run,) = tasks.records()
    report = run / "report.html"
    page = report.read_text().lower() if report.exists() else ""
    is_recorded = commit in (run / "env.json").read_text()
    is_told = "git" in answer.stderr.lower() and "unknown" in page
    verdict(
        is_recorded or is_told,
        f"recorded: {is_recorded}, said: {is_told}",
        "recorded: True (or said: True)",
    )


@pytest.mark.slow
def test_manifests_that_misbehave(plugin: Plugin) -> None:
    """Lists the other domains with exit code 0 and no control characters, whatever one manifest does."""
    limit = size("listing_seconds")
    endless = f"threading.Thread(target=lambda: time.sleep({2 * limit})).start()"
    wrong = []
    for label, line in {
        "interrupt": "raise KeyboardInterrupt",
        "thread": f"import threading, time; {endless}",
        "atexit": "import atexit; atexit.register(lambda: print('BYE'))",
    }.items():
        tasks = plugin(label, "", line)
        try:
            answer = tasks.run("list", "--json", timeout=limit)
            json.loads(answer.stdout)
            if answer.returncode or "anomaly" not in answer.stdout:
                wrong.append(f"{label}: exit code {answer.returncode}")
        except subprocess.TimeoutExpired:
            wrong.append(f"{label}: no end within {limit} s")
        except ValueError as error:
            wrong.append(f"{label}: exit code {answer.returncode}, no JSON: {error}")
    tasks = plugin("paint", "", "RED = chr(27) + '[31mred' + chr(10) + 'second line'")
    manifest = Path(tasks.environment["PYTHONPATH"]) / "paint_manifest.py"
    manifest.write_text(manifest.read_text().replace("'A case.', extra", "RED, extra"))
    answer = tasks.run("list")
    if answer.returncode or chr(27) in answer.stdout or "anomaly" not in answer.stdout:
        wrong.append("paint: an escape sequence reaches the terminal")
    verdict(not wrong, f"{4 - len(wrong)} of 4 harmless; {'; '.join(wrong)}", "4 of 4 harmless")
