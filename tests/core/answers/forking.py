"""A process that has imported the commands and no plugin, and forks for each command line: `python forking.py`.

It reads `[variables, folder, words, file]` as JSON, one a line, runs the command in a child whose output goes into the file, and
writes the exit code. So a command sees the code as it is on disk, and costs a twentieth of a fresh interpreter. The words
`python TASK VALUES OPTIONS` call `taskloom.run` instead. With an address and a folder it starts a node of Ray first.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

for module in (
    "taskloom.cli.commands.run",
    "taskloom.cli.commands.resume",
    "taskloom.cli.commands.sweep",
    "taskloom.answering",
    "taskloom.placement.inline",
    "taskloom.placement.local",
    "taskloom.report.write",
    "taskloom.api",
    "filelock",
):
    import_module(module)


def call(task: str, values: str, options: str) -> int:
    """Run a task from Python and print what `tasks run --json` would."""
    import taskloom as tl
    from taskloom.errors import TaskloomError

    try:
        run = tl.run(task, json.loads(values), options=tl.RunOptions(**json.loads(options)))
    except TaskloomError as error:
        sys.stderr.write(f"{error.message}\n")
        return int(error.exit_code)
    told = {"id": run.id, "metrics": dict(run.metrics), "reused": run.reused}
    print(json.dumps({**told, "stale": list(run.stale)}))
    return 0


def child(variables: dict[str, str], folder: str, words: list[str], output: str) -> int:
    """Run one command line with its output in two files."""
    for number, suffix in ((1, ".out"), (2, ".err")):
        target = os.open(output + suffix, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(target, number)
        os.close(target)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    for place in reversed(variables.get("PYTHONPATH", "").split(os.pathsep)):
        sys.path.insert(0, place)
    from taskloom.cli import main
    from taskloom.registry import refresh

    refresh()
    return call(*words[1:]) if words[0] == "python" else int(main(words))


def start_ray(address: str, folder: str) -> None:
    """Start a node of Ray, which ends with the network of this process; variables of later commands do not reach its workers."""
    settings = {
        "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_raylet_start_wait_time_s": "500",  # on a machine that is busy
    }
    words = [
        "start",
        "--head",
        f"--port={address.partition(':')[2]}",
        "--node-ip-address=127.0.0.1",
    ]
    words += ["--num-cpus=2", "--include-dashboard=false", f"--temp-dir={folder}"]
    words += ["--object-store-memory=80000000", "--disable-usage-stats"]
    command = [sys.executable, "-c", "from ray.scripts.scripts import main; main()", *words]
    subprocess.run(command, env={**os.environ, **settings}, stdout=sys.stderr, check=True)


def stop_ray(folder: str) -> None:
    """End the processes of the node, which carry its folder in their command lines; those of other nodes are left alone."""
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (
                folder.encode() in (place / "cmdline").read_bytes()
                and int(place.name) != os.getpid()
            ):
                os.kill(int(place.name), signal.SIGKILL)


if len(sys.argv) > 1:
    atexit.register(stop_ray, sys.argv[2])
    start_ray(*sys.argv[1:])
for line in sys.stdin:
    asked = json.loads(line)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = child(*asked)
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
    sys.stdout.flush()
