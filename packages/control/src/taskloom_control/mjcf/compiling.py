"""Compiled models, the files that they are made of, and a digest that says whether two are one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from copy import copy
from pathlib import Path
from xml.etree import ElementTree

import mujoco
import numpy as np

from taskloom_control.errors import ModelError

# Fields of a compiled model that say where its files lie and how it is drawn, not what it is.
_NO_PHYSICS = {"paths", "npaths", "nbuffer", "signature", "vis", "names_map"}


def compile_model(path: Path | str | None, edit: Callable[[mujoco.MjSpec], None]) -> mujoco.MjModel:
    """Compile an MJCF file.

    Args:
        path: The file; None if a task forgot to name it.
        edit: Changes the specification before it is compiled.

    Raises:
        ModelError: The file does not exist or does not compile, or the model has no actuator.
    """
    if path is None:
        raise ModelError("The task names no model; set its `model_path` to an MJCF file.")
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"The model file '{path}' does not exist.")
    try:
        # MuJoCo's cache compiles the old mesh when a file is replaced within the same second.
        mujoco.mj_clearCache(mujoco.mj_getCache())
        spec = mujoco.MjSpec.from_file(str(path))
        edit(spec)
        model = spec.compile()
    except (ValueError, mujoco.FatalError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"The model '{path.name}' does not compile: {reason}") from None
    if model.nu == 0:
        raise ModelError(
            f"The model '{path.name}' has no actuator (nu = 0), so there is nothing to control; add one under <actuator>."
        )
    # Opened by Python too: MuJoCo reads in C, where a run does not see what it depends on.
    for source in model_files(path, spec):
        source.open("rb").close()
    return model


def awake(model: mujoco.MjModel) -> mujoco.MjModel:
    """Return a model in which nothing sleeps: the same one, or a copy if it lets bodies sleep.

    A candidate that pushes a sleeping body must wake it, and what sleeps is not part of the state that rollouts begin with.
    """
    # The oldest MuJoCo that is allowed knows no sleep.
    flag = int(getattr(mujoco.mjtEnableBit, "mjENBL_SLEEP", 0))
    if not model.opt.enableflags & flag:
        return model
    roused = copy(model)
    roused.opt.enableflags &= ~flag
    return roused


def model_files(path: Path, spec: mujoco.MjSpec) -> list[Path]:
    """Return every file that a model is made of: the MJCF, its includes, meshes, height fields, textures and skins.

    Args:
        path: The MJCF file.
        spec: Its specification.
    """
    found = dict.fromkeys(_with_includes(path, path.parent))
    meshes, textures = Path(spec.meshdir or ""), Path(spec.texturedir or "")
    named = [(meshes, m.file) for m in spec.meshes] + [(meshes, h.file) for h in spec.hfields]
    named += [(meshes, s.file) for s in spec.skins]
    for texture in spec.textures:
        named += [(textures, texture.file)] + [(textures, f) for f in texture.cubefiles]
    for folder, name in named:
        for place in (path.parent / folder / name, path.parent / name) if name else ():
            if place.is_file():
                found[place] = None
                break
    return list(found)


def _with_includes(path: Path, folder: Path) -> Iterator[Path]:
    yield path
    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError:
        return  # a binary model, or a URDF that only MuJoCo understands
    for element in root.iter("include"):
        included = folder / element.get("file", "")
        if included.is_file():
            yield from _with_includes(included, folder)


def model_fields(model: mujoco.MjModel) -> dict[str, str]:
    """Return the digest of each field of a compiled model that says what it is, by name, sorted."""
    found = {}
    for home, prefix in ((model, ""), (model.opt, "opt."), (model.stat, "stat.")):
        for name in dir(home):
            if name.startswith("_") or name in _NO_PHYSICS or name.endswith("pathadr"):
                continue
            value = getattr(home, name)
            if not isinstance(value, np.ndarray | int | float | bytes):
                continue
            raw = value if isinstance(value, bytes) else np.ascontiguousarray(value)
            whole = hashlib.sha256(
                raw
                if isinstance(raw, bytes)
                else f"{raw.dtype.str}{raw.shape}".encode() + raw.tobytes()
            )
            found[prefix + name] = whole.hexdigest()
    return dict(sorted(found.items()))


def model_digest(model: mujoco.MjModel) -> str:
    """Return the SHA-256 of what a compiled model is: the same in every folder and process.

    MuJoCo's own `signature` leaves out masses, and a saved model contains the paths of its meshes.
    """
    lines = (f"{name}={sha}\n" for name, sha in model_fields(model).items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()
