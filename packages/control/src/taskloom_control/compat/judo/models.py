"""The folder of judo's models: one that the user names, or that of an installed judo. Nothing is downloaded, judo not imported."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from taskloom_control.errors import ModelError

if TYPE_CHECKING:
    import mujoco

VARIABLE = "TASKLOOM_JUDO_MODELS"


def models_folder() -> Path:
    """Return the folder that judo calls MODEL_PATH.

    Raises:
        ModelError: There is none.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    spec = find_spec("judo")
    for place in spec.submodule_search_locations or () if spec else ():
        if (Path(place) / "models").is_dir():
            return Path(place) / "models"
    raise ModelError(
        f"judo's models are not here: set ${VARIABLE} to their folder, or install judo-rai beside taskloom."
    )


def missing_mesh(path: Path, spec: mujoco.MjSpec) -> str:
    """Return the name of a file that a model needs and that is not there, seen from its folder; empty if all are."""
    folder = path.parent / (spec.meshdir or "")
    for mesh in spec.meshes:
        if (
            mesh.file
            and not (folder / mesh.file).is_file()
            and not (path.parent / mesh.file).is_file()
        ):
            return str(Path(spec.meshdir or "") / mesh.file)
    return ""
