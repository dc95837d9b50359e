"""What a quick command must not import; seconds are measured in benchmarks/startup."""

import subprocess
import sys
from pathlib import Path

import pytest

GARDEN = Path(__file__).parent / "garden"
BACKENDS = ("torch", "jax", "flax", "mujoco", "lightning", "gymnasium", "numpy")


@pytest.mark.parametrize(
    ("words", "forbidden"),
    [
        (["list"], (*BACKENDS, "rich", "pydantic", "typer", "yaml", "importlib.metadata")),
        (["list", "--json"], (*BACKENDS, "rich", "pydantic", "typer", "yaml")),
        (["--version"], (*BACKENDS, "rich", "pydantic", "typer", "yaml")),
        (["--help"], (*BACKENDS, "rich", "pydantic", "yaml")),
        (["runs", "ls", "--json"], (*BACKENDS, "rich", "yaml")),
        (["run", "garden", "grow", "--help"], (*BACKENDS, "rich", "yaml")),
    ],
)
def test_command_leaves_unimported(
    words: list[str], forbidden: tuple[str, ...], tmp_path: Path
) -> None:
    code = (
        "import sys\n"
        f"sys.path.insert(0, {str(GARDEN)!r})\n"
        "from taskloom.cli import main\n"
        f"code = main({words!r})\n"
        f"found = [name for name in {forbidden!r} if name in sys.modules]\n"
        "sys.exit(f'exit code {code}, imported {found}' if code or found else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
