"""The compiled models of a run, kept with it: what a replay compares with, and names as the cause."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np

from taskloom_control.errors import ModelError
from taskloom_control.mjcf.compiling import model_digest, model_fields

if TYPE_CHECKING:
    from taskloom_control.task import ControlTask

# A larger model is told by its digests only.
_LARGEST = 8_000_000
_SHOWN = 2


def keep_models(task: ControlTask[Any], place: Callable[[str], Path]) -> dict[str, Path]:
    """Write the digests of a run's models, and the models themselves where they are small; return the files by name.

    Args:
        task: A copy of the task.
        place: Gives the path for the name of a file.
    """
    models = {"plan": task.model, "sim": task.sim_model}
    facts: dict[str, Any] = {"mujoco": mujoco.__version__}
    files = {"model": place("model.json")}
    for name, model in models.items():
        facts[name] = {"sha256": model_digest(model), "fields": model_fields(model)}
        if mujoco.mj_sizeModel(model) <= _LARGEST and (name == "plan" or model is not task.model):
            files[f"{name}_model"] = place(f"{name}.mjb")
            mujoco.mj_saveModel(model, str(files[f"{name}_model"]), None)
    files["model"].write_text(json.dumps(facts) + "\n", encoding="utf-8", newline="\n")
    return files


def why_models_differ(recorded: Path, task: ControlTask[Any]) -> str:
    """Return the sentence on models that are no longer those of a run; empty if they are.

    Args:
        recorded: The file `model.json` of the run; the models lie beside it.
        task: A copy of the task as it is now.

    Raises:
        ModelError: The file cannot be read.
    """
    try:
        facts = json.loads(recorded.read_text(encoding="utf-8"))
        version, kept = (
            str(facts["mujoco"]),
            {name: dict(facts[name]["fields"]) for name in ("plan", "sim")},
        )
    except (OSError, ValueError, KeyError, TypeError):
        raise ModelError(f"The file '{recorded.name}' of the run cannot be read.") from None
    sentences = []
    if version != mujoco.__version__:
        sentences.append(f"MuJoCo was {version} and is {mujoco.__version__}.")
    for name, model in (("plan", task.model), ("sim", task.sim_model)):
        now = model_fields(model)
        changed = [field for field in now if now[field] != kept[name].get(field)]
        if changed:
            file = recorded.with_name(
                f"{name if name == 'plan' or not _alike(facts) else 'plan'}.mjb"
            )
            shown = ", ".join(_change(field, model, file) for field in changed[:_SHOWN])
            further = len(changed) - _SHOWN
            more = f" ({further} further fields)" if further > 0 else ""
            which = "planning" if name == "plan" else "simulated"
            sentences.append(f"The {which} model changed since: {shown}{more}.")
            break
    return " ".join(sentences)


def recorded_models(recorded: Path) -> tuple[mujoco.MjModel, mujoco.MjModel]:
    """Return the planning and the simulated model that a run kept.

    Args:
        recorded: The file `model.json` of the run; the models lie beside it.

    Raises:
        ModelError: The run kept none, because they are large, or they cannot be read.
    """
    plan, sim = (recorded.with_name(f"{name}.mjb") for name in ("plan", "sim"))
    if not plan.is_file():
        raise ModelError(
            "The run kept digests of its models only, since they are larger than 8 MB."
        )
    try:
        first = mujoco.MjModel.from_binary_path(str(plan))
        return first, mujoco.MjModel.from_binary_path(str(sim)) if sim.is_file() else first
    except (ValueError, mujoco.FatalError):
        raise ModelError(
            f"The models of the run cannot be read by MuJoCo {mujoco.__version__}."
        ) from None


def given_models(
    task: ControlTask[Any], models: tuple[mujoco.MjModel, mujoco.MjModel]
) -> ControlTask[Any]:
    """Return a task that plans with and simulates these models, instead of compiling its own."""
    task.model, task.sim_model = models
    # A class in judo's form makes its state at once, others when it is first asked for.
    if "data" in vars(task):
        task.data = mujoco.MjData(models[1])
    return task


def _alike(facts: dict[str, Any]) -> bool:
    return bool(facts["plan"]["sha256"] == facts["sim"]["sha256"])


def _change(field: str, model: mujoco.MjModel, file: Path) -> str:
    """Return a field that changed, with the first element that did and both of its values where the old model was kept."""
    if "." in field or not file.is_file():
        return field
    old, new = getattr(mujoco.MjModel.from_binary_path(str(file)), field), getattr(model, field)
    if not isinstance(new, np.ndarray) or np.shape(old) != np.shape(new):
        return field
    rows = np.argwhere(old != new)
    if not len(rows):
        return field
    place = tuple(rows[0])
    owner = model.body(int(place[0])).name if field.startswith("body_") else ""
    label = f"[{owner or ', '.join(map(str, place))}]"
    return f"{field}{label} {old[place]:g} -> {new[place]:g}"
