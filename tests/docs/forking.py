"""A process that has imported heavy libraries and forks for each command of a page: `python forking.py SOCKET`.

A page asks its reader for a dozen commands, and an interpreter that imports PyTorch, JAX and MuJoCo for each costs more than all
that they compute. A child of this one has those modules and core's commands, and none of a domain; what it runs is `tasks`, or a
script or code of the page, as it is on disk, with the arguments, the folder, the variables and the streams of its client. None of the libraries starts a
thread by being imported, so that the process may fork.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import select
import signal
import site
import socket
import sys
import threading
import traceback
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import NoReturn

MODULES = (
    *("numpy", "scipy.special", "scipy.stats", "scipy.ndimage", "sklearn.datasets"),
    *("sklearn.ensemble", "pandas", "vl_convert", "filelock", "typer", "rich.console"),
    *("torch", "lightning.pytorch", "safetensors.torch", "transformers", "rdkit.Chem"),
    *("jax", "jax.numpy", "flax.linen", "optax", "mujoco", "gymnasium"),
    *("taskloom.cli.commands.run", "taskloom.cli.commands.sweep", "taskloom.answering"),
    *("taskloom.placement.inline", "taskloom.report.write", "taskloom.api"),
)
# What the `tasks` and the `python` of a page are: they pass everything on, and end as the child ended.
CLIENT = """\
#!{python} -IS
import json, os, socket, sys
if {program!r} == "python" and not (sys.argv[1:2] == ["-c"] or "".join(sys.argv[1:2]).endswith(".py")):
    found = os.path.join(os.environ["VIRTUAL_ENV"], "bin", "python")
    os.execv(found, [found, *sys.argv[1:]])  # by whose name Python finds its environment
with socket.socket(socket.AF_UNIX) as here:
    here.connect({address!r})
    socket.send_fds(here, [b"+"], [0, 1, 2])
    here.sendall(json.dumps([{program!r}, sys.argv[1:], os.getcwd(), dict(os.environ)]).encode())
    here.shutdown(socket.SHUT_WR)
    code = here.recv(16)
sys.exit(int(code) if code else 1)
"""


def serve(address: str) -> NoReturn:
    """Fork for each client, for ever."""
    for name in MODULES:
        with suppress(ImportError):  # what an environment lacks, its pages do not need
            import_module(name)
    assert threading.active_count() == 1, "a process with threads must not fork"
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        while True:
            client, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _attend(client)
            client.close()
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


def _attend(client: socket.socket) -> NoReturn:
    """Run what a client asks for in a child of this process, and say how it ended."""
    _, streams, _, _ = socket.recv_fds(client, 1, 3)
    asked = b"".join(iter(lambda: client.recv(65536), b""))
    command = os.fork()
    if command == 0:
        client.close()
        _become(streams, *json.loads(asked))
    # A client that is killed, by `timeout` say, takes its command with it.
    waiting, ended = select.poll(), os.pidfd_open(command)
    waiting.register(client, 0)  # a client that is gone hangs up
    waiting.register(ended, select.POLLIN)
    if ended not in dict(waiting.poll()):
        os.kill(command, signal.SIGTERM)
    code = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
    with suppress(BrokenPipeError):
        client.sendall(str(code if code >= 0 else 128 - code).encode())
    os._exit(0)


def _become(
    streams: list[int], program: str, words: list[str], folder: str, variables: dict[str, str]
) -> NoReturn:
    """Be the `tasks` or the `python` of an environment."""
    for target, source in enumerate(streams):
        os.dup2(source, target)
        os.close(source)
    code = 1
    try:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(variables)
        home = Path(variables["VIRTUAL_ENV"])
        sys.prefix, sys.executable = str(home), str(home / "bin" / "python")
        sys.argv = words if program == "python" else [str(home / "bin" / program), *words]
        for place in reversed(variables.get("PYTHONPATH", "").split(os.pathsep)):
            sys.path.insert(0, place)
        site.addsitedir(str(next((home / "lib").glob("python*/site-packages"))))
        from taskloom.cli import main
        from taskloom.registry import refresh

        refresh()
        code = _interpret(words) if program == "python" else int(main())
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(BaseException):
            threading._shutdown()
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _interpret(words: list[str]) -> int:
    """Run `-c CODE`, or a script with the words that follow it, as an interpreter of its own would."""
    if words[0] == "-c":
        sys.path.insert(0, "")
        code = compile(words[1], "<string>", "exec", dont_inherit=True)  # annotations stay values
        exec(code, {"__name__": "__main__"})
    else:
        sys.path.insert(0, str(Path(words[0]).resolve().parent))
        runpy.run_path(words[0], run_name="__main__")
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    serve(sys.argv[1])
